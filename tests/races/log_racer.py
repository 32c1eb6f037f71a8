"""One of several processes that write to the log of one policy store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deskhold.chassis.db import Connection, Database
from rbac_service.log.rules import Author, Change, ChangeKind
from rbac_service.log.store import append, lock_head

ENTRIES = 50


async def race(url: str, number: int, start: Callable[[], object]) -> list[int]:
    """Append entries, ten at a time; return their revisions."""
    database = Database(url)
    author = Author(f"user:{number}@contoso.com", f"request-{number}")

    def work(connection: Connection) -> int:
        lock_head(connection)
        change = Change(ChangeKind.ADD_GROUP, {"group_id": f"group-{number}"})
        return append(connection, [change], author=author, now_us=1)

    start()
    revisions = []
    for _ in range(ENTRIES // 10):
        revisions += await asyncio.gather(*(database.write(work) for _ in range(10)))
    await database.close()
    return revisions
