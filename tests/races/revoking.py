"""The ways to lose access that a race tries, each with the grant that comes before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Connection, Database
from deskhold.identities import Domains, Principal, PrincipalKind
from deskhold.names import parse_scope
from rbac_service.access.tokens import Revision
from rbac_service.assignments.drafts import AssignmentDraft
from rbac_service.assignments.rules import derived_id
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.groups.usecases import Groups
from rbac_service.log.rules import Author
from rbac_service.log.store import read_head
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.scopes.usecases import Scopes

OWNER = "alice@x"
TENANT = "/tenantGroups/default/tenants/default"
ACTION = "deskhold.resources/hosts/read"
DOMAINS = Domains.parse("X=x")
_AUTHOR = Author(f"user:{OWNER}", "r-1", "d-1", (f"user:{OWNER}",))
_READER = next(role for role in BUILT_IN_ROLES if role.display_name == "RDS Reader")


def scope_of(user: str) -> str:
    """Return where a user is granted and revoked: a tenant of their own."""
    return f"{TENANT.rpartition('/')[0]}/{user.partition('@')[0]}"


class Writer:
    """Changes the policy through the use cases; each change returns the revision that it made."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._assignments = RoleAssignments(database, DOMAINS)
        self._groups = Groups(database, DOMAINS)
        self._scopes = Scopes(database)

    async def assign(self, principal: Principal, scope: str) -> Revision:
        draft = AssignmentDraft(scope, principal, _READER.display_name)
        return await self._assignments.create(
            draft, author=_AUTHOR, now_us=now_us(), commit=self._commit
        )

    async def unassign(self, principal: Principal, scope: str) -> Revision:
        assignment_id = derived_id(scope, DOMAINS.key(principal), _READER.id)
        name = f"{scope}/roleAssignments/{assignment_id}".lstrip("/")
        return await self._assignments.delete(
            name, etag="", author=_AUTHOR, now_us=now_us(), commit=self._commit
        )

    async def add_group(self, group: Principal) -> Revision:
        return await self._groups.create(
            group.id, display_name="", author=_AUTHOR, now_us=now_us(), commit=self._commit
        )

    async def join(self, member: Principal, group: Principal) -> Revision:
        return await self._groups.add_member(
            group.id, member, author=_AUTHOR, now_us=now_us(), commit=self._commit
        )

    async def leave(self, member: Principal, group: Principal) -> Revision:
        return await self._groups.remove_member(
            group.id, member, author=_AUTHOR, now_us=now_us(), commit=self._commit
        )

    async def add_scope(self, scope: str) -> Revision:
        return await self._scopes.create(
            parse_scope(scope),
            display_name="",
            author=_AUTHOR,
            now_us=now_us(),
            commit=self._commit,
        )

    async def remove_scope(self, scope: str) -> Revision:
        return await self._scopes.delete(
            parse_scope(scope), force=True, author=_AUTHOR, now_us=now_us(), commit=self._commit
        )

    async def _commit(self, work: Callable[[Connection], object]) -> Revision:
        def noted(connection: Connection) -> Revision:
            work(connection)
            head = read_head(connection)
            return Revision(head.epoch, head.revision)

        return await self._database.write(noted)


class Way(Protocol):
    """Grants a user access and takes it away; the last revision of each is returned."""

    async def grant(self, writer: Writer, user: Principal) -> Revision: ...

    async def revoke(self, writer: Writer, user: Principal) -> Revision: ...


class ByAssignment:
    """The user's own role assignment comes and goes."""

    async def grant(self, writer: Writer, user: Principal) -> Revision:
        await writer.add_scope(scope_of(user.id))
        return await writer.assign(user, scope_of(user.id))

    async def revoke(self, writer: Writer, user: Principal) -> Revision:
        return await writer.unassign(user, scope_of(user.id))


class ByMembership:
    """A group has the role; the user joins and leaves, two groups deep."""

    async def grant(self, writer: Writer, user: Principal) -> Revision:
        inner, outer = _group(user, "inner"), _group(user, "outer")
        await writer.add_scope(scope_of(user.id))
        await writer.add_group(outer)
        await writer.add_group(inner)
        await writer.assign(outer, scope_of(user.id))
        await writer.join(inner, outer)
        return await writer.join(user, inner)

    async def revoke(self, writer: Writer, user: Principal) -> Revision:
        return await writer.leave(_group(user, "inner"), _group(user, "outer"))


class ByScope:
    """The scope goes, and the role assignment with it."""

    async def grant(self, writer: Writer, user: Principal) -> Revision:
        await writer.add_scope(scope_of(user.id))
        return await writer.assign(user, scope_of(user.id))

    async def revoke(self, writer: Writer, user: Principal) -> Revision:
        return await writer.remove_scope(scope_of(user.id))


class ByNewEnemy:
    """Zanzibar's: the user leaves a group, which gets a stronger hold only afterwards.

    Whoever applies the second change but not the first lets the user in.
    """

    async def grant(self, writer: Writer, user: Principal) -> Revision:
        group = _group(user, "team")
        await writer.add_scope(scope_of(user.id))
        await writer.add_group(group)
        await writer.assign(user, scope_of(user.id))
        return await writer.join(user, group)

    async def revoke(self, writer: Writer, user: Principal) -> Revision:
        group = _group(user, "team")
        await writer.leave(user, group)
        await writer.unassign(user, scope_of(user.id))
        return await writer.assign(group, scope_of(user.id))


WAYS: tuple[Way, ...] = (ByAssignment(), ByMembership(), ByScope(), ByNewEnemy())


def user(number: int, turn: int) -> Principal:
    """Return whom a process grants and revokes in a turn, and nobody else ever."""
    return Principal(PrincipalKind.USER, f"user-{number}-{turn}@x")


def _group(of: Principal, name: str) -> Principal:
    return Principal(PrincipalKind.GROUP, f"{of.id.partition('@')[0]}-{name}")
