"""The questions to the database about reported sessions and commands."""

from __future__ import annotations

from collections.abc import Collection as Sized
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, update

from broker_service.collections.rules import Collection, CollectionType
from broker_service.hosts.rules import Host
from broker_service.hosts.store import chunks
from broker_service.sessions.reported import (
    COMMAND_US,
    Command,
    CommandKind,
    CommandState,
    Session,
    SessionState,
    Sighting,
    claim_of,
)
from broker_service.tables import collections, host_reports, hosts, session_commands, sessions
from deskhold.chassis.paging import Page

_KEPT_US = 24 * 3600 * 1_000_000
_PENDING = session_commands.c.state == CommandState.PENDING.value
_SESSIONS = (
    select(
        sessions,
        hosts.c.host_id,
        hosts.c.host_key,
        hosts.c.user_key.label("host_user_key"),
        host_reports.c.heartbeat_us,
        collections.c.name.label("collection"),
        collections.c.type.label("collection_type"),
    )
    .join(hosts, hosts.c.id == sessions.c.host)
    .join(collections, collections.c.id == hosts.c.collection_id)
    .join(host_reports, host_reports.c.host == hosts.c.id)
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which sessions of a list.

    Attributes:
        host: Only on this host; None: on any.
        user_key: Only this user's; empty: anybody's.
        states: Only in one of these; none: in any.
    """

    host: Host | None = None
    user_key: str = ""
    states: frozenset[SessionState] = frozenset()


def find_session(connection: Connection, host: Host, session_id: int) -> Session | None:
    """Return a session of a host, or None."""
    query = _SESSIONS.where(sessions.c.host == host.id, sessions.c.session_id == session_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _session(row)


def sessions_on(
    connection: Connection, collection: Collection, host_keys: Sequence[str]
) -> list[Session]:
    """Return every session on some hosts of a collection; as many as fit into a statement."""
    query = _SESSIONS.where(hosts.c.collection_id == collection.id, hosts.c.host_key.in_(host_keys))
    return [_session(row) for row in connection.execute(query)]


def list_sessions(
    connection: Connection, where: Collection | str, wanted: Filter, page: Page
) -> list[Session]:
    """Return the sessions of a page by host and number, and one more if any follow.

    Args:
        connection: An open transaction.
        where: A collection, or the name of a tenant: all its collections.
        wanted: Which of them.
        page: Which page, by `Session.page_key`.
    """
    query = _within(where, wanted).order_by(hosts.c.host_key, sessions.c.session_id)
    if wanted.host is not None:
        query = query.where(sessions.c.host == wanted.host.id)
    if wanted.states:
        query = query.where(sessions.c.state.in_([state.value for state in wanted.states]))
    if page.after is not None:
        key, _, number = page.after.rpartition("/")
        later = and_(hosts.c.host_key == key, sessions.c.session_id > int(number))
        # The first condition is implied; with it the index is entered at the right place.
        query = query.where(hosts.c.host_key >= key, or_(hosts.c.host_key > key, later))
    return [_session(row) for row in connection.execute(query.limit(page.probe))]


def insert_command(connection: Connection, host: Host, command: Command) -> None:
    """Keep a command until the host's agent asks for it."""
    connection.execute(
        insert(session_commands).values(
            command_id=command.command_id,
            host=host.id,
            session_id=command.session_id,
            kind=command.kind.value,
            title=command.title,
            body=command.body,
            state=command.state.value,
            result=command.result,
            author=command.author,
            created_us=command.created_us,
        )
    )


def find_command(connection: Connection, host: Host, command_id: str) -> Command | None:
    """Return a command for a host, or None."""
    query = select(session_commands).where(
        session_commands.c.command_id == command_id, session_commands.c.host == host.id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _command(row, host.name)


def count_pending(connection: Connection, host: Host, now_us: int) -> int:
    """Return how many commands a host's agent is still to carry out."""
    query = select(func.count()).where(
        session_commands.c.host == host.id,
        session_commands.c.created_us >= now_us - COMMAND_US,
        _PENDING,
    )
    return int(connection.execute(query).scalar_one())


def pending_commands(
    connection: Connection, names: dict[int, str], now_us: int, *, limit: int
) -> dict[int, list[Command]]:
    """Return what hosts are still to do, the oldest first.

    Args:
        connection: An open transaction.
        names: The resource names of the hosts, by number.
        now_us: Commands that are too old by then are left out.
        limit: How many of each host.
    """
    found: dict[int, list[Command]] = {}
    for chunk in chunks(list(names)):
        query = (
            select(session_commands)
            .where(
                session_commands.c.host.in_(chunk),
                session_commands.c.created_us >= now_us - COMMAND_US,
                _PENDING,
            )
            .order_by(session_commands.c.created_us, session_commands.c.command_id)
        )
        for row in connection.execute(query):
            own = found.setdefault(row.host, [])
            if len(own) < limit:
                own.append(_command(row, names[row.host]))
    return found


def expire_commands(connection: Connection, gone: Iterable[tuple[int, int]], now_us: int) -> None:
    """End the commands to sessions that are no more, given as (host, number)."""
    pairs = set(gone)
    for chunk in chunks(sorted({host for host, _ in pairs})):
        query = select(
            session_commands.c.command_id, session_commands.c.host, session_commands.c.session_id
        ).where(session_commands.c.host.in_(chunk), _PENDING)
        rows = connection.execute(query).all()
        _expire(
            connection,
            [row.command_id for row in rows if (row.host, row.session_id) in pairs],
            now_us,
        )


def expire_old_commands(connection: Connection, now_us: int, *, limit: int) -> int:
    """End commands whose agents have not answered in time; return how many, at most the limit."""
    query = (
        select(session_commands.c.command_id)
        .where(session_commands.c.created_us < now_us - COMMAND_US, _PENDING)
        .order_by(session_commands.c.created_us)
        .limit(limit)
    )
    old = list(connection.execute(query).scalars())
    _expire(connection, old, now_us)
    return len(old)


def prune_commands(connection: Connection, now_us: int, *, limit: int) -> int:
    """Forget commands of more than a day ago; return how many, at most the limit."""
    query = (
        select(session_commands.c.command_id)
        .where(session_commands.c.created_us < now_us - _KEPT_US)
        .order_by(session_commands.c.created_us)
        .limit(limit)
    )
    old = list(connection.execute(query).scalars())
    if old:
        connection.execute(delete(session_commands).where(session_commands.c.command_id.in_(old)))
    return len(old)


def sighting_of(row: Row[Any]) -> Sighting:
    """Return what a row of `sessions` says a host saw."""
    return Sighting(
        session_id=row.session_id,
        user=row.user,
        user_key=row.user_key,
        state=SessionState(row.state),
        created_us=row.created_us,
        idle_us=row.idle_us,
        client_name=row.client_name,
        client_address=row.client_address,
        application_id=row.application_id,
    )


def _expire(connection: Connection, command_ids: Sized[str], now_us: int) -> None:
    if command_ids:
        connection.execute(
            update(session_commands)
            .where(session_commands.c.command_id.in_(command_ids), _PENDING)
            .values(state=CommandState.EXPIRED.value, ended_us=now_us)
        )


def _within(where: Collection | str, wanted: Filter) -> Select[Any]:
    if isinstance(where, Collection):
        query = _SESSIONS.where(hosts.c.collection_id == where.id)
        inside: Sequence[int] | Select[Any] = [where.id]
    else:
        query = _SESSIONS.where(hosts.c.tenant == where)
        inside = select(collections.c.id).where(collections.c.tenant == where)
    if not wanted.user_key:
        return query
    # The index of a user's sessions begins with the collection.
    return query.where(sessions.c.collection_id.in_(inside), sessions.c.user_key == wanted.user_key)


def _session(row: Row[Any]) -> Session:
    return Session(
        host=f"{row.collection}/hosts/{row.host_id}",
        host_key=row.host_key,
        seen=sighting_of(row),
        disconnected_us=row.disconnected_us,
        claim=claim_of(CollectionType(row.collection_type), row.user_key, row.host_user_key),
        # A report tells of every session of its host: the last one told of this one too.
        reported_us=row.heartbeat_us,
    )


def _command(row: Row[Any], host: str) -> Command:
    return Command(
        host=host,
        command_id=row.command_id,
        session_id=row.session_id,
        kind=CommandKind(row.kind),
        author=row.author,
        created_us=row.created_us,
        title=row.title,
        body=row.body,
        state=CommandState(row.state),
        result=row.result,
        ended_us=row.ended_us,
    )
