"""Importing and exporting assignments."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import TypeVar

from broker_service.assignments import store
from broker_service.assignments.files import FileRow, read_rows, write_rows
from broker_service.assignments.plan import Plan, Planner
from broker_service.collections.store import lock_collection, require_collection
from broker_service.history.rules import Author, Cause
from broker_service.hosts.rules import Host
from broker_service.hosts.store import lock_hosts
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.errors import FieldViolation, InvalidArgument
from deskhold.identities import Domains

Reply = TypeVar("Reply")

# As many as fit into the trailers of a call, which gRPC limits to 8 KiB; `validate_only` tells all.
_SHOWN_REJECTIONS = 10
# So that the verdicts of all rows fit into a reply.
_MAX_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """An assignment file.

    Attributes:
        content: UTF-8 CSV.
        row_count: How many rows follow the header.
    """

    content: bytes
    row_count: int


class Transfers:
    """Assignments in and out, as files.

    Args:
        database: The broker's store.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, domains: Domains) -> None:
        self._database = database
        self._domains = domains

    async def import_file(
        self,
        collection: str,
        content: bytes,
        *,
        replace: bool,
        validate_only: bool,
        author: Author,
        commit: Commit[Reply],
    ) -> Reply:
        """Apply a file whole or not at all; return the plan that was carried out.

        Args:
            collection: Where.
            content: The file as it is.
            replace: End what the file does not hold, move what stands in the way.
            validate_only: Return the plan even when rows are rejected.
            author: Who imports.
            commit: Runs the transaction; undoes it for validate_only.

        Raises:
            NotFound: No such collection.
            FailedPrecondition: The collection is pooled.
            InvalidArgument: The file has no rows or too many; or a row is
                rejected, and nothing was written.
        """
        # Off the event loop: a large file takes a while to read, and others wait there.
        rows = await asyncio.to_thread(read_rows, content, most=_MAX_ROWS + 1)
        _check_size(rows)

        def work(connection: Connection) -> Plan:
            found = lock_collection(connection, collection)
            found.require_personal()
            hosts = {host.key: host for host in lock_hosts(connection, found)}
            plan = Planner(found, hosts, self._domains, replace=replace, now_us=author.now_us).plan(
                rows
            )
            if plan.rejected:
                if not validate_only:
                    raise _rejection(plan)
                return plan
            store.free(connection, found, plan.remove, cause=Cause.IMPORT, author=author)
            store.hold(
                connection,
                found,
                plan.assign,
                cause=Cause.IMPORT,
                authors=[author] * len(plan.assign),
                taken=_slots(hosts.values(), freed={host.id for host in plan.remove}),
            )
            return plan

        return await commit(work)

    async def export_file(self, collection: str) -> ExportedFile:
        """Return the assignments of a collection as a file that `import_file` reads.

        Raises:
            NotFound: No such collection.
            FailedPrecondition: The collection is pooled.
        """

        def work(connection: Connection) -> ExportedFile:
            found = require_collection(connection, collection)
            found.require_personal()
            rows = store.export_held(connection, found)
            return ExportedFile(write_rows((row.host_id, row.user) for row in rows), len(rows))

        return await self._database.read(work)


def _slots(hosts: Iterable[Host], freed: Container[int]) -> dict[str, set[int]]:
    """Return the slots that are taken on all hosts of a collection but those freed, by user."""
    taken: dict[str, set[int]] = {}
    for host in hosts:
        if host.hold is not None and host.id not in freed:
            taken.setdefault(host.hold.user_key, set()).add(host.hold.slot)
    return taken


def _check_size(rows: list[FileRow]) -> None:
    if not rows:
        raise InvalidArgument.of_field(
            "content", "holds no rows; give a row 'host,user' per assignment"
        )
    if len(rows) > _MAX_ROWS:
        raise InvalidArgument.of_field(
            "content", f"holds more than {_MAX_ROWS} rows, the most; split the file"
        )


def _rejection(plan: Plan) -> InvalidArgument:
    rejected = plan.rejected
    first = rejected[0]
    return InvalidArgument(
        f"{len(rejected)} of {len(plan.verdicts)} rows cannot be applied, nothing was written;"
        f" line {first.row.line}: {first.message}",
        reason="IMPORT_REJECTED",
        metadata={
            "rows": str(len(plan.verdicts)),
            "rejected": str(len(rejected)),
            "line": str(first.row.line),
        },
        violations=tuple(
            FieldViolation(f"content[{verdict.row.line}]", verdict.message[:200])
            for verdict in rejected[:_SHOWN_REJECTIONS]
        ),
    )
