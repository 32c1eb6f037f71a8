"""Activities over the wire: what calls leave behind, and who sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deskhold.api.broker.v1 import diagnostics_pb2 as pb
from deskhold.channel import Endpoint
from deskhold.client import Client
from deskhold.client.broker import diagnostics
from deskhold.errors import DeskholdError, InvalidArgument, PermissionDenied
from tests.broker_service.calls import EVERYTHING, READS
from tests.broker_service.pair import Eng, Pair

ALICE = "alice@contoso.com"


def activities(client: Client, tenant: str, **wanted: Any) -> list[pb.Activity]:
    return list(client.list_activities(f"{tenant}/diagnostics", **wanted))


def test_a_management_call_says_by_which_right_it_was_made(owner: Client, eng: Eng) -> None:
    owner.set_assignment(eng.name, user="bob@contoso.com", host_id="PC-2")

    newest = activities(owner, eng.tenant)[0]

    assert newest.name.startswith(f"{eng.tenant}/diagnostics/activities/")
    assert newest.kind == pb.ACTIVITY_KIND_MANAGEMENT
    assert newest.method == "AssignmentService/SetAssignment"
    assert (newest.actor, newest.user) == ("user:admin@contoso.com", "bob@contoso.com")
    assert (newest.collection, newest.host_id) == (eng.name, "pc-2")
    assert (newest.outcome, newest.code) == (pb.ACTIVITY_OUTCOME_SUCCEEDED, "OK")
    assert newest.action == "deskhold.resources/assignments/write"
    assert newest.scope == f"/{eng.name}"
    (decision,) = owner.list_decisions(decision_id=newest.decision_id)
    assert (decision.revision, decision.role_assignment) == (
        newest.revision,
        newest.role_assignment,
    )
    assert newest.start_time.seconds > 0
    assert newest.duration.ToMicroseconds() > 0


def test_a_denied_connection_is_found_by_user_and_names_the_decision(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    with pytest.raises(PermissionDenied) as caught:
        pair.client("mallory@contoso.com").connect(eng.name)

    (found,) = activities(
        owner, eng.tenant, user="mallory@contoso.com", kind="connection", outcome="denied"
    )
    assert (found.code, found.reason) == ("PERMISSION_DENIED", "ACTION_DENIED")
    assert found.decision_id == caught.value.metadata["decision"]
    assert found.scope == f"/{eng.name}/appGroups/desktop"
    assert found.request_id == caught.value.request_id
    assert activities(owner, eng.tenant, request_id=found.request_id) == [found]


def test_a_call_without_a_token_is_an_activity_of_nobody_and_of_no_tenant(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    address = pair.settings["DESKHOLD_BROKER_ADDRESS"]
    nobody = Client(broker=Endpoint(address, pair.home.ca_file))
    with nobody, pytest.raises(DeskholdError) as caught:
        nobody.get_collection(eng.name)

    request_id = caught.value.request_id
    (found,) = owner.list_activities("diagnostics", request_id=request_id)
    assert (found.actor, found.collection, found.reason) == ("", "", "CREDENTIAL_MISSING")
    assert found.outcome == pb.ACTIVITY_OUTCOME_DENIED
    # What a stranger sends is not decoded, and fills no tenant's diagnostics.
    assert activities(owner, eng.tenant, request_id=request_id) == []


def test_a_refusal_and_a_violated_rule_are_the_callers(owner: Client, eng: Eng) -> None:
    for user in ("bob@contoso.com", "nobody"):
        with pytest.raises(DeskholdError):
            owner.set_assignment(eng.name, user=user, host_id="pc-1")

    newest, other = activities(owner, eng.tenant, outcome="refused")
    assert [newest.reason, other.reason] == ["FIELD_VIOLATION", "HOST_HELD"]


@pytest.mark.slow
def test_while_the_authority_hangs_it_is_the_services_failure(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    with pair.authority_stopped(), pytest.raises(DeskholdError):
        owner.send(EVERYTHING["Connect"](eng))

    newest = activities(owner, eng.tenant, outcome="failed")[0]
    assert (newest.kind, newest.reason) == (pb.ACTIVITY_KIND_CONNECTION, "AUTHORITY_UNAVAILABLE")


@pytest.fixture
def operator(pair: Pair, eng: Eng) -> Client:
    pair.grant("operator@contoso.com", "RDS Operator", f"/{eng.tenant}/diagnostics")
    return pair.client("operator@contoso.com")


def test_an_operator_of_a_tenant_sees_its_activities_and_no_others(
    owner: Client, eng: Eng, operator: Client
) -> None:
    shown = activities(operator, eng.tenant)

    assert {one.collection for one in shown} <= {"", eng.name}
    assert {one.method for one in shown} >= {
        "CollectionService/CreateCollection",
        "AssignmentService/SetAssignment",
    }
    for parent in ("diagnostics", "tenantGroups/default/tenants/default/diagnostics"):
        with pytest.raises(PermissionDenied):
            list(operator.list_activities(parent))
    whole = {one.request_id for one in owner.list_activities("diagnostics", page_size=100)}
    assert {one.request_id for one in shown} < whole


everything_else: dict[str, Callable[..., Any]] = {
    name: build for name, build in (EVERYTHING | READS).items() if name != "ListActivities"
}


@pytest.mark.parametrize("name", everything_else)
def test_an_operator_may_do_nothing_else(operator: Client, eng: Eng, name: str) -> None:
    with pytest.raises(PermissionDenied):
        operator.send(everything_else[name](eng))


def test_an_operator_of_the_deployment_sees_all_tenants(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    pair.grant("op@contoso.com", "RDS Operator", "/diagnostics")
    operator = pair.client("op@contoso.com")

    found = list(operator.list_activities("diagnostics", collection=eng.name))

    assert found
    assert found[0].name.startswith("diagnostics/activities/")
    with pytest.raises(PermissionDenied):
        operator.get_collection(eng.name)


def test_the_newest_come_first_over_all_pages(owner: Client, eng: Eng) -> None:
    for _ in range(5):
        owner.get_collection(eng.name)

    pages = activities(owner, eng.tenant, page_size=2)

    numbers = [int(one.name.rpartition("/")[2]) for one in pages]
    assert numbers == sorted(set(numbers), reverse=True)
    assert pages == activities(owner, eng.tenant)


def test_reading_activities_is_none(owner: Client, eng: Eng) -> None:
    before = activities(owner, eng.tenant)

    assert activities(owner, eng.tenant) == before


def test_a_bad_filter_is_refused_and_named(owner: Client, eng: Eng) -> None:
    parent = f"{eng.tenant}/diagnostics"
    backwards = diagnostics.list_activities(parent).first
    backwards.request.start_time.seconds = 2  # type: ignore[attr-defined]
    backwards.request.end_time.seconds = 1  # type: ignore[attr-defined]
    for call, field in (
        (backwards, "end_time"),
        (diagnostics.list_activities(parent, user="nobody").first, "user"),
        (diagnostics.list_activities(parent, collection="eng").first, "collection"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            owner.send(call)
        assert caught.value.metadata == {"field": field}


def test_a_connection_is_told_with_the_user_and_the_host_it_led_to(owner: Client, eng: Eng) -> None:
    way = owner.connect(eng.name, user="bob@contoso.com")

    found = owner.list_activities(f"{eng.tenant}/diagnostics", kind="connection")

    assert [(one.user, f"{eng.name}/hosts/{one.host_id}") for one in found] == [
        ("bob@contoso.com", way.host)
    ]
