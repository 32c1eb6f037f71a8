"""Mutations that can be repeated (AIP-155) or only tried (AIP-163).

A use case says what belongs into one transaction; how that transaction is run is decided here, from
the request: with a `request_id` the answer is stored in the same transaction and a retry gets it
again, with `validate_only` everything is undone and the answer tells what would be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from google.protobuf.message import Message
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)

from deskhold.chassis.calls import Call
from deskhold.chassis.db.database import Database
from deskhold.errors import InvalidArgument

KEPT_SECONDS = 24 * 3600
_PRUNED_PER_WRITE = 2

Value = TypeVar("Value")
Reply = TypeVar("Reply", bound=Message)
Reply_co = TypeVar("Reply_co", covariant=True)


class Commit(Protocol[Reply_co]):
    """Runs one unit of work in a transaction and returns the reply to it."""

    async def __call__(self, work: Callable[[Connection], Any], /) -> Reply_co:
        """Run the work, commit, and return the reply made of its result."""


def replies_table(metadata: MetaData) -> Table:
    """Return the table that keeps the first answers, to be part of a service's own schema."""
    table = Table(
        "replies",
        metadata,
        Column("caller", String(600), primary_key=True),
        Column("request_id", String(36), primary_key=True),
        Column("fingerprint", LargeBinary(32), nullable=False),
        Column("reply", LargeBinary, nullable=False),
        Column("created_us", BigInteger, nullable=False),
    )
    Index("replies_by_time", table.c.created_us)
    return table


class Mutations:
    """Makes the `Commit` of a call.

    Args:
        database: Where they are run.
        table: Made by `replies_table`.
        clock_us: Microseconds since the epoch.
    """

    def __init__(self, database: Database, table: Table, clock_us: Callable[[], int]) -> None:
        self._database = database
        self._table = table
        self._clock_us = clock_us

    def commit(
        self, call: Call, request: Any, reply_type: type[Reply], encode: Callable[[Value], Reply]
    ) -> Commit[Reply]:
        """Return how the transaction of a mutation is run.

        Args:
            call: The call; answers are kept per caller.
            request: Its request; `request_id` and `validate_only` decide.
            reply_type: What the call returns.
            encode: Turns the result of the work into the reply.

        Raises:
            InvalidArgument: When run, if the request id was used for another request.
        """

        async def run(work: Callable[[Connection], Any]) -> Reply:
            def encoded(connection: Connection) -> Reply:
                return encode(work(connection))

            if request.validate_only:
                return await self._database.write(encoded, dry=True)
            if not request.request_id:
                return await self._database.write(encoded)
            key = (call.authenticated.key, request.request_id.lower())
            fingerprint = _fingerprint(request)
            now_us = self._clock_us()

            def once(connection: Connection) -> Reply:
                stored = self._stored(connection, key, fingerprint)
                if stored is not None:
                    return reply_type.FromString(stored)
                # First, so that the same request at another process waits for this answer.
                self._reserve(connection, key, fingerprint, now_us)
                reply = encoded(connection)
                self._keep(connection, key, reply)
                self._prune(connection, now_us)
                return reply

            return await self._database.write(once)

        return run

    def _stored(
        self, connection: Connection, key: tuple[str, str], fingerprint: bytes
    ) -> bytes | None:
        table = self._table
        row = connection.execute(
            select(table.c.fingerprint, table.c.reply).where(
                table.c.caller == key[0], table.c.request_id == key[1]
            )
        ).one_or_none()
        if row is None:
            return None
        if row.fingerprint != fingerprint:
            raise InvalidArgument(
                f"request_id: {key[1]} was used for another request; use a new one",
                reason="REQUEST_ID_REUSED",
                metadata={"request_id": key[1]},
            )
        return bytes(row.reply)

    def _reserve(
        self, connection: Connection, key: tuple[str, str], fingerprint: bytes, now_us: int
    ) -> None:
        connection.execute(
            insert(self._table).values(
                caller=key[0],
                request_id=key[1],
                fingerprint=fingerprint,
                reply=b"",
                created_us=now_us,
            )
        )

    def _keep(self, connection: Connection, key: tuple[str, str], reply: Message) -> None:
        table = self._table
        own = update(table).where(table.c.caller == key[0], table.c.request_id == key[1])
        connection.execute(own.values(reply=reply.SerializeToString()))

    def _prune(self, connection: Connection, now_us: int) -> None:
        table = self._table
        # Every write removes more old answers than it adds, so the table stays as large as a day's
        # mutations.
        old = (
            select(table.c.caller, table.c.request_id)
            .where(table.c.created_us < now_us - KEPT_SECONDS * 1_000_000)
            .order_by(table.c.created_us)
            .limit(_PRUNED_PER_WRITE)
            # What another process prunes at this moment need not be waited for.
            .with_for_update(skip_locked=True)
        )
        for row in connection.execute(old).all():
            connection.execute(
                delete(table).where(
                    table.c.caller == row.caller, table.c.request_id == row.request_id
                )
            )


def _fingerprint(request: Any) -> bytes:
    bare = type(request)()
    bare.CopyFrom(request)
    bare.request_id = ""  # a UUID is the same in either case, and is the key already
    named = request.DESCRIPTOR.full_name.encode() + b"\0"
    return hashlib.sha256(named + bare.SerializeToString(deterministic=True)).digest()
