"""Looking up, making, changing and deleting role definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.names import contains
from rbac_service.guard.rules import may_assign
from rbac_service.guard.store import holdings_at
from rbac_service.guard.usecases import judge_role
from rbac_service.log.rules import Author, Change
from rbac_service.log.store import append, lock_head
from rbac_service.roles import store
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.refusals import (
    RoleDraft,
    check,
    not_found,
    refuse_built_in,
    refuse_held,
    require_etag,
    require_within,
    taken,
)
from rbac_service.roles.rules import RoleDefinition

Reply = TypeVar("Reply")

MASKABLE = frozenset({"display_name", "description", "permissions", "assignable_scopes"})


class Roles:
    """The use cases of role definitions.

    Args:
        database: The policy store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> RoleDefinition:
        """Return the role of a name, an id or a display name.

        Raises:
            NotFound: There is none.
        """
        return await self._database.read(lambda tx: require_role(tx, name))

    async def list_page(
        self, page: Page, *, scope: str, show_deleted: bool
    ) -> list[RoleDefinition]:
        """Return the roles that can be assigned at a scope or below it, by display name."""

        def work(connection: Connection) -> list[RoleDefinition]:
            custom = store.list_custom_roles(connection, deleted=show_deleted)
            near = [role for role in custom if _touches(role, scope)]
            return sorted((*BUILT_IN_ROLES, *near), key=page_key)

        rows = await self._database.read(work)
        return [role for role in rows if page.after is None or page_key(role) > page.after][
            : page.probe
        ]

    async def list_versions(self, name: str, page: Page) -> list[RoleDefinition]:
        """Return what a custom role was, newest first, and one more when another page follows.

        Raises:
            NotFound: There is no such custom role.
        """
        role_id = _id(name)

        def work(connection: Connection) -> list[RoleDefinition]:
            _require_custom(connection, role_id, deleted=True)
            return store.list_versions(connection, role_id, page)

        return await self._database.read(work)

    async def list_grantable(
        self, scope: str, *, author: Author, now_us: int
    ) -> list[RoleDefinition]:
        """Return the roles that the author may assign at a scope, by display name."""

        def work(connection: Connection) -> list[RoleDefinition]:
            holdings = holdings_at(connection, author.keys, scope, now_us)
            custom = store.list_custom_roles(connection, deleted=False)
            assignable = [
                role for role in (*BUILT_IN_ROLES, *custom) if role.is_assignable_at(scope)
            ]
            return sorted(
                (role for role in assignable if may_assign(holdings, role, scope)), key=page_key
            )

        return await self._database.read(work)

    async def create(
        self, role_id: str, draft: RoleDraft, *, author: Author, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Create a custom role.

        Raises:
            InvalidArgument: It has no display name, no actions or no assignable scope.
            AlreadyExists: Its id or display name is taken.
            PermissionDenied: The author does not hold what it allows.
        """
        check(draft)

        def work(connection: Connection) -> RoleDefinition:
            revision = lock_head(connection) + 1
            if store.find_role(connection, role_id, deleted=True) is not None:
                raise taken(role_id)
            made = _made(role_id, draft, version=1, now_us=now_us)
            return write_role(connection, made, revision, author=author, now_us=now_us)

        return await commit(work)

    async def update(
        self,
        name: str,
        draft: RoleDraft,
        *,
        mask: Sequence[str],
        etag: str,
        within: str,
        author: Author,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Change a custom role; judged against every scope where it can be or is assigned.

        Raises:
            NotFound: There is none.
            Aborted: It is another version than the etag says.
            FailedPrecondition: It is built in, or assigned outside its new assignable scopes.
            PermissionDenied: The author does not hold what it is to allow.
        """
        role_id = _id(name)

        def work(connection: Connection) -> RoleDefinition:
            revision = lock_head(connection) + 1
            before = _require_custom(connection, role_id)
            require_within(before, within)
            require_etag(before, etag)
            wanted = {field: getattr(draft, field) for field in mask}
            after = replace(before, **wanted, version=before.version + 1, updated_us=now_us)
            check(after)
            require_within(after, within)
            return write_role(connection, after, revision, author=author, now_us=now_us)

        return await commit(work)

    async def delete(
        self,
        name: str,
        *,
        etag: str,
        within: str,
        author: Author,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Delete a custom role that nobody holds; it can be brought back.

        Raises:
            NotFound: There is none.
            Aborted: It is another version than the etag says.
            FailedPrecondition: It is built in, or somebody holds it.
        """
        role_id = _id(name)

        def work(connection: Connection) -> RoleDefinition:
            revision = lock_head(connection) + 1
            before = _require_custom(connection, role_id)
            require_within(before, within)
            require_etag(before, etag)
            gone, changes = retire(connection, before, revision, now_us=now_us)
            append(connection, changes, author=author, now_us=now_us)
            return gone

        return await commit(work)

    async def undelete(
        self, name: str, *, within: str, author: Author, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Bring a deleted role back as it was; one that is there changes nothing.

        Raises:
            NotFound: There is none.
            AlreadyExists: Its display name is taken meanwhile.
            PermissionDenied: The author does not hold what it allows.
        """
        role_id = _id(name)

        def work(connection: Connection) -> RoleDefinition:
            revision = lock_head(connection) + 1
            before = _require_custom(connection, role_id, deleted=True)
            require_within(before, within)
            if before.deleted_us is None:
                return before
            back = replace(before, version=before.version + 1, updated_us=now_us, deleted_us=None)
            return write_role(connection, back, revision, author=author, now_us=now_us)

        return await commit(work)


def write_role(
    connection: Connection, role: RoleDefinition, revision: int, *, author: Author, now_us: int
) -> RoleDefinition:
    """Write a role as it is from now on, judged, and log it."""
    changes = put_judged(connection, role, revision, author=author, now_us=now_us)
    append(connection, changes, author=author, now_us=now_us)
    return role


def put_judged(
    connection: Connection, role: RoleDefinition, revision: int, *, author: Author, now_us: int
) -> list[Change]:
    """Write a role as it is from now on; return the changes for the log.

    Raises:
        AlreadyExists: Its display name is taken.
        FailedPrecondition: It is assigned outside its assignable scopes.
        PermissionDenied: The author does not hold what it allows.
    """
    if store.is_name_taken(connection, role.display_name, role.id):
        raise taken(role.display_name)
    held = store.assigned_at(connection, role.id)
    refuse_held(role, [(scope, key) for scope, key in held if not role.is_assignable_at(scope)])
    scopes = {*role.assignable_scopes, *(scope for scope, _ in held)}
    judge_role(connection, role, scopes, author, now_us)
    return store.put_role(connection, role, revision)


def retire(
    connection: Connection, role: RoleDefinition, revision: int, *, now_us: int
) -> tuple[RoleDefinition, list[Change]]:
    """Delete a custom role; return it as it is then, and the changes for the log.

    Raises:
        FailedPrecondition: Somebody holds it.
    """
    refuse_held(role, store.assigned_at(connection, role.id))
    gone = replace(role, version=role.version + 1, updated_us=now_us, deleted_us=now_us)
    return gone, store.put_role(connection, gone, revision)


def require_role(connection: Connection, name: str) -> RoleDefinition:
    """Return the role in force of a name, an id or a display name.

    Raises:
        NotFound: There is none.
    """
    role = store.find_role_named(connection, name)
    if role is None:
        raise not_found(name)
    return role


def page_key(role: RoleDefinition) -> str:
    """Return what lists of roles are ordered by."""
    return f"{role.display_name.lower()} {role.id}"


def _made(role_id: str, draft: RoleDraft, *, version: int, now_us: int) -> RoleDefinition:
    return RoleDefinition(
        id=role_id,
        display_name=draft.display_name,
        description=draft.description,
        permissions=draft.permissions,
        assignable_scopes=draft.assignable_scopes,
        version=version,
        updated_us=now_us,
    )


def _touches(role: RoleDefinition, scope: str) -> bool:
    return any(contains(own, scope) or contains(scope, own) for own in role.assignable_scopes)


def _id(name: str) -> str:
    return name.removeprefix("roleDefinitions/").lower()


def _require_custom(
    connection: Connection, role_id: str, *, deleted: bool = False
) -> RoleDefinition:
    role = store.find_role(connection, role_id, deleted=deleted)
    if role is None:
        raise not_found(f"roleDefinitions/{role_id}")
    refuse_built_in(role)
    return role
