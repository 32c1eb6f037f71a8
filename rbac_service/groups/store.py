"""The groups' questions to the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from deskhold.chassis.paging import Page
from deskhold.identities import Principal, PrincipalKind
from rbac_service.groups.rules import Group, Member, group_key
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.tables import group_members, groups

_COUNTED = (
    select(groups, func.count(group_members.c.member_key).label("member_count"))
    .outerjoin(group_members, group_members.c.group_id == groups.c.group_id)
    .group_by(groups.c.group_id)
)


def find_group(connection: Connection, group_id: str) -> Group | None:
    """Return a group with its count, or None."""
    row = connection.execute(_COUNTED.where(groups.c.group_id == group_id)).one_or_none()
    return None if row is None else _group(row)


def list_groups(connection: Connection, page: Page) -> list[Group]:
    """Return the groups of a page by id, and one more when another page follows."""
    query = _COUNTED.order_by(groups.c.group_id).limit(page.probe)
    if page.after is not None:
        query = query.where(groups.c.group_id > page.after)
    return [_group(row) for row in connection.execute(query)]


def all_groups(connection: Connection) -> list[Group]:
    """Return every group, by id."""
    return [_group(row) for row in connection.execute(_COUNTED.order_by(groups.c.group_id))]


def insert_group(connection: Connection, group: Group) -> Change:
    """Add a group; return the change for the log."""
    connection.execute(
        insert(groups).values(
            group_id=group.id,
            display_name=group.display_name,
            created_us=group.created_us,
            revision=group.revision,
        )
    )
    row = {"group_key": group.key, "display_name": group.display_name}
    return Change(ChangeKind.ADD_GROUP, row)


def delete_group(connection: Connection, group: Group) -> list[Change]:
    """Remove a group, its memberships and its own in others; return the changes for the log."""
    inside = connection.execute(
        select(group_members).where(group_members.c.group_id == group.id)
    ).all()
    outside = connection.execute(
        select(group_members).where(group_members.c.member_key == group.key)
    ).all()
    changes = [_change(_member(row), added=False) for row in (*inside, *outside)]
    connection.execute(delete(group_members).where(group_members.c.group_id == group.id))
    connection.execute(delete(group_members).where(group_members.c.member_key == group.key))
    connection.execute(delete(groups).where(groups.c.group_id == group.id))
    row = {"group_key": group.key, "display_name": group.display_name}
    return [*changes, Change(ChangeKind.REMOVE_GROUP, row)]


def find_member(connection: Connection, group_id: str, member_key: str) -> Member | None:
    """Return a direct membership, or None."""
    row = connection.execute(
        select(group_members).where(
            group_members.c.group_id == group_id, group_members.c.member_key == member_key
        )
    ).one_or_none()
    return None if row is None else _member(row)


def list_members(connection: Connection, group_id: str, page: Page) -> list[Member]:
    """Return the direct members of a page by key, and one more when another page follows."""
    query = (
        select(group_members)
        .where(group_members.c.group_id == group_id)
        .order_by(group_members.c.member_key)
        .limit(page.probe)
    )
    if page.after is not None:
        query = query.where(group_members.c.member_key > page.after)
    return [_member(row) for row in connection.execute(query)]


def all_members(connection: Connection) -> list[Member]:
    """Return every membership, by group and member."""
    query = select(group_members).order_by(group_members.c.group_id, group_members.c.member_key)
    return [_member(row) for row in connection.execute(query)]


def insert_member(connection: Connection, member: Member) -> Change:
    """Add a membership; return the change for the log."""
    connection.execute(
        insert(group_members).values(
            group_id=member.group_id,
            member_key=member.key,
            member_kind=member.principal.kind.value,
            member_id=member.principal.id,
            directory=member.principal.directory,
            created_us=member.created_us,
        )
    )
    return _change(member, added=True)


def delete_member(connection: Connection, member: Member) -> Change:
    """Remove a membership; return the change for the log."""
    connection.execute(
        delete(group_members).where(
            group_members.c.group_id == member.group_id, group_members.c.member_key == member.key
        )
    )
    return _change(member, added=False)


def groups_above(connection: Connection, member_key: str) -> Sequence[str]:
    """Return the keys of the groups that a principal is directly in."""
    query = select(group_members.c.group_id).where(group_members.c.member_key == member_key)
    return [group_key(group_id) for group_id in connection.execute(query).scalars()]


def groups_below(connection: Connection, key: str) -> Sequence[str]:
    """Return the keys of the groups that are directly in a group."""
    query = select(group_members.c.member_key).where(
        group_members.c.group_id == key.partition(":")[2], group_members.c.member_kind == "group"
    )
    return list(connection.execute(query).scalars())


def closure(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Return principals with all groups they are in, directly or through others, each once."""
    found = dict.fromkeys(keys)
    waiting = list(keys)
    while waiting:
        query = select(group_members.c.group_id).where(group_members.c.member_key.in_(waiting))
        reached = {group_key(group_id) for group_id in connection.execute(query).scalars()}
        waiting = [key for key in reached if key not in found]
        found |= dict.fromkeys(waiting)
    return list(found)


def _group(row: Any) -> Group:
    return Group(row.group_id, row.display_name, row.created_us, row.revision, row.member_count)


def _member(row: Any) -> Member:
    principal = Principal(PrincipalKind(row.member_kind), row.member_id, row.directory)
    return Member(row.group_id, principal, row.member_key, row.created_us)


def _change(member: Member, *, added: bool) -> Change:
    kind = ChangeKind.ADD_GROUP_MEMBER if added else ChangeKind.REMOVE_GROUP_MEMBER
    row = {
        "group_key": group_key(member.group_id),
        "member_key": member.key,
        "member_id": member.principal.id,
        "created_us": member.created_us,
    }
    return Change(kind, row)
