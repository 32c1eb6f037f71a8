"""Assigning roles and taking them away."""

from __future__ import annotations

from typing import TypeVar

from deskhold.chassis.database import Connection, Database
from deskhold.chassis.paging import Page
from deskhold.chassis.replay import Commit
from deskhold.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound
from deskhold.identities import Domains, Principal
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.assignments import store
from rbac_service.assignments.rules import RoleAssignment, derived_id, split_name
from rbac_service.log.rules import Author
from rbac_service.log.store import append, lock_head
from rbac_service.roles.builtin import OWNER_ID
from rbac_service.roles.rules import Catalogue
from rbac_service.roles.usecases import get_role
from rbac_service.scopes.usecases import require_scope

Reply = TypeVar("Reply")


class RoleAssignments:
    """The use cases of role assignments.

    Args:
        database: The policy store.
        catalogue: The roles.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, catalogue: Catalogue, domains: Domains) -> None:
        self._database = database
        self._catalogue = catalogue
        self._domains = domains

    async def create(
        self,
        scope: str,
        *,
        principal: Principal,
        role: str,
        assignment_id: str,
        author: Author,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Assign a role; the same assignment again is a success that changes nothing.

        Args:
            scope: Where; it must be registered.
            principal: Who.
            role: Name, id or display name of the role.
            assignment_id: A UUID, or empty to derive one.
            author: Who assigns it.
            now_us: When.
            commit: Runs the transaction.

        Raises:
            NotFound: No such scope or role.
            AlreadyExists: The id is taken by another assignment.
        """
        role_id = get_role(self._catalogue, role).id
        key = self._domains.key(principal, field="role_assignment.principal.id")
        own_id = assignment_id.lower() or derived_id(scope, key, role_id)

        def work(connection: Connection) -> RoleAssignment:
            revision = lock_head(connection) + 1
            require_scope(connection, scope)
            there = store.find_same(connection, scope, key, role_id)
            if there is not None:
                return there
            if store.find(connection, own_id) is not None:
                raise AlreadyExists(
                    f"the id {own_id} is taken by another role assignment; choose a new one",
                    reason="ROLE_ASSIGNMENT_ALREADY_EXISTS",
                    metadata={"role_assignment": own_id},
                )
            made = RoleAssignment(
                own_id, scope, role_id, principal, key, now_us, author.actor, revision
            )
            append(
                connection,
                [store.insert_assignment(connection, made)],
                author=author,
                now_us=now_us,
            )
            return made

        return await commit(work)

    async def get(self, name: str) -> RoleAssignment:
        """Return the role assignment of a resource name.

        Raises:
            NotFound: There is none.
        """
        return await self._database.read(lambda connection: _require(connection, name))

    def filter(
        self, scope: str, *, principal: Principal | None, role: str, at_scope_only: bool
    ) -> store.Filter:
        """Return the filter of a list; an empty role and no principal do not matter.

        Raises:
            NotFound: No such role.
            InvalidArgument: The principal's id cannot be one of its kind.
        """
        return store.Filter(
            scope=scope,
            principal_key=None if principal is None else self._domains.key(principal),
            role_id=get_role(self._catalogue, role).id if role else None,
            at_scope_only=at_scope_only,
        )

    async def list_page(self, wanted: store.Filter, page: Page) -> list[RoleAssignment]:
        """Return the role assignments of a page, and one more when another page follows.

        Raises:
            NotFound: The scope is not registered.
        """

        def work(connection: Connection) -> list[RoleAssignment]:
            require_scope(connection, wanted.scope)
            return store.list_page(connection, wanted, page)

        return await self._database.read(work)

    async def delete(
        self, name: str, *, etag: str, author: Author, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Take a role away.

        Raises:
            NotFound: There is no such assignment.
            Aborted: It is another version than the etag says.
            FailedPrecondition: It is the last Owner's of the deployment.
        """

        def work(connection: Connection) -> None:
            lock_head(connection)
            gone = _require(connection, name)
            if etag and etag != gone.etag:
                raise Aborted(
                    f"{name} is at etag {gone.etag}, not {etag}; read it again",
                    metadata={"name": name, "etag": gone.etag},
                )
            change = store.delete_assignment(connection, gone)
            _keep_an_owner(connection, gone)
            append(connection, [change], author=author, now_us=now_us)

        return await commit(work)


def _require(connection: Connection, name: str) -> RoleAssignment:
    scope, assignment_id = split_name(name)
    found = store.find(connection, assignment_id) if assignment_id else None
    if found is None or found.scope != scope:
        raise NotFound(
            f"there is no role assignment {name!r}; see them with: deskhold role-assignment list",
            reason="ROLE_ASSIGNMENT_NOT_FOUND",
            metadata={"role_assignment": name},
        )
    return found


def _keep_an_owner(connection: Connection, gone: RoleAssignment) -> None:
    if gone.scope != DEPLOYMENT_SCOPE or gone.role_id != OWNER_ID:
        return
    # Groups and services do not count: a group may be empty, and a service cannot
    # sign in to repair things.
    if store.count_users(connection, DEPLOYMENT_SCOPE, OWNER_ID) == 0:
        raise FailedPrecondition(
            f"{gone.principal} is the last Owner of the deployment; make another user Owner first",
            reason="LAST_OWNER",
            metadata={"role_assignment": gone.name, "principal": str(gone.principal)},
        )
