"""What explanations, lists and what-ifs need of their caller."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1.principals_pb2 import PRINCIPAL_KIND_USER
from deskhold.api.rbac.v1.principals_pb2 import Principal as PrincipalMessage
from deskhold.chassis.calls import Caller
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains, Principal, PrincipalKind
from rbac_service.access_table import access_table
from rbac_service.messages import Messages

READ = "deskhold.resources/hosts/read"
CHECK = "deskhold.authorization/checkAccess/action"
LIST = "deskhold.authorization/roleAssignments/read"
A = "/tenantGroups/a"
TABLE = access_table(Messages(Domains.parse("X=x")))
CALLER = Caller(Principal(PrincipalKind.USER, "alice@x"), "user:alice@x")
SELF = PrincipalMessage(kind=PRINCIPAL_KIND_USER, id="X\\Alice")
BOB = PrincipalMessage(kind=PRINCIPAL_KIND_USER, id="bob@x")
MEMBER = pb.HypotheticalMember(group="groups/g", member=BOB)


def question(**fields: object) -> pb.CheckAccessRequest:
    return pb.CheckAccessRequest(action=READ, scope=A, **fields)  # type: ignore[arg-type]


def what_if(*changes: pb.HypotheticalChange) -> pb.WhatIfRequest:
    return pb.WhatIfRequest(changes=changes, checks=[question(), question(principal=BOB)])


ASSIGN = pb.HypotheticalChange(assign=pb.HypotheticalAssignment(scope="/", principal=BOB))
REMOVE = pb.HypotheticalChange(remove_role_assignment="tenantGroups/b/roleAssignments/1")
JOIN = pb.HypotheticalChange(add_member=MEMBER)
LEAVE = pb.HypotheticalChange(remove_member=MEMBER)


@pytest.mark.parametrize(
    ("request_", "needs"),
    [
        (pb.ExplainAccessRequest(check=question()), []),
        (pb.ExplainAccessRequest(check=question(principal=SELF)), []),
        (pb.ExplainAccessRequest(check=question(principal=BOB)), [(CHECK, A)]),
        (
            pb.ExplainAccessRequest(check=question(principal=SELF, group_ids=["g"])),
            [(CHECK, A)],
        ),
        (pb.ListAccessibleScopesRequest(action=READ), []),
        (pb.ListAccessibleScopesRequest(action=READ, scope=A, principal=SELF), []),
        (pb.ListAccessibleScopesRequest(action=READ, scope=A, principal=BOB), [(CHECK, "/")]),
        (pb.ListPrincipalsWithAccessRequest(action=READ, scope=A), [(LIST, A)]),
        (pb.ListEffectivePermissionsRequest(scope=A, principal=SELF), [(LIST, A)]),
        (what_if(ASSIGN), [(CHECK, A), (LIST, "/")]),
        (what_if(REMOVE), [(CHECK, A), (LIST, "/tenantGroups/b")]),
        (what_if(JOIN), [(CHECK, A), (LIST, "/")]),
        (what_if(LEAVE, REMOVE), [(CHECK, A), (LIST, "/"), (LIST, "/tenantGroups/b")]),
    ],
)
def test_a_row_asks_for_what_the_contract_says(
    request_: Message, needs: list[tuple[str, str]]
) -> None:
    rpc = request_.DESCRIPTOR.name.removesuffix("Request")

    asked = TABLE[f"AccessService/{rpc}"](request_, CALLER)

    assert [(need.action, need.scope) for need in asked] == needs


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.ExplainAccessRequest(), "scope"),
        (pb.ListAccessibleScopesRequest(action=READ, scope="a"), "scope"),
        (what_if(pb.HypotheticalChange(remove_role_assignment="b")), "changes[0].remove"),
        (
            what_if(JOIN, pb.HypotheticalChange(assign=pb.HypotheticalAssignment(scope="a"))),
            "changes[1].assign.scope",
        ),
        (
            pb.WhatIfRequest(changes=[JOIN], checks=[pb.CheckAccessRequest(scope="x")]),
            "checks[0].scope",
        ),
    ],
)
def test_a_request_that_names_no_scope_is_refused_by_field(request_: Message, field: str) -> None:
    rpc = request_.DESCRIPTOR.name.removesuffix("Request")

    with pytest.raises(InvalidArgument) as raised:
        TABLE[f"AccessService/{rpc}"](request_, CALLER)

    assert raised.value.metadata["field"].startswith(field)
