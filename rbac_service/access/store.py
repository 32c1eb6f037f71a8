"""Loading the whole policy from the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, Select, or_, select

from rbac_service.access.shards import Shards
from rbac_service.access.snapshot import Held, HeldByScope, Snapshot, Timed, timed_of
from rbac_service.groups.rules import group_key
from rbac_service.log.store import read_head
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.rules import Catalogue
from rbac_service.roles.store import list_custom_roles
from rbac_service.tables import group_members, groups, role_assignments, scopes

_COLUMNS = role_assignments.c
_IS_TIMED = or_(_COLUMNS.start_us.is_not(None), _COLUMNS.expire_us.is_not(None))
# Fetched in pieces, so that loading a million rows does not hold them twice.
_ROWS_AT_ONCE = 10_000


def load_snapshot(connection: Connection) -> Snapshot:
    """Return the snapshot of the newest revision; all of it is read in one transaction."""
    head = read_head(connection)
    custom = list_custom_roles(connection, deleted=False)
    return Snapshot(
        epoch=head.epoch,
        revision=head.revision,
        catalogue=Catalogue((*BUILT_IN_ROLES, *custom)),
        held=Shards.build(_held(connection)),
        timed=Shards.build(_timed(connection)),
        groups_of=Shards.build(_groups_of(connection)),
        scopes=Shards.build(
            (row.path, row.display_name)
            for row in connection.execute(select(scopes.c.path, scopes.c.display_name))
        ),
        groups=Shards.build(
            (group_key(row.group_id), row.display_name)
            for row in connection.execute(select(groups.c.group_id, groups.c.display_name))
        ),
    )


def _held(connection: Connection) -> Iterable[tuple[str, HeldByScope]]:
    query = select(_COLUMNS.principal_key, _COLUMNS.scope, _COLUMNS.role_id, _COLUMNS.id).where(
        ~_IS_TIMED
    )
    principals: dict[str, dict[str, Held]] = {}
    # The same few texts stand in many rows; one object of each is enough.
    known: dict[str, str] = {}
    for key, scope, role_id, assignment_id in _stream(connection, query):
        by_scope = principals.setdefault(key, {})
        place = known.setdefault(scope, scope)
        role = known.setdefault(role_id, role_id)
        by_scope[place] = (*by_scope.get(place, ()), role, assignment_id)
    return principals.items()


def _timed(connection: Connection) -> Iterable[tuple[str, tuple[Timed, ...]]]:
    principals: dict[str, tuple[Timed, ...]] = {}
    for row in connection.execute(
        select(role_assignments).where(_IS_TIMED).order_by(_COLUMNS.revision)
    ):
        own = timed_of(dict(row._mapping))
        principals[row.principal_key] = (*principals.get(row.principal_key, ()), own)
    return principals.items()


def _groups_of(connection: Connection) -> Iterable[tuple[str, tuple[str, ...]]]:
    members: dict[str, tuple[str, ...]] = {}
    query = select(group_members.c.member_key, group_members.c.group_id)
    for row in connection.execute(query):
        members[row.member_key] = (*members.get(row.member_key, ()), group_key(row.group_id))
    return members.items()


def _stream(
    connection: Connection, query: Select[tuple[str, str, str, str]]
) -> Iterator[tuple[str, str, str, str]]:
    result = connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
    for rows in result.partitions():
        # Of the query's four columns; a tuple that is made of a row forgets how many.
        yield from (tuple(row) for row in rows)  # type: ignore[misc]
