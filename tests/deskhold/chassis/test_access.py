from __future__ import annotations

from typing import Any

import pytest

from deskhold.api.rbac.v1.scopes_pb2 import (
    DeleteScopeRequest,
    GetScopeRequest,
    ListScopesRequest,
    Scope,
)
from deskhold.chassis.access import everyone, refuse_holes
from deskhold.chassis.calls import current
from deskhold.errors import InvalidArgument, PermissionDenied
from tests.deskhold.chassis.carrier import DELETE, ENG, READ, TABLE, Carrier

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_call_whose_row_is_satisfied_passes(carrier: Carrier) -> None:
    carrier.authorizer.actions.add(READ)

    assert (await carrier.call(GetScopeRequest(name=ENG))).name == ENG


async def test_a_call_that_passed_knows_why(carrier: Carrier) -> None:
    carrier.authorizer.actions.add(READ)

    async def answer_with_the_grant(_: Any) -> Scope:
        grant = current().grant
        return Scope(name=f"{grant.decision_id} {grant.revision} {grant.role_assignment}")

    carrier.behave = answer_with_the_grant

    assert (await carrier.call(GetScopeRequest(name=ENG))).name == "d-17 7 roleAssignments/r-1"


async def test_a_refusal_names_action_scope_and_decision_for_people_and_programs(
    carrier: Carrier,
) -> None:
    with pytest.raises(PermissionDenied) as refused:
        await carrier.call(GetScopeRequest(name=ENG))

    assert refused.value.message == (
        f"user:alice@contoso.com may not do {READ} at /{ENG} (decision d-17);"
        " ask an owner of that scope for a role that allows it"
    )
    assert refused.value.reason == "ACTION_DENIED"
    assert refused.value.metadata == {"action": READ, "scope": f"/{ENG}", "decision": "d-17"}


async def test_a_refused_call_never_reaches_the_servicer(carrier: Carrier) -> None:
    reached = []

    async def note(request: Any) -> Any:
        reached.append(request)

    carrier.behave = note

    with pytest.raises(PermissionDenied):
        await carrier.call(GetScopeRequest(name=ENG))
    assert reached == []


async def test_a_row_for_everyone_asks_nobody(carrier: Carrier) -> None:
    await carrier.call(ListScopesRequest(parent="/"))


@pytest.mark.parametrize(
    "name", ["", "eng", f"/{ENG}", ENG.replace("eng", "e ng"), "tenantGroups/default", ENG + "/"]
)
async def test_a_malformed_name_is_an_invalid_argument_before_anybody_is_asked(
    carrier: Carrier, name: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await carrier.call(GetScopeRequest(name=name))

    assert refused.value.reason == "FIELD_VIOLATION"
    assert [violation.field for violation in refused.value.violations] == ["name"]


async def test_a_name_of_any_length_is_refused_in_few_words(carrier: Carrier) -> None:
    # A refusal travels in trailers, and clients accept only some kilobytes of these.
    for name in ("\N{SNOWMAN}" * 1000, "x" * 1_000_000, f"{ENG}/{'x' * 100_000}"):
        with pytest.raises(InvalidArgument) as refused:
            await carrier.call(GetScopeRequest(name=name))

        assert len(refused.value.message) < 1000


async def test_authorization_precedes_validation(carrier: Carrier) -> None:
    wrong = DeleteScopeRequest(name=ENG, request_id="no uuid")

    with pytest.raises(PermissionDenied):
        await carrier.call(wrong)

    carrier.authorizer.actions.add(DELETE)
    with pytest.raises(InvalidArgument):
        await carrier.call(wrong)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        (
            {name: row for name, row in TABLE.items() if name != "ScopeService/DeleteScope"},
            r"no row for \['ScopeService/DeleteScope'\]",
        ),
        ({}, "no row for .*CreateScope.*DeleteScope.*GetScope.*ListScopes"),
        (
            TABLE | {"ScopeService/MowScope": everyone},
            r"unknown methods \['ScopeService/MowScope'\]",
        ),
    ],
)
async def test_a_server_whose_table_does_not_fit_its_methods_does_not_start(
    carrier: Carrier, table: Any, complaint: str
) -> None:
    with pytest.raises(RuntimeError, match=complaint):
        carrier.make_server(table)


async def test_a_table_with_one_row_for_every_method_fits() -> None:
    refuse_holes(TABLE, list(TABLE))
