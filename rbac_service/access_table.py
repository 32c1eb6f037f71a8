"""A row per RPC of this service: the action it needs and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from deskhold import names
from deskhold.chassis.access import Need, Row, everyone
from deskhold.chassis.calls import Caller
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains
from rbac_service.assignments.rules import split_name
from rbac_service.messages import principal_of
from rbac_service.scopes.rules import write_action

_CHECK: Final = "deskhold.authorization/checkAccess/action"


def access_table(domains: Domains) -> Mapping[str, Row]:
    """Return the table.

    Args:
        domains: The deployment's domains, to tell whether a question is about the caller.
    """

    def check(request: Any, caller: Caller) -> Sequence[Need]:
        names.parse_scope(request.scope)
        return () if _is_about(caller, request) else (Need(_CHECK, request.scope),)

    def batch(request: Any, caller: Caller) -> Sequence[Need]:
        asked = {check.scope for check in request.checks if not _is_about(caller, check)}
        return [Need(_CHECK, scope) for scope in sorted(asked) if _is_scope(scope)]

    def _is_about(caller: Caller, check: Any) -> bool:
        if not check.HasField("principal"):
            return True
        if check.group_ids:
            return False
        try:
            return domains.key(principal_of(check.principal)) == caller.key
        except InvalidArgument:
            return False

    return {
        "AccessService/CheckAccess": check,
        "AccessService/BatchCheckAccess": batch,
        "AccessService/WhoAmI": everyone,
        "RoleDefinitionService/GetRoleDefinition": _read_roles,
        "RoleDefinitionService/ListRoleDefinitions": _read_roles,
        "RoleAssignmentService/CreateRoleAssignment": _at("roleAssignments/write", "scope"),
        "RoleAssignmentService/GetRoleAssignment": _of_assignment("read"),
        "RoleAssignmentService/ListRoleAssignments": _at("roleAssignments/read", "scope"),
        "RoleAssignmentService/DeleteRoleAssignment": _of_assignment("delete"),
        "ScopeService/CreateScope": _create_scope,
        "ScopeService/GetScope": _at("scopes/read", "name"),
        "ScopeService/ListScopes": _at("scopes/read", "parent"),
        "ScopeService/DeleteScope": _delete_scope,
    }


def _at(action: str, field: str) -> Row:
    def needs(request: Any, _: Caller) -> Sequence[Need]:
        scope = names.parse_scope(getattr(request, field), field=field).scope
        return (Need(f"deskhold.authorization/{action}", scope),)

    return needs


def _of_assignment(verb: str) -> Row:
    def needs(request: Any, _: Caller) -> Sequence[Need]:
        scope, assignment_id = split_name(request.name)
        if not assignment_id:
            raise InvalidArgument.of_field(
                "name",
                f"{names.quoted(request.name)} is not of the form '[scope/]roleAssignments/ID'",
            )
        return (
            Need(
                f"deskhold.authorization/roleAssignments/{verb}",
                names.parse_scope(scope, field="name").scope,
            ),
        )

    return needs


def _read_roles(request: Any, _: Caller) -> Sequence[Need]:
    scope = names.parse_scope(request.scope or names.DEPLOYMENT_SCOPE).scope
    return (Need("deskhold.authorization/roleDefinitions/read", scope),)


def _create_scope(request: Any, _: Caller) -> Sequence[Need]:
    name = names.parse_scope(request.scope.name, field="scope.name")
    above = name.parent.scope if name.text else name.scope
    return (Need(write_action(name.kind, "write"), above),)


def _delete_scope(request: Any, _: Caller) -> Sequence[Need]:
    name = names.parse_scope(request.name)
    own = Need(write_action(name.kind, "delete"), name.scope)
    if not request.force:
        return (own,)
    # What services registered below, and the grants there, go too: that takes more than managing
    # tenants, which is no access to access.
    return (own, Need("deskhold.authorization/scopes/delete", name.scope))


def _is_scope(text: str) -> bool:
    try:
        names.parse_scope(text)
    except InvalidArgument:
        return False
    return True
