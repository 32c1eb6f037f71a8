"""The log's questions to the database."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from deskhold.chassis.db import Database
from deskhold.chassis.paging import Page
from rbac_service.log.rules import (
    GENESIS_HASH,
    MAX_CHARACTERS,
    Author,
    Change,
    Entry,
    EntryFilter,
    chain_hash,
    decode_changes,
    encode_revisions,
)
from rbac_service.tables import head, log

_HEAD = select(head.c.epoch, head.c.revision)
_LOCK = _HEAD.with_for_update()
# An entry holds what one call changed, up to megabytes; no answer is to hold too many of those.
MAX_PAGE_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends.

    Attributes:
        epoch: Names this history; a restored store gets a new one.
        revision: The newest revision; 0 before the first.
    """

    epoch: str
    revision: int


async def newest_head(database: Database) -> Head:
    """Return where the log ends now, in one read for everybody who waits for it.

    Raises:
        Unavailable: The store does not answer.
        ResourceExhausted: Too much waits for it already.
    """
    return await database.lookup("head", read_heads, None)


def read_heads(connection: Connection, arguments: Sequence[None]) -> Sequence[Head]:
    """Read the head once for everybody who waits for it (an operation for `Database.lookup`)."""
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
    """Append changes and return the newest revision; the caller holds the head's lock.

    They are one revision, or several, committed together, when one could not be sent.
    """
    revision = lock_head(connection)
    previous = connection.execute(
        select(log.c.hash).where(log.c.revision == revision)
    ).scalar_one_or_none()
    previous_hash = GENESIS_HASH if previous is None else bytes(previous)
    for encoded in encode_revisions(changes, MAX_CHARACTERS):
        revision += 1
        own_hash = chain_hash(previous_hash, revision, now_us, author, encoded)
        connection.execute(
            insert(log).values(
                revision=revision,
                time_us=now_us,
                actor=author.actor,
                request_id=author.request_id,
                decision_id=author.decision_id,
                changes=encoded,
                previous_hash=previous_hash,
                hash=own_hash,
            )
        )
        previous_hash = own_hash
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


def read_entries(connection: Connection, after_revision: int, limit: int) -> list[Entry]:
    """Return entries after a revision, oldest first: as many as asked for, or fewer large ones."""
    query = select(log).where(log.c.revision > after_revision).order_by(log.c.revision)
    return _read(connection, query.limit(limit))


def list_entries(connection: Connection, wanted: EntryFilter, page: Page) -> list[Entry]:
    """Return the entries of a page, oldest first, and one more when another page follows.

    Fewer than the page could hold come back when they are large; the last is then the one more.
    """
    after = wanted.after_revision if page.after is None else int(page.after)
    query = select(log).where(log.c.revision > after).order_by(log.c.revision).limit(page.probe)
    if wanted.actor is not None:
        query = query.where(log.c.actor == wanted.actor)
    if wanted.start_us is not None:
        query = query.where(log.c.time_us >= wanted.start_us)
    if wanted.end_us is not None:
        query = query.where(log.c.time_us < wanted.end_us)
    return _read(connection, query)


def read_damaged(connection: Connection, after_revision: int, limit: int) -> list[Entry]:
    """As `read_entries`, where a text that is none comes back spoilt instead of not at all."""
    with _tolerant(connection):
        return read_entries(connection, after_revision, limit)


def renew_epoch(connection: Connection) -> str:
    """Give this history a new name; return it. The caller holds the head's lock."""
    epoch = uuid.uuid4().hex
    connection.execute(update(head).values(epoch=epoch))
    return epoch


def _read(connection: Connection, query: Select[Any]) -> list[Entry]:
    found: list[Entry] = []
    characters = 0
    with connection.execute(query.execution_options(yield_per=100)) as rows:
        for row in rows:
            found.append(_entry(row))
            if characters > MAX_PAGE_CHARACTERS:
                break
            characters += len(row.changes)
    return found


def _entry(row: Any) -> Entry:
    return Entry(
        revision=row.revision,
        time_us=row.time_us,
        actor=row.actor,
        request_id=row.request_id,
        decision_id=row.decision_id,
        encoded=row.changes,
        previous_hash=bytes(row.previous_hash),
        hash=bytes(row.hash),
    )


@contextmanager
def _tolerant(connection: Connection) -> Iterator[None]:
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        yield  # other engines keep no text that is none
        return
    before = raw.text_factory
    raw.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        yield
    finally:
        raw.text_factory = before
