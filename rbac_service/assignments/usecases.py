"""Assigning roles and taking them away."""

from __future__ import annotations

from typing import TypeVar

from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    NotFound,
)
from deskhold.identities import Domains, Principal
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.assignments import store
from rbac_service.assignments.drafts import AssignmentDraft, DelegationDraft, check_window
from rbac_service.assignments.rules import (
    Delegation,
    RoleAssignment,
    derived_id,
    split_name,
)
from rbac_service.groups.store import closure
from rbac_service.guard.usecases import judge_assignment, judge_removal
from rbac_service.log.rules import Author, Change
from rbac_service.log.store import append, lock_head
from rbac_service.roles.builtin import OWNER_ID
from rbac_service.roles.rules import RoleDefinition
from rbac_service.roles.usecases import require_role
from rbac_service.scopes.usecases import require_scope

Reply = TypeVar("Reply")


class RoleAssignments:
    """The use cases of role assignments.

    Args:
        database: The policy store.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, domains: Domains) -> None:
        self._database = database
        self._domains = domains

    async def create(
        self, draft: AssignmentDraft, *, author: Author, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Assign a role; the same assignment again is a success that changes nothing.

        Raises:
            NotFound: No such scope or role.
            InvalidArgument: The time window is empty or over.
            AlreadyExists: The id, or the same role of the principal there with other terms, is
                taken.
            FailedPrecondition: The role may not be assigned there.
            PermissionDenied: It would hand out what the author does not hold.
        """
        check_window(draft, now_us)

        def work(connection: Connection) -> RoleAssignment:
            revision = lock_head(connection) + 1
            made, role = drafted(
                connection, draft, self._domains, author=author, now_us=now_us, revision=revision
            )
            there = store.find_same(connection, made.scope, made.principal_key, role.id)
            if there is not None:
                return _same(there, made)
            change = assign(connection, made, role, author=author)
            append(connection, [change], author=author, now_us=now_us)
            return made

        return await commit(work)

    async def get(self, name: str) -> RoleAssignment:
        """Return the role assignment of a resource name.

        Raises:
            NotFound: There is none.
        """
        return await self._database.read(lambda connection: _require(connection, name))

    async def list_page(
        self,
        scope: str,
        page: Page,
        *,
        principal: Principal | None,
        through_groups: bool,
        role: str,
        at_scope_only: bool,
    ) -> list[RoleAssignment]:
        """Return the role assignments of a page, and one more when another page follows.

        Args:
            scope: Those at it, above it and below it.
            page: Which page.
            principal: Only those of this one; None: everybody's.
            through_groups: Those of the groups it is in too.
            role: Only those of this role; empty: any.
            at_scope_only: Neither above nor below.

        Raises:
            NotFound: The scope is not registered, or there is no such role.
            InvalidArgument: The principal's id cannot be one of its kind.
        """
        keys = None if principal is None else [self._domains.key(principal)]

        def work(connection: Connection) -> list[RoleAssignment]:
            require_scope(connection, scope)
            holders = closure(connection, keys) if keys and through_groups else keys
            wanted = store.Filter(
                scope=scope,
                principal_keys=holders,
                role_id=require_role(connection, role).id if role else None,
                at_scope_only=at_scope_only,
            )
            return store.list_page(connection, wanted, page)

        return await self._database.read(work)

    async def delete(
        self, name: str, *, etag: str, author: Author, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Take a role away.

        Raises:
            NotFound: There is no such assignment.
            Aborted: It is another version than the etag says.
            FailedPrecondition: It is the last permanent Owner's of the deployment.
            PermissionDenied: The author's delegation does not reach it.
        """

        def work(connection: Connection) -> None:
            lock_head(connection)
            gone = _require(connection, name)
            if etag and etag != gone.etag:
                raise Aborted(
                    f"{name} is at etag {gone.etag}, not {etag}; read it again",
                    metadata={"name": name, "etag": gone.etag},
                )
            change = unassign(connection, gone, author=author, now_us=now_us)
            append(connection, [change], author=author, now_us=now_us)

        return await commit(work)


def drafted(
    connection: Connection,
    draft: AssignmentDraft,
    domains: Domains,
    *,
    author: Author,
    now_us: int,
    revision: int,
) -> tuple[RoleAssignment, RoleDefinition]:
    """Return the role assignment that a draft asks for, and its role; nothing is judged yet.

    Raises:
        NotFound: No such role.
        InvalidArgument: The principal's id cannot be one of its kind.
    """
    key = domains.key(draft.principal, field="role_assignment.principal.id")
    role = require_role(connection, draft.role)
    made = RoleAssignment(
        id=draft.id.lower() or derived_id(draft.scope, key, role.id),
        scope=draft.scope,
        role_id=role.id,
        principal=draft.principal,
        principal_key=key,
        created_us=now_us,
        created_by=author.actor,
        revision=revision,
        start_us=draft.start_us,
        expire_us=draft.expire_us,
        delegation=_delegation(connection, draft.delegation, domains),
    )
    return made, role


def assign(
    connection: Connection, made: RoleAssignment, role: RoleDefinition, *, author: Author
) -> Change:
    """Make a role assignment that is not there, judged; return the change for the log.

    Raises:
        NotFound, AlreadyExists, FailedPrecondition, PermissionDenied: As `RoleAssignments.create`.
    """
    require_scope(connection, made.scope)
    if not role.is_assignable_at(made.scope):
        raise FailedPrecondition(
            f"{role.display_name} may be assigned at {', '.join(role.assignable_scopes)} and below,"
            f" not at {made.scope}",
            reason="ROLE_NOT_ASSIGNABLE",
            metadata={
                "role_definition": role.display_name,
                "scope": made.scope,
                "assignable_scopes": ", ".join(role.assignable_scopes),
            },
        )
    if store.find(connection, made.id) is not None:
        raise _taken(made.id, "is taken by another role assignment; choose a new one")
    judge_assignment(connection, made, role, author)
    return store.insert_assignment(connection, made)


def unassign(
    connection: Connection, gone: RoleAssignment, *, author: Author, now_us: int
) -> Change:
    """Take a role away, judged; return the change for the log.

    Raises:
        FailedPrecondition, PermissionDenied: As `RoleAssignments.delete`.
    """
    judge_removal(connection, gone, author, now_us)
    change = store.delete_assignment(connection, gone)
    keep_an_owner(connection, gone)
    return change


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


def keep_an_owner(connection: Connection, gone: RoleAssignment) -> None:
    """Check that a permanent Owner of the deployment is left after an assignment is gone.

    Raises:
        FailedPrecondition: It was the last one's.
    """
    if gone.scope != DEPLOYMENT_SCOPE or gone.role_id != OWNER_ID:
        return
    # Groups and services do not count: a group may be empty, and a service cannot sign in to repair
    # things.
    if store.count_permanent_users(connection, DEPLOYMENT_SCOPE, OWNER_ID) == 0:
        raise FailedPrecondition(
            f"{gone.principal} is the last Owner of the deployment; make another user Owner first",
            reason="LAST_OWNER",
            metadata={"role_assignment": gone.name, "principal": str(gone.principal)},
        )


def _delegation(
    connection: Connection, draft: DelegationDraft | None, domains: Domains
) -> Delegation | None:
    if draft is None:
        return None
    return Delegation(
        role_ids=tuple(require_role(connection, role).id for role in draft.roles),
        kinds=draft.kinds,
        principal_keys=tuple(domains.key(one) for one in draft.principals),
        max_duration_us=draft.max_duration_us,
    )


def _same(there: RoleAssignment, made: RoleAssignment) -> RoleAssignment:
    if there.terms != made.terms:
        raise _taken(
            there.id, "assigns the same role with other times or delegation; delete it first"
        )
    return there


def _taken(assignment_id: str, problem: str) -> AlreadyExists:
    return AlreadyExists(
        f"role assignment {assignment_id} {problem}",
        reason="ROLE_ASSIGNMENT_ALREADY_EXISTS",
        metadata={"role_assignment": assignment_id},
    )
