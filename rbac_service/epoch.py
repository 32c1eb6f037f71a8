"""A new epoch: one local command after the store was restored from a backup.

Revision tokens name the history they are of. A restored store has forgotten its last revisions, and
would give their numbers to others: tokens of before could then be taken for proof of changes that
never were. With a new epoch the tokens of the old history ask for full consistency, every process
loads the policy anew, and watches that go on are told to begin again.
"""

from __future__ import annotations

from deskhold.chassis.db import Connection, Database
from rbac_service.log.rules import Author
from rbac_service.log.store import append, lock_head, renew_epoch

_AUTHOR = Author(actor="local:new-epoch", request_id="")


async def new_epoch(database: Database, *, now_us: int) -> str:
    """Give the history a new name and log that it was done; return the name.

    Doing it without need costs nothing but the next checks' head reads. On an empty store nothing
    is logged: the first revision is the first Owner's.

    Args:
        database: The policy store.
        now_us: When.
    """

    def work(connection: Connection) -> str:
        if lock_head(connection) > 0:
            append(connection, [], author=_AUTHOR, now_us=now_us)
        return renew_epoch(connection)

    return await database.write(work)
