from __future__ import annotations

from typing import Any

import pytest

from deskhold.api.rbac.v1 import access_pb2 as access
from deskhold.api.rbac.v1 import audit_pb2 as audit
from deskhold.api.rbac.v1 import groups_pb2 as groups
from deskhold.api.rbac.v1 import policies_pb2 as policies
from deskhold.api.rbac.v1 import role_assignments_pb2 as assignments
from deskhold.api.rbac.v1 import role_definitions_pb2 as roles
from deskhold.api.rbac.v1 import scopes_pb2 as scopes
from deskhold.api.rbac.v1 import watch_pb2 as watch
from deskhold.chassis.access import refuse_holes
from deskhold.chassis.calls import Caller
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains, Principal, PrincipalKind
from rbac_service.access_table import access_table
from rbac_service.messages import Messages
from tests.rbac_service.requests import check, checks, grant, group, scope_of, user

DOMAINS = Domains.parse("CONTOSO=contoso.com")
ALICE = Caller(Principal(PrincipalKind.USER, "alice@contoso.com"), "user:alice@contoso.com")
GROUP = "/tenantGroups/contoso"
HR = f"{GROUP}/tenants/hr"
PCS = f"{HR}/collections/pcs"
BOB = user("bob@contoso.com")
ALICE_HERSELF = user("alice@contoso.com")
A = "deskhold.authorization"
R = "deskhold.resources"
ASK = f"{A}/checkAccess/action"

# RPC, as alice asks it -> what she needs, and where
TABLE: list[tuple[str, Any, list[tuple[str, str]]]] = [
    ("AccessService/CheckAccess", check("a/b", HR), []),
    ("AccessService/CheckAccess", check("a/b", HR, user("CONTOSO\\Alice")), []),
    ("AccessService/CheckAccess", check("a/b", HR, user("CONTOSO\\Alice"), ["g"]), [(ASK, HR)]),
    ("AccessService/CheckAccess", check("a/b", HR, BOB), [(ASK, HR)]),
    ("AccessService/CheckAccess", check("a/b", HR, group("alice@contoso.com")), [(ASK, HR)]),
    ("AccessService/CheckAccess", check("a/b", HR, user("alice")), [(ASK, HR)]),
    ("AccessService/BatchCheckAccess", checks(check("a/b", HR)), []),
    (
        "AccessService/BatchCheckAccess",
        checks(
            check("a/b", HR, BOB),
            check("a/c", HR, BOB),
            check("a/b", "/", BOB),
            check("a/b", GROUP),
            check("a/b", "no scope", BOB),
        ),
        [(ASK, HR), (ASK, "/")],
    ),
    ("AccessService/ExplainAccess", access.ExplainAccessRequest(check=check("a/b", HR)), []),
    (
        "AccessService/ExplainAccess",
        access.ExplainAccessRequest(check=check("a/b", HR, BOB)),
        [(ASK, HR)],
    ),
    ("AccessService/TestPermissions", access.TestPermissionsRequest(scope=HR), []),
    ("AccessService/ListAccessibleScopes", access.ListAccessibleScopesRequest(scope=HR), []),
    (
        "AccessService/ListAccessibleScopes",
        access.ListAccessibleScopesRequest(scope=HR, principal=BOB),
        [(ASK, "/")],
    ),
    (
        "AccessService/ListPrincipalsWithAccess",
        access.ListPrincipalsWithAccessRequest(scope=HR),
        [(f"{A}/roleAssignments/read", HR)],
    ),
    (
        "AccessService/ListEffectivePermissions",
        access.ListEffectivePermissionsRequest(scope=HR),
        [(f"{A}/roleAssignments/read", HR)],
    ),
    (
        "AccessService/WhatIf",
        access.WhatIfRequest(
            checks=[check("a/b", PCS, ALICE_HERSELF), check("a/b", HR, BOB)],
            changes=[
                access.HypotheticalChange(assign=access.HypotheticalAssignment(scope=GROUP)),
                access.HypotheticalChange(remove_role_assignment=f"{HR[1:]}/roleAssignments/x"),
            ],
        ),
        [
            (ASK, HR),
            (ASK, PCS),
            (f"{A}/roleAssignments/read", GROUP),
            (f"{A}/roleAssignments/read", HR),
        ],
    ),
    ("AccessService/WhoAmI", access.WhoAmIRequest(), []),
    (
        "RoleDefinitionService/GetRoleDefinition",
        roles.GetRoleDefinitionRequest(),
        [(f"{A}/roleDefinitions/read", "/")],
    ),
    (
        "RoleDefinitionService/ListRoleDefinitions",
        roles.ListRoleDefinitionsRequest(scope=HR),
        [(f"{A}/roleDefinitions/read", HR)],
    ),
    (
        "RoleDefinitionService/ListRoleDefinitionVersions",
        roles.ListRoleDefinitionVersionsRequest(scope=HR),
        [(f"{A}/roleDefinitions/read", HR)],
    ),
    (
        "RoleDefinitionService/CreateRoleDefinition",
        roles.CreateRoleDefinitionRequest(
            role_definition=roles.RoleDefinition(assignable_scopes=[HR, GROUP])
        ),
        [(f"{A}/roleDefinitions/write", HR), (f"{A}/roleDefinitions/write", GROUP)],
    ),
    (
        "RoleDefinitionService/CreateRoleDefinition",
        roles.CreateRoleDefinitionRequest(),
        [(f"{A}/roleDefinitions/write", "/")],
    ),
    (
        "RoleDefinitionService/UpdateRoleDefinition",
        roles.UpdateRoleDefinitionRequest(scope=HR),
        [(f"{A}/roleDefinitions/write", HR)],
    ),
    (
        "RoleDefinitionService/DeleteRoleDefinition",
        roles.DeleteRoleDefinitionRequest(),
        [(f"{A}/roleDefinitions/delete", "/")],
    ),
    (
        "RoleDefinitionService/UndeleteRoleDefinition",
        roles.UndeleteRoleDefinitionRequest(scope=HR),
        [(f"{A}/roleDefinitions/write", HR)],
    ),
    ("RoleDefinitionService/ListActions", roles.ListActionsRequest(), []),
    ("RoleDefinitionService/ListGrantableRoles", roles.ListGrantableRolesRequest(scope=HR), []),
    (
        "RoleDefinitionService/LintPolicy",
        roles.LintPolicyRequest(),
        [(f"{A}/roleDefinitions/read", "/")],
    ),
    ("GroupService/CreateGroup", groups.CreateGroupRequest(), [(f"{A}/groups/write", "/")]),
    ("GroupService/GetGroup", groups.GetGroupRequest(), [(f"{A}/groups/read", "/")]),
    ("GroupService/ListGroups", groups.ListGroupsRequest(), [(f"{A}/groups/read", "/")]),
    ("GroupService/DeleteGroup", groups.DeleteGroupRequest(), [(f"{A}/groups/delete", "/")]),
    ("GroupService/AddGroupMember", groups.AddGroupMemberRequest(), [(f"{A}/groups/write", "/")]),
    (
        "GroupService/RemoveGroupMember",
        groups.RemoveGroupMemberRequest(),
        [(f"{A}/groups/write", "/")],
    ),
    (
        "GroupService/ListGroupMembers",
        groups.ListGroupMembersRequest(),
        [(f"{A}/groups/read", "/")],
    ),
    (
        "PolicyService/ExportPolicy",
        policies.ExportPolicyRequest(scope=HR),
        [(f"{A}/roleAssignments/read", HR)],
    ),
    (
        "PolicyService/ImportPolicy",
        policies.ImportPolicyRequest(),
        [(f"{A}/roleAssignments/write", "/")],
    ),
    ("AuditService/ListLogEntries", audit.ListLogEntriesRequest(), [(f"{A}/log/read", "/")]),
    ("AuditService/VerifyLog", audit.VerifyLogRequest(), [(f"{A}/log/read", "/")]),
    ("AuditService/ListDecisions", audit.ListDecisionsRequest(), [(f"{A}/log/read", "/")]),
    ("WatchService/Watch", watch.WatchRequest(), [(f"{A}/log/read", "/")]),
    (
        "RoleAssignmentService/CreateRoleAssignment",
        grant(BOB, "RDS Owner", HR),
        [(f"{A}/roleAssignments/write", HR)],
    ),
    (
        "RoleAssignmentService/GetRoleAssignment",
        assignments.GetRoleAssignmentRequest(name=f"{HR[1:]}/roleAssignments/x"),
        [(f"{A}/roleAssignments/read", HR)],
    ),
    (
        "RoleAssignmentService/ListRoleAssignments",
        assignments.ListRoleAssignmentsRequest(scope=HR),
        [(f"{A}/roleAssignments/read", HR)],
    ),
    (
        "RoleAssignmentService/DeleteRoleAssignment",
        assignments.DeleteRoleAssignmentRequest(name="roleAssignments/x"),
        [(f"{A}/roleAssignments/delete", "/")],
    ),
    ("ScopeService/CreateScope", scope_of(GROUP), [(f"{R}/tenantGroups/write", "/")]),
    ("ScopeService/CreateScope", scope_of(HR), [(f"{R}/tenants/write", GROUP)]),
    ("ScopeService/CreateScope", scope_of(PCS), [(f"{A}/scopes/write", HR)]),
    ("ScopeService/CreateScope", scope_of(f"{PCS}/appGroups/a"), [(f"{A}/scopes/write", PCS)]),
    ("ScopeService/CreateScope", scope_of("/"), [(f"{A}/scopes/write", "/")]),
    ("ScopeService/GetScope", scopes.GetScopeRequest(name=HR), [(f"{A}/scopes/read", HR)]),
    ("ScopeService/ListScopes", scopes.ListScopesRequest(parent=HR), [(f"{A}/scopes/read", HR)]),
    (
        "ScopeService/DeleteScope",
        scopes.DeleteScopeRequest(name=GROUP),
        [(f"{R}/tenantGroups/delete", GROUP)],
    ),
    ("ScopeService/DeleteScope", scopes.DeleteScopeRequest(name=HR), [(f"{R}/tenants/delete", HR)]),
    (
        "ScopeService/DeleteScope",
        scopes.DeleteScopeRequest(name=HR, force=True),
        [(f"{R}/tenants/delete", HR), (f"{A}/scopes/delete", HR)],
    ),
    (
        "ScopeService/DeleteScope",
        scopes.DeleteScopeRequest(name=PCS),
        [(f"{A}/scopes/delete", PCS)],
    ),
]


@pytest.mark.parametrize(("method", "request_", "needs"), TABLE)
def test_an_rpc_needs_these_actions_at_these_scopes(
    method: str, request_: Any, needs: list[tuple[str, str]]
) -> None:
    row = access_table(Messages(DOMAINS))[method]

    assert [(need.action, need.scope) for need in row(request_, ALICE)] == needs


FROM_MEMORY = access.Consistency(minimize_latency=True)
FROM_THE_STORE = access.Consistency(fully_consistent=True)


@pytest.mark.parametrize(
    ("consistency", "may_lag"), [(FROM_MEMORY, True), (FROM_THE_STORE, False), (None, False)]
)
def test_who_asks_for_an_answer_from_memory_may_be_known_from_memory(
    consistency: access.Consistency | None, may_lag: bool
) -> None:
    table = access_table(Messages(DOMAINS))
    one, many = check("a/b", HR, BOB), checks(check("a/b", HR, BOB))
    one.consistency.MergeFrom(consistency or access.Consistency())
    many.consistency.MergeFrom(consistency or access.Consistency())

    asked: list[tuple[str, Any]] = [("CheckAccess", one), ("BatchCheckAccess", many)]
    for method, request in asked:
        assert [need.may_lag for need in table[f"AccessService/{method}"](request, ALICE)] == [
            may_lag
        ]
    explained = table["AccessService/ExplainAccess"](access.ExplainAccessRequest(check=one), ALICE)
    assert [need.may_lag for need in explained] == [False]


def test_the_table_above_leaves_no_rpc_out() -> None:
    served = [
        f"{service.name}/{method.name}"
        for file in (access, roles, groups, assignments, policies, audit, watch, scopes)
        for service in file.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]

    assert {method for method, _, _ in TABLE} == set(served)
    refuse_holes(access_table(Messages(DOMAINS)), served)


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("AccessService/CheckAccess", check("a/b", "hr")),
        ("AccessService/CheckAccess", check("a/b", f"{PCS}/hosts/h")),
        ("RoleDefinitionService/GetRoleDefinition", roles.GetRoleDefinitionRequest(scope="hr")),
        ("RoleAssignmentService/CreateRoleAssignment", grant(BOB, "RDS Owner", HR[1:])),
        (
            "RoleAssignmentService/GetRoleAssignment",
            assignments.GetRoleAssignmentRequest(name="hr/roleAssignments/x"),
        ),
        (
            "RoleAssignmentService/GetRoleAssignment",
            assignments.GetRoleAssignmentRequest(name="x" * 1_000_000),
        ),
        ("ScopeService/CreateScope", scope_of("")),
        ("ScopeService/DeleteScope", scopes.DeleteScopeRequest(name="hr")),
    ],
)
def test_a_request_that_names_no_scope_is_refused_in_few_words(method: str, request_: Any) -> None:
    with pytest.raises(InvalidArgument) as refused:
        access_table(Messages(DOMAINS))[method](request_, ALICE)

    assert len(refused.value.message) < 1000
