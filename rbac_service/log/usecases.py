"""Reading and verifying the log, and reading the decisions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from deskhold.chassis.db import Connection, Database
from deskhold.chassis.paging import Page
from rbac_service.log import store
from rbac_service.log.decision_rules import DecisionFilter, StoredDecision
from rbac_service.log.decision_store import list_decisions
from rbac_service.log.rules import GENESIS_HASH, Entry, EntryFilter, find_fault, find_head_fault

# A piece is one short transaction, and others take turns between two pieces.
_PIECE = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """How far the log's chain holds.

    Attributes:
        count: How many entries fit, from the first on.
        hash: The hash of the last one that fits.
        bad_revision: The first that does not fit; 0: all do.
        problem: What is wrong with it.
        ended: Whether the end of the log was reached, or a bad entry.
    """

    count: int = 0
    hash: bytes = GENESIS_HASH
    bad_revision: int = 0
    problem: str = ""
    ended: bool = False


class Audit:
    """The use cases of the audit.

    Args:
        database: The policy store.
        piece: How many entries are verified in one transaction.
    """

    def __init__(self, database: Database, piece: int = _PIECE) -> None:
        self._database = database
        self._piece = piece

    async def list_entries(self, wanted: EntryFilter, page: Page) -> tuple[list[Entry], Page]:
        """Return the entries of a page, oldest first, and one more when another page follows.

        The page comes back with them, smaller than asked for when its entries are large.
        """
        rows = await self._database.read(lambda tx: store.list_entries(tx, wanted, page))
        if sum(len(entry.encoded) for entry in rows[:-1]) > store.MAX_PAGE_CHARACTERS:
            page = replace(page, size=len(rows) - 1)
        return rows, page

    async def list_decisions(self, wanted: DecisionFilter, page: Page) -> list[StoredDecision]:
        """Return the decisions of a page, newest first, and one more when another page follows."""
        return await self._database.read(lambda tx: list_decisions(tx, wanted, page))

    async def verify(self) -> Verification:
        """Recompute the chain from its beginning, in pieces, off the event loop."""
        found = Verification()
        while not found.ended:
            found = await self._database.read(partial(self._verify, before=found))
        return found

    def _verify(self, connection: Connection, *, before: Verification) -> Verification:
        head = store.read_head(connection)
        entries = store.read_damaged(connection, before.count, self._piece)
        count, last_hash = before.count, before.hash
        for entry in entries:
            problem = find_fault(entry, count, last_hash)
            if not problem and entry.revision > head.revision:
                problem = find_head_fault(head.revision, entry.revision)
            if problem:
                return Verification(count, last_hash, count + 1, problem, ended=True)
            count, last_hash = entry.revision, entry.hash
        if entries:
            return Verification(count, last_hash)
        problem = find_head_fault(head.revision, count)
        bad = count + 1 if problem else 0
        return Verification(count, last_hash, bad, problem, ended=True)
