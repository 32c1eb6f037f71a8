"""Seeing sessions, and having something done to them by the agents of their hosts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from broker_service.collections.store import require_collection
from broker_service.hosts.rules import Host
from broker_service.hosts.usecases import require_host
from broker_service.sessions import records
from broker_service.sessions.records import Filter
from broker_service.sessions.reported import (
    Command,
    CommandKind,
    Session,
    SessionState,
    command_not_found,
    refuse_many,
    refuse_unreachable,
    session_not_found,
)
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains
from deskhold.names import Kind, Name

Reply = TypeVar("Reply")

# The column that keeps them takes no larger ones.
_MAX_SESSION_ID = 2**31 - 1


class SessionCommands:
    """The use cases of sessions that are there.

    Args:
        database: The broker's store.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, domains: Domains) -> None:
        self._database = database
        self._domains = domains

    async def get(self, name: Name) -> Session:
        """Return a session.

        Raises:
            NotFound: No such collection, host or session.
        """

        def work(connection: Connection) -> Session:
            return _require_session(connection, _host(connection, name), name)

        return await self._database.read(work)

    async def list_page(
        self,
        parent: Name,
        page: Page,
        *,
        host_id: str = "",
        user: str = "",
        states: Iterable[SessionState] = (),
    ) -> list[Session]:
        r"""Return the sessions of a page by host and number, and one more when another follows.

        Args:
            parent: A collection, or a tenant: all its collections.
            page: Which page.
            host_id: Only on this host of the collection.
            user: Only this user's: `DOMAIN\user` or `user@domain`.
            states: Only in one of these.

        Raises:
            NotFound: No such collection or host.
            InvalidArgument: A host is named without its collection, or the user is none.
        """
        if host_id and parent.kind is Kind.TENANT:
            raise InvalidArgument.of_field(
                "host_id", "goes with a collection; give the collection as parent"
            )
        user_key = self._domains.user_key(user) if user else ""

        def work(connection: Connection) -> list[Session]:
            wanted = Filter(user_key=user_key, states=frozenset(states))
            if parent.kind is Kind.TENANT:
                return records.list_sessions(connection, parent.text, wanted, page)
            collection = require_collection(connection, parent.text)
            if host_id:
                host = require_host(connection, collection, host_id)
                wanted = Filter(host, user_key, wanted.states)
            return records.list_sessions(connection, collection, wanted, page)

        return await self._database.read(work)

    async def command(
        self,
        name: Name,
        kind: CommandKind,
        *,
        command_id: str,
        author: str,
        now_us: int,
        commit: Commit[Reply],
        title: str = "",
        body: str = "",
    ) -> Reply:
        """Tell a session's host what to do to it; its agent hears of it when it next reports.

        Args:
            name: The session.
            kind: What is to be done.
            command_id: Names the command.
            author: Who wants it.
            now_us: When.
            commit: Runs the transaction.
            title: Title of a message.
            body: Text of a message.

        Raises:
            NotFound: No such collection, host or session.
            FailedPrecondition: No agent is there to do it.
            ResourceExhausted: As many commands wait for the host's agent as may.
        """

        def work(connection: Connection) -> Command:
            # Locked, or two processes could count the same commands and both add another one.
            host = _host(connection, name, lock=True)
            refuse_unreachable(host)
            session = _require_session(connection, host, name)
            refuse_many(host, records.count_pending(connection, host, now_us))
            number = session.seen.session_id
            command = Command(host.name, command_id, number, kind, author, now_us, title, body)
            records.insert_command(connection, host, command)
            return command

        return await commit(work)

    async def get_command(self, name: Name) -> Command:
        """Return a command.

        Raises:
            NotFound: No such collection, host or command.
        """

        def work(connection: Connection) -> Command:
            host = _host(connection, name)
            command = records.find_command(connection, host, name.id)
            if command is None:
                raise command_not_found(name.text)
            return command

        return await self._database.read(work)


def _host(connection: Connection, name: Name, *, lock: bool = False) -> Host:
    collection = require_collection(connection, name.collection.text)
    return require_host(connection, collection, name.ids[-2], lock=lock)


def _require_session(connection: Connection, host: Host, name: Name) -> Session:
    is_number = name.id.isdecimal() and name.id.isascii() and int(name.id) <= _MAX_SESSION_ID
    session = records.find_session(connection, host, int(name.id)) if is_number else None
    if session is None:
        raise session_not_found(name.text)
    return session
