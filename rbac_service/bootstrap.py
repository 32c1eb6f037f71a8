"""The first Owner: one local command on an empty store, dead afterwards.

Who can write to the store could write anything into it, so the command asks for no credential; that
the store is not empty any more is a stored fact, the first revision, and no setting brings it back.
"""

from __future__ import annotations

from deskhold.chassis.db import Connection, Database
from deskhold.errors import FailedPrecondition
from deskhold.identities import Domains, Principal, PrincipalKind
from deskhold.names import DEPLOYMENT_SCOPE, Name, parse_scope
from rbac_service.assignments.rules import RoleAssignment, derived_id
from rbac_service.assignments.store import insert_assignment
from rbac_service.log.rules import Author, Change
from rbac_service.log.store import append, lock_head
from rbac_service.roles.builtin import ENFORCEMENT_POINT_ID, OWNER_ID
from rbac_service.scopes.rules import Scope
from rbac_service.scopes.usecases import add_scopes

_AUTHOR = Author(actor="local:bootstrap", request_id="")
_FIRST_SCOPES = (
    DEPLOYMENT_SCOPE,
    "/tenantGroups/default",
    "/tenantGroups/default/tenants/default",
)


async def bootstrap(
    database: Database, domains: Domains, *, owner: str, enforcement_point: str, now_us: int
) -> None:
    r"""Make the first revision: the first scopes, the first Owner, the broker as enforcement point.

    Args:
        database: The policy store.
        domains: The deployment's domains.
        owner: `DOMAIN\user` or `user@domain`.
        enforcement_point: The service principal of the broker.
        now_us: When.

    Raises:
        FailedPrecondition: The store is not empty.
        InvalidArgument: The owner is no user.
    """
    first = Principal(PrincipalKind.USER, owner)
    domains.key(first, field="owner")
    broker = Principal(PrincipalKind.SERVICE_PRINCIPAL, enforcement_point)

    def work(connection: Connection) -> None:
        before = lock_head(connection)
        if before > 0:
            raise FailedPrecondition(
                "the first Owner was named before; an Owner adds others with:"
                " deskhold role-assignment create --role 'RDS Owner' --user U --infrastructure",
                reason="ALREADY_BOOTSTRAPPED",
                metadata={"revision": str(before)},
            )
        changes: list[Change] = []
        for path in _FIRST_SCOPES:
            name: Name = parse_scope(path)
            display_name = "default" if name.text else "deployment"
            changes += add_scopes(connection, name, Scope(path, display_name, now_us, 1))
        for principal, role_id in ((first, OWNER_ID), (broker, ENFORCEMENT_POINT_ID)):
            key = domains.key(principal)
            made = RoleAssignment(
                id=derived_id(DEPLOYMENT_SCOPE, key, role_id),
                scope=DEPLOYMENT_SCOPE,
                role_id=role_id,
                principal=principal,
                principal_key=key,
                created_us=now_us,
                created_by=_AUTHOR.actor,
                revision=1,
            )
            changes.append(insert_assignment(connection, made))
        append(connection, changes, author=_AUTHOR, now_us=now_us)

    await database.write(work)
