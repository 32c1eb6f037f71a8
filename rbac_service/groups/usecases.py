"""Making groups and changing who is in them."""

from __future__ import annotations

from functools import partial
from typing import TypeVar

from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    NotFound,
    ResourceExhausted,
)
from deskhold.identities import Domains, Principal, PrincipalKind
from rbac_service.assignments.store import held_by
from rbac_service.groups import store
from rbac_service.groups.rules import MAX_MEMBERS, Group, Member, check_nesting
from rbac_service.guard.usecases import judge_membership
from rbac_service.log.rules import Author, Change
from rbac_service.log.store import append, lock_head

Reply = TypeVar("Reply")


class Groups:
    """The use cases of groups.

    Args:
        database: The policy store.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, domains: Domains) -> None:
        self._database = database
        self._domains = domains

    async def create(
        self,
        group_id: str,
        *,
        display_name: str,
        author: Author,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Create an empty group; the same one again is a success that changes nothing.

        Raises:
            AlreadyExists: It has another display name.
        """

        def work(connection: Connection) -> Group:
            revision = lock_head(connection) + 1
            there = find_same(connection, group_id, display_name)
            if there is not None:
                return there
            group = Group(group_id, display_name, now_us, revision)
            append(
                connection, [store.insert_group(connection, group)], author=author, now_us=now_us
            )
            return group

        return await commit(work)

    async def get(self, group_id: str) -> Group:
        """Return a group.

        Raises:
            NotFound: There is none.
        """
        return await self._database.read(lambda tx: require_group(tx, group_id))

    async def list_page(self, page: Page) -> list[Group]:
        """Return the groups of a page, and one more when another page follows."""
        return await self._database.read(lambda tx: store.list_groups(tx, page))

    async def list_members(self, group_id: str, page: Page) -> list[Member]:
        """Return the direct members of a page, and one more when another page follows.

        Raises:
            NotFound: There is no such group.
        """

        def work(connection: Connection) -> list[Member]:
            require_group(connection, group_id)
            return store.list_members(connection, group_id, page)

        return await self._database.read(work)

    async def delete(
        self, group_id: str, *, etag: str, author: Author, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Delete a group and its memberships.

        Raises:
            NotFound: There is none.
            Aborted: It is another version than the etag says.
            FailedPrecondition: It holds roles.
        """

        def work(connection: Connection) -> None:
            lock_head(connection)
            group = require_group(connection, group_id)
            if etag and etag != group.etag:
                raise Aborted(
                    f"groups/{group_id} is at etag {group.etag}, not {etag}; read it again",
                    metadata={"name": f"groups/{group_id}", "etag": group.etag},
                )
            append(connection, dissolve(connection, group), author=author, now_us=now_us)

        return await commit(work)

    async def add_member(
        self,
        group_id: str,
        principal: Principal,
        *,
        author: Author,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Add a member; the same one again is a success that changes nothing.

        Raises:
            NotFound: There is no such group.
            FailedPrecondition: Groups would contain themselves or nest too deep.
            ResourceExhausted: The group is full.
            PermissionDenied: The membership would hand out what the author does not hold.
        """
        member = Member(
            group_id, principal, self._domains.key(principal, field="member.id"), now_us
        )

        def work(connection: Connection) -> Member:
            lock_head(connection)
            there = store.find_member(connection, group_id, member.key)
            if there is not None:
                return there
            change = join(connection, member, author=author)
            append(connection, [change], author=author, now_us=now_us)
            return member

        return await commit(work)

    async def remove_member(
        self,
        group_id: str,
        principal: Principal,
        *,
        author: Author,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Remove a member.

        Raises:
            NotFound: There is no such group or member.
        """
        key = self._domains.key(principal, field="member.id")

        def work(connection: Connection) -> None:
            lock_head(connection)
            require_group(connection, group_id)
            member = store.find_member(connection, group_id, key)
            if member is None:
                raise NotFound(
                    f"{principal} is not directly in groups/{group_id}",
                    reason="MEMBER_NOT_FOUND",
                    metadata={"group": f"groups/{group_id}", "member": str(principal)},
                )
            change = store.delete_member(connection, member)
            append(connection, [change], author=author, now_us=now_us)

        return await commit(work)


def find_same(connection: Connection, group_id: str, display_name: str) -> Group | None:
    """Return a group that is to have a display name, or None when there is none of its id.

    Raises:
        AlreadyExists: It has another display name.
    """
    there = store.find_group(connection, group_id)
    if there is not None and there.display_name != display_name:
        raise AlreadyExists(
            f"groups/{group_id} exists with the display name {there.display_name!r}",
            reason="GROUP_ALREADY_EXISTS",
            metadata={"group": f"groups/{group_id}", "display_name": there.display_name},
        )
    return there


def dissolve(connection: Connection, group: Group) -> list[Change]:
    """Delete a group and its memberships; return the changes for the log.

    Raises:
        FailedPrecondition: It holds roles.
    """
    held = held_by(connection, [group.key])
    if held:
        raise FailedPrecondition(
            f"groups/{group.id} holds {len(held)} roles, the first at {held[0].scope};"
            " take them away first",
            reason="GROUP_IN_USE",
            metadata={"group": f"groups/{group.id}", "count": str(len(held))},
        )
    return store.delete_group(connection, group)


def join(connection: Connection, member: Member, *, author: Author) -> Change:
    """Add a membership that is not there; return the change for the log.

    Raises:
        NotFound, FailedPrecondition, ResourceExhausted, PermissionDenied: As `Groups.add_member`.
    """
    group = require_group(connection, member.group_id)
    if group.member_count >= MAX_MEMBERS:
        raise ResourceExhausted(
            f"groups/{group.id} has {MAX_MEMBERS} members, the most; nest another group in it",
            metadata={"limit": str(MAX_MEMBERS)},
        )
    if member.principal.kind is PrincipalKind.GROUP:
        above = partial(store.groups_above, connection)
        below = partial(store.groups_below, connection)
        check_nesting(group.id, member.key, above, below)
    # What is gained: all that the group and the groups it is in hold.
    held = held_by(connection, store.closure(connection, [group.key]))
    judge_membership(connection, held, author, member.created_us)
    return store.insert_member(connection, member)


def require_group(connection: Connection, group_id: str) -> Group:
    """Return a group.

    Raises:
        NotFound: There is none.
    """
    group = store.find_group(connection, group_id)
    if group is None:
        raise NotFound(
            f"there is no group {group_id!r}; see them with: deskhold group list",
            reason="GROUP_NOT_FOUND",
            metadata={"group": f"groups/{group_id}"},
        )
    return group
