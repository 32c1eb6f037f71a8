"""Importing and exporting assignments."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from broker_service.assignments import store
from broker_service.assignments.files import FileRow, read_rows, write_rows
from broker_service.assignments.plan import Plan, Planner
from broker_service.collections.rules import Collection
from broker_service.collections.store import lock_collection, require_collection
from broker_service.history.rules import Author, Cause
from broker_service.hosts.rules import Host
from broker_service.hosts.store import list_all, lock_versions
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.errors import Aborted, FailedPrecondition, FieldViolation, InvalidArgument, NotFound
from deskhold.identities import Domains
from deskhold.names import fold_id

Reply = TypeVar("Reply")

# As many as fit into the trailers of a call, which gRPC limits to 8 KiB; `validate_only` tells all.
_SHOWN_REJECTIONS = 10
# So that the verdicts of all rows fit into a reply.
_MAX_ROWS = 50_000
# How often a plan is made anew because what it rests on has changed.
_DRAFTS = 5


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """An assignment file.

    Attributes:
        content: UTF-8 CSV.
        row_count: How many rows follow the header.
    """

    content: bytes
    row_count: int


class _Stale(Exception):
    """What a plan was made on has changed."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A plan that was made outside of the transaction that carries it out.

    Attributes:
        name: Name of the collection.
        collection: It as it was.
        hosts: Every host of it as it was, by key.
        plan: The plan.
        replace: Whether it rests on every host; otherwise on those of its rows and users.
        refusal: Why there is none.
    """

    name: str
    collection: Collection | None = None
    hosts: Mapping[str, Host] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    replace: bool = False
    refusal: NotFound | FailedPrecondition | None = None

    def result(self, _: Connection) -> Plan:
        """Return the plan, for a commit that changes nothing.

        Raises:
            NotFound, FailedPrecondition: The refusal.
        """
        if self.refusal is not None:
            raise self.refusal
        return self.plan

    def apply(self, connection: Connection, *, author: Author) -> Plan:
        """Carry out the plan if what it rests on is as it was.

        Raises:
            _Stale: It is not.
            InvalidArgument: Rows are rejected.
            NotFound, FailedPrecondition: The refusal.
        """
        plan = self.result(connection)
        if plan.rejected:
            raise _rejection(plan)
        found = lock_collection(connection, self.name)
        if found != self.collection or self._is_stale(lock_versions(connection, found)):
            raise _Stale
        store.free(connection, found, plan.remove, cause=Cause.IMPORT, author=author)
        store.hold(
            connection,
            found,
            plan.assign,
            cause=Cause.IMPORT,
            authors=[author] * len(plan.assign),
            taken=_slots(self.hosts.values(), freed={host.id for host in plan.remove}),
        )
        return plan

    def _is_stale(self, versions: Mapping[str, tuple[int, int, str | None]]) -> bool:
        changed = {
            key
            for key in self.hosts.keys() | versions.keys()
            if (host := self.hosts.get(key)) is None
            or versions.get(key, (None,))[:2] != (host.id, host.version)
        }
        if self.replace or not changed:
            return bool(changed)
        # Others may sign in meanwhile: only what the rows name counts.
        named = {fold_id(verdict.row.host_id) for verdict in self.plan.verdicts}
        users = {person.key for _, person in self.plan.assign}
        return any(key in named or versions.get(key, (0, 0, None))[2] in users for key in changed)


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
            Aborted: The hosts of the file are changed by others again and again.
            NotFound: No such collection.
            FailedPrecondition: The collection is pooled.
            InvalidArgument: The file has no rows or too many; or a row is
                rejected, and nothing was written.
        """
        # Off the event loop: a large file takes a while to read, and others wait there.
        rows = await asyncio.to_thread(read_rows, content, most=_MAX_ROWS + 1)
        _check_size(rows)

        draft = await self._draft(collection, rows, replace=replace, now_us=author.now_us)
        if validate_only:
            return await commit(draft.result)
        for _ in range(_DRAFTS):
            try:
                return await commit(partial(draft.apply, author=author))
            except _Stale:
                draft = await self._draft(collection, rows, replace=replace, now_us=author.now_us)
        raise Aborted(
            f"the hosts of {collection} change faster than the file can be compared with them;"
            " nothing was changed; import it again when fewer changes are made",
            metadata={"collection": collection},
        )

    async def _draft(
        self, collection: str, rows: Sequence[FileRow], *, replace: bool, now_us: int
    ) -> _Draft:
        """Plan an import without keeping anybody from writing: that takes seconds."""

        def read(connection: Connection) -> _Draft:
            try:
                found = require_collection(connection, collection)
                found.require_personal()
            except (NotFound, FailedPrecondition) as refusal:
                return _Draft(collection, refusal=refusal)
            hosts = {host.key: host for host in list_all(connection, found)}
            planner = Planner(found, hosts, self._domains, replace=replace, now_us=now_us)
            return _Draft(collection, found, hosts, planner.plan(rows), replace)

        return await self._database.read(read)

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
