"""A row per RPC of this service: the action it needs and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from deskhold import names
from deskhold.chassis.access import Need, Row, everyone
from deskhold.chassis.calls import Caller
from deskhold.errors import InvalidArgument
from rbac_service.assignments.rules import split_name
from rbac_service.messages import Messages
from rbac_service.scopes.rules import write_action

_CHECK: Final = "deskhold.authorization/checkAccess/action"
# A refusal travels in trailers, of which clients accept 8 KiB.
_MAX_QUOTED: Final = 64
# Bounded, since callers choose.
_REMEMBER_SCOPES: Final = 65_536
_READ_ASSIGNMENTS: Final = "deskhold.authorization/roleAssignments/read"


def access_table(messages: Messages) -> Mapping[str, Row]:
    """Return the table.

    Args:
        messages: Knows the callers' keys, to tell whether a question is about the caller.
    """

    def check(request: Any, caller: Caller) -> Sequence[Need]:
        need = _asking(request.scope, request.consistency.minimize_latency)
        return () if _is_about(caller, request) else (need,)

    def explain(request: Any, caller: Caller) -> Sequence[Need]:
        # An explanation tells more than the answer; that may be old, but not who may read it.
        return [Need(one.action, one.scope) for one in check(request.check, caller)]

    def list_scopes(request: Any, caller: Caller) -> Sequence[Need]:
        names.parse_scope(request.scope or names.DEPLOYMENT_SCOPE)
        # Where somebody may is told of the whole deployment, whatever part is shown.
        return () if _is_about(caller, request) else (Need(_CHECK, names.DEPLOYMENT_SCOPE),)

    def batch(request: Any, caller: Caller) -> Sequence[Need]:
        asked = [check.scope for check in request.checks if not _is_about(caller, check)]
        # Each once, in the order of the request: the first that may not be asked is named.
        return list(_asking_at_all(dict.fromkeys(asked), request.consistency.minimize_latency))

    def _is_about(caller: Caller, check: Any) -> bool:
        if not check.HasField("principal"):
            return True
        if check.group_ids:
            return False
        try:
            return messages.key_of(check.principal, field="principal") == caller.key
        except InvalidArgument:
            return False

    return {
        "AccessService/CheckAccess": check,
        "AccessService/BatchCheckAccess": batch,
        "AccessService/ExplainAccess": explain,
        "AccessService/TestPermissions": _everyone_at("scope"),
        "AccessService/ListAccessibleScopes": list_scopes,
        "AccessService/ListPrincipalsWithAccess": _at("roleAssignments/read", "scope"),
        "AccessService/ListEffectivePermissions": _at("roleAssignments/read", "scope"),
        "AccessService/WhatIf": _what_if,
        "AccessService/WhoAmI": everyone,
        "RoleDefinitionService/GetRoleDefinition": _read_roles,
        "RoleDefinitionService/ListRoleDefinitions": _read_roles,
        "RoleDefinitionService/ListRoleDefinitionVersions": _read_roles,
        "RoleDefinitionService/CreateRoleDefinition": _create_role,
        "RoleDefinitionService/UpdateRoleDefinition": _of_role("write"),
        "RoleDefinitionService/DeleteRoleDefinition": _of_role("delete"),
        "RoleDefinitionService/UndeleteRoleDefinition": _of_role("write"),
        "RoleDefinitionService/ListActions": everyone,
        "RoleDefinitionService/ListGrantableRoles": _everyone_at("scope"),
        "RoleDefinitionService/LintPolicy": _of_deployment("roleDefinitions/read"),
        "GroupService/CreateGroup": _of_deployment("groups/write"),
        "GroupService/GetGroup": _of_deployment("groups/read"),
        "GroupService/ListGroups": _of_deployment("groups/read"),
        "GroupService/DeleteGroup": _of_deployment("groups/delete"),
        "GroupService/AddGroupMember": _of_deployment("groups/write"),
        "GroupService/RemoveGroupMember": _of_deployment("groups/write"),
        "GroupService/ListGroupMembers": _of_deployment("groups/read"),
        "RoleAssignmentService/CreateRoleAssignment": _at("roleAssignments/write", "scope"),
        "RoleAssignmentService/GetRoleAssignment": _of_assignment("read"),
        "RoleAssignmentService/ListRoleAssignments": _at("roleAssignments/read", "scope"),
        "RoleAssignmentService/DeleteRoleAssignment": _of_assignment("delete"),
        "PolicyService/ExportPolicy": _of_policy("read"),
        "PolicyService/ImportPolicy": _of_policy("write"),
        "AuditService/ListLogEntries": _of_deployment("log/read"),
        "AuditService/VerifyLog": _of_deployment("log/read"),
        "AuditService/ListDecisions": _of_deployment("log/read"),
        "WatchService/Watch": _of_deployment("log/read"),
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


def _everyone_at(field: str) -> Row:
    """The row of an RPC that is free for everyone who is signed in and names a scope."""

    def needs(request: Any, _: Caller) -> Sequence[Need]:
        names.parse_scope(getattr(request, field), field=field)
        return ()

    return needs


def _of_assignment(verb: str) -> Row:
    def needs(request: Any, _: Caller) -> Sequence[Need]:
        scope = _scope_of_assignment(request.name, field="name")
        return (Need(f"deskhold.authorization/roleAssignments/{verb}", scope),)

    return needs


def _scope_of_assignment(name: str, *, field: str) -> str:
    scope, assignment_id = split_name(name)
    if not assignment_id:
        shown = name if len(name) <= _MAX_QUOTED else name[:_MAX_QUOTED] + "…"
        raise InvalidArgument.of_field(
            field, f"{shown!r} is not of the form '[scope/]roleAssignments/ID'"
        )
    return names.parse_scope(scope, field=field).scope


def _what_if(request: Any, _: Caller) -> Sequence[Need]:
    asked = {
        names.parse_scope(check.scope, field=f"checks[{number}].scope").scope
        for number, check in enumerate(request.checks)
    }
    changed = {
        _scope_of_change(change, field=f"changes[{number}]")
        for number, change in enumerate(request.changes)
    }
    return [
        *(Need(_CHECK, scope) for scope in sorted(asked)),
        *(Need(_READ_ASSIGNMENTS, scope) for scope in sorted(changed)),
    ]


def _scope_of_change(change: Any, *, field: str) -> str:
    match change.WhichOneof("change"):
        case "assign":
            return names.parse_scope(change.assign.scope, field=f"{field}.assign.scope").scope
        case "remove_role_assignment":
            return _scope_of_assignment(
                change.remove_role_assignment, field=f"{field}.remove_role_assignment"
            )
        case _:
            # A membership counts wherever the group holds something.
            return names.DEPLOYMENT_SCOPE


def _of_deployment(action: str) -> Row:
    def needs(_: Any, __: Caller) -> Sequence[Need]:
        return (Need(f"deskhold.authorization/{action}", names.DEPLOYMENT_SCOPE),)

    return needs


def _of_policy(verb: str) -> Row:
    # What else an import needs is known only from what it changes; the changes are judged there.
    def needs(request: Any, _: Caller) -> Sequence[Need]:
        scope = names.parse_scope(request.scope or names.DEPLOYMENT_SCOPE).scope
        return (Need(f"deskhold.authorization/roleAssignments/{verb}", scope),)

    return needs


def _of_role(verb: str) -> Row:
    def needs(request: Any, _: Caller) -> Sequence[Need]:
        scope = names.parse_scope(request.scope or names.DEPLOYMENT_SCOPE).scope
        return (Need(f"deskhold.authorization/roleDefinitions/{verb}", scope),)

    return needs


def _create_role(request: Any, _: Caller) -> Sequence[Need]:
    # Without any scope the request is refused later; until then the deployment's counts.
    scopes = list(request.role_definition.assignable_scopes) or [names.DEPLOYMENT_SCOPE]
    field = "role_definition.assignable_scopes"
    return [
        Need(
            "deskhold.authorization/roleDefinitions/write",
            names.parse_scope(scope, field=f"{field}[{number}]").scope,
        )
        for number, scope in enumerate(scopes)
    ]


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


@lru_cache(_REMEMBER_SCOPES)
def _asking(scope: str, may_lag: bool) -> Need:
    """Return what asking about others at a scope needs."""
    return Need(_CHECK, names.parse_scope(scope).scope, may_lag)


def _asking_at_all(scopes: Iterable[str], may_lag: bool) -> Iterator[Need]:
    for scope in scopes:
        try:
            yield _asking(scope, may_lag)
        except InvalidArgument:
            continue  # that question is told so itself
