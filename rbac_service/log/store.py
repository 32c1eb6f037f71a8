"""The log's questions to the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from rbac_service.log.rules import (
    GENESIS_HASH,
    Author,
    Change,
    chain_hash,
    decode_changes,
    encode_changes,
)
from rbac_service.tables import head, log

_HEAD = select(head.c.epoch, head.c.revision)
_LOCK = _HEAD.with_for_update()


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends.

    Attributes:
        epoch: Names this history; a restored store gets a new one.
        revision: The newest revision; 0 before the first.
    """

    epoch: str
    revision: int


def read_heads(connection: Connection, arguments: Sequence[None]) -> Sequence[Head]:
    """Read the head once for everybody who waits for it (an operation for `Lane.gather`)."""
    return [read_head(connection)] * len(arguments)


def read_head(connection: Connection) -> Head:
    """Return where the log ends."""
    row = connection.execute(_HEAD).one()
    return Head(row.epoch, row.revision)


def lock_head(connection: Connection) -> int:
    """Wait for every other writer and return the newest revision.

    Taken first in every change, so that what is read afterwards cannot be outrun.
    """
    return int(connection.execute(_LOCK).one().revision)


def append(
    connection: Connection, changes: Sequence[Change], *, author: Author, now_us: int
) -> int:
    """Append one entry and return its revision; the caller holds the head's lock."""
    before = lock_head(connection)
    revision = before + 1
    previous = connection.execute(
        select(log.c.hash).where(log.c.revision == before)
    ).scalar_one_or_none()
    previous_hash = GENESIS_HASH if previous is None else bytes(previous)
    encoded = encode_changes(changes)
    connection.execute(
        insert(log).values(
            revision=revision,
            time_us=now_us,
            actor=author.actor,
            request_id=author.request_id,
            decision_id=author.decision_id,
            changes=encoded,
            previous_hash=previous_hash,
            hash=chain_hash(previous_hash, revision, now_us, author, encoded),
        )
    )
    connection.execute(update(head).values(revision=revision))
    return revision


def read_after(connection: Connection, revision: int) -> Iterator[tuple[int, tuple[Change, ...]]]:
    """Return the entries after a revision, oldest first."""
    rows = connection.execute(
        select(log.c.revision, log.c.changes)
        .where(log.c.revision > revision)
        .order_by(log.c.revision)
    )
    for row in rows:
        yield row.revision, decode_changes(row.changes)
