"""Explanations, lists and what-ifs as messages."""

from __future__ import annotations

from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1 import role_definitions_pb2 as roles_pb
from deskhold.api.rbac.v1.principals_pb2 import PRINCIPAL_KIND_GROUP, PRINCIPAL_KIND_USER
from deskhold.api.rbac.v1.principals_pb2 import Principal as PrincipalMessage
from deskhold.chassis.calls import Call, Caller, Method, enter
from deskhold.chassis.paging import Pager
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains, Principal, PrincipalKind
from rbac_service.access.policy import Policy
from rbac_service.access.queries import Queries
from rbac_service.access.servicer import AccessServicer
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.tokens import Tokens
from rbac_service.access.usecases import Access
from rbac_service.log.decisions import DecisionLog
from rbac_service.messages import Messages
from rbac_service.roles.servicer import RoleDefinitionServicer
from tests.rbac_service.access.worlds import A_ONE, A, B, assigned, group, member, name_of, world

READ = "deskhold.resources/hosts/read"
ALICE = "user:alice@x"
NOW = 15
ALICE_MESSAGE = PrincipalMessage(kind=PRINCIPAL_KIND_USER, id="alice@x")
G1_MESSAGE = PrincipalMessage(kind=PRINCIPAL_KIND_GROUP, id="g1")
OPS_MESSAGE = PrincipalMessage(kind=PRINCIPAL_KIND_GROUP, id="ops", directory="other")


class FixedPolicy:
    """A policy that stays as it is."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    async def current(self, *_: Any) -> Snapshot:
        return self._snapshot


def serve(snapshot: Snapshot) -> AccessServicer:
    policy = cast(Policy, FixedPolicy(snapshot))
    enter(
        Call(
            Method("deskhold.api.rbac.v1.AccessService/Any", pb.CheckAccessRequest),
            cast(Any, None),
            "r-1",
            0.0,
            caller=Caller(Principal(PrincipalKind.USER, "alice@x"), ALICE),
        )
    )
    return AccessServicer(
        Access(policy, lambda: NOW),
        queries=Queries(policy, lambda: NOW),
        messages=Messages(Domains()),
        tokens=Tokens(b"key"),
        decisions=DecisionLog(cast(Any, None), CollectorRegistry()),
        pager=Pager(b"key"),
        max_age_seconds=1.0,
    )


async def test_an_allowed_question_comes_with_its_grants() -> None:
    held = assigned("group:g1", "RDS Reader", A, expire_us=99)
    servicer = serve(world(member(ALICE, "group:g1"), held))
    asked = pb.CheckAccessRequest(action=READ, scope=A_ONE)

    reply = await servicer.ExplainAccess(pb.ExplainAccessRequest(check=asked), None)

    (grant,) = reply.grants
    assert reply.answer.decision == pb.DECISION_ALLOW
    assert reply.answer.role_assignment == grant.role_assignment == name_of(held)
    assert (grant.role_display_name, grant.scope, grant.inherited) == ("RDS Reader", A, True)
    assert list(grant.through_groups) == [G1_MESSAGE]
    assert grant.expire_time.ToMicroseconds() == 99


async def test_a_denied_question_comes_with_its_near_misses() -> None:
    held = assigned(ALICE, "RDS Reader", B)
    servicer = serve(world(held))
    asked = pb.CheckAccessRequest(action=READ, scope=A)

    reply = await servicer.ExplainAccess(pb.ExplainAccessRequest(check=asked), None)

    (miss,) = reply.near_misses
    assert reply.answer.decision == pb.DECISION_DENY
    assert miss.reason == pb.NEAR_MISS_REASON_OTHER_SCOPE
    assert (miss.role_assignment, miss.role_display_name) == (name_of(held), "RDS Reader")
    assert miss.scope == B


async def test_scopes_are_listed_page_by_page() -> None:
    servicer = serve(world(assigned(ALICE, "RDS Reader", A)))
    request = pb.ListAccessibleScopesRequest(action=READ, page_size=2)

    first = await servicer.ListAccessibleScopes(request, None)
    request.page_token = first.next_page_token
    second = await servicer.ListAccessibleScopes(request, None)

    assert (list(first.scopes), list(second.scopes)) == ([A, A_ONE], [f"{A_ONE}/diagnostics"])
    assert (second.next_page_token, second.revision) == ("", first.revision)


async def test_a_page_token_is_good_for_its_own_list_only() -> None:
    servicer = serve(world(assigned(ALICE, "RDS Reader", A)))
    request = pb.ListAccessibleScopesRequest(action=READ, page_size=2)
    request.page_token = (await servicer.ListAccessibleScopes(request, None)).next_page_token
    request.action = "deskhold.resources/hosts/write"

    with pytest.raises(InvalidArgument) as raised:
        await servicer.ListAccessibleScopes(request, None)

    assert raised.value.reason == "PAGE_TOKEN_INVALID"


async def test_a_token_of_principals_with_the_longest_names_can_be_sent_back() -> None:
    users = [f"user:{'ü' * 250}{number}@x" for number in range(3)]
    servicer = serve(world(*(assigned(user, "RDS Reader", A) for user in users)))
    request = pb.ListPrincipalsWithAccessRequest(action=READ, scope=A, page_size=1)

    reply = await servicer.ListPrincipalsWithAccess(request, None)

    assert 0 < len(reply.next_page_token) <= 4096


async def test_principals_are_listed_with_the_way_to_their_role() -> None:
    held = assigned("group:ops\tother", "RDS Reader", A)
    servicer = serve(world(held))
    request = pb.ListPrincipalsWithAccessRequest(action=READ, scope=A_ONE)

    reply = await servicer.ListPrincipalsWithAccess(request, None)

    (row,) = reply.principals
    assert (row.principal, row.role_assignment) == (OPS_MESSAGE, name_of(held))
    assert (row.role_display_name, list(row.through_groups)) == ("RDS Reader", [])


async def test_the_matrix_has_a_row_per_principal() -> None:
    held = assigned("group:g1", "RDS Operator", A)
    servicer = serve(world(member(ALICE, "group:g1"), held))
    request = pb.ListEffectivePermissionsRequest(scope=A)

    reply = await servicer.ListEffectivePermissions(request, None)
    request.principal.CopyFrom(ALICE_MESSAGE)
    own = await servicer.ListEffectivePermissions(request, None)

    assert [row.principal for row in reply.rows] == [G1_MESSAGE, ALICE_MESSAGE]
    assert list(own.rows) == [reply.rows[1]]
    assert list(own.rows[0].actions) == ["deskhold.diagnostics/read"]
    assert list(own.rows[0].role_assignments) == [name_of(held)]


async def test_a_what_if_answers_before_and_after() -> None:
    gone = assigned(ALICE, "RDS Contributor", "/")
    leaving = pb.HypotheticalMember(group="groups/g2", member=ALICE_MESSAGE)
    servicer = serve(world(group("group:g1"), group("group:g2"), member(ALICE, "group:g2"), gone))
    request = pb.WhatIfRequest(
        changes=[
            pb.HypotheticalChange(remove_role_assignment=name_of(gone)),
            pb.HypotheticalChange(remove_member=leaving),
            pb.HypotheticalChange(
                add_member=pb.HypotheticalMember(group="groups/g1", member=ALICE_MESSAGE)
            ),
            pb.HypotheticalChange(
                assign=pb.HypotheticalAssignment(
                    scope=A, principal=G1_MESSAGE, role_definition="RDS Reader"
                )
            ),
        ],
        checks=[pb.CheckAccessRequest(action=READ, scope=scope) for scope in (A, B)],
    )

    reply = await servicer.WhatIf(request, None)

    assert [(answer.before, answer.after) for answer in reply.answers] == [
        (pb.DECISION_ALLOW, pb.DECISION_ALLOW),
        (pb.DECISION_ALLOW, pb.DECISION_DENY),
    ]


async def test_a_principal_that_cannot_be_is_named_by_its_field() -> None:
    joining = pb.HypotheticalMember(
        group="groups/g1", member=PrincipalMessage(kind=PRINCIPAL_KIND_USER, id="nobody")
    )
    request = pb.WhatIfRequest(changes=[pb.HypotheticalChange(add_member=joining)])

    with pytest.raises(InvalidArgument) as raised:
        await serve(world()).WhatIf(request, None)

    assert raised.value.metadata["field"] == "changes[0].add_member.member.id"


async def test_findings_are_named_by_kind_and_subject() -> None:
    held = assigned("group:gone", "RDS Reader", A)
    policy = cast(Policy, FixedPolicy(world(held)))
    unused = cast(Any, None)
    servicer = RoleDefinitionServicer(
        unused,
        queries=Queries(policy, lambda: NOW),
        messages=unused,
        mutations=unused,
        pager=unused,
        clock_us=lambda: NOW,
    )

    reply = await servicer.LintPolicy(roles_pb.LintPolicyRequest(), None)

    assert next((one.kind, one.subject) for one in reply.findings) == (
        roles_pb.LINT_KIND_ORPHANED,
        name_of(held),
    )
