"""Who may do what: every RPC of the broker against every role, as the documents say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.protobuf.message import Message

from broker_service.access_table import access_table
from deskhold.api.broker.v1 import (
    agents_pb2,
    app_groups_pb2,
    assignments_pb2,
    collections_pb2,
    diagnostics_pb2,
    hosts_pb2,
    registration_pb2,
    sessions_pb2,
    watch_pb2,
)
from deskhold.channel import Endpoint
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Caller
from deskhold.client import Client
from deskhold.client.broker import (
    assignments,
)
from deskhold.client.calls import method_of
from deskhold.errors import InvalidArgument, PermissionDenied, Unauthenticated
from deskhold.identities import Principal, PrincipalKind
from tests.broker_service.calls import in_use
from tests.broker_service.pair import Eng, Pair, numbers
from tests.broker_service.roles import (
    MAY,
    PLACES,
    REACHED,
    ROLES,
    RPCS,
    TRIED,
    all_that_may,
    may,
    scope_of,
)
from tests.broker_service.stores import DOMAINS

each_rpc = pytest.mark.parametrize("rpc", MAY)
each_role = pytest.mark.parametrize("role", ROLES)


@pytest.fixture
def eng(owner: Client, eng: Eng) -> Iterator[Eng]:
    """As everywhere, with a session on pc-1 and a collection `spare` beside it."""
    with in_use(owner, eng):
        yield eng


def test_every_rpc_is_in_every_table() -> None:
    assert set(access_table(DOMAINS)) == set(MAY) == set(TRIED) == RPCS


# What the broker's store is makes no difference to who may do what.
@pytest.mark.parametrize("databases", ["sqlite"], indirect=True)
@each_role
async def test_a_role_lets_through_what_its_description_says_as_far_as_it_reaches(
    pair: Pair, eng: Eng, role: str
) -> None:
    column = ROLES.index(role)
    for level, reached in REACHED.items():
        user = f"someone{next(numbers)}@contoso.com"
        pair.grant(user, role, scope_of(level, eng))
        async with pair.once(user) as client:
            found = await all_that_may(client, eng)

        assert found == {
            rpc for rpc, row in MAY.items() if row.split()[column] == "x" and PLACES[rpc] in reached
        }, level


@each_rpc
def test_without_a_role_nothing_is_let_through(pair: Pair, eng: Eng, rpc: str) -> None:
    assert not may(pair.client("stranger@contoso.com"), rpc, eng)


@each_rpc
def test_without_a_token_nothing_is_let_through(pair: Pair, eng: Eng, rpc: str) -> None:
    address = pair.settings["DESKHOLD_BROKER_ADDRESS"]

    nobody = Client(broker=Endpoint(address, pair.home.ca_file))

    with nobody, pytest.raises(Unauthenticated) as caught:
        may(nobody, rpc, eng)

    assert caught.value.reason == "CREDENTIAL_MISSING"


def test_a_stranger_is_not_told_what_is_wrong_with_a_request(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    wrong = assignments.set_assignment(eng.name, user="nobody", host_id="no host", request_id="1")

    with pytest.raises(PermissionDenied):
        pair.client("stranger@contoso.com").send(wrong)
    with pytest.raises(InvalidArgument):
        owner.send(wrong)


@each_rpc
def test_a_role_elsewhere_lets_nothing_through(
    pair: Pair, owner: Client, eng: Eng, rpc: str
) -> None:
    # Its name begins with the other's: names are compared by segment, not by letter.
    beside = owner.create_collection(eng.tenant, "en", type="personal").name
    pair.grant("neighbour@contoso.com", "RDS Owner", f"/{beside}")

    assert not may(pair.client("neighbour@contoso.com"), rpc, eng)


ALICE = Caller(Principal(PrincipalKind.USER, "alice@contoso.com"), "user:alice@contoso.com")
T = "tenantGroups/g/tenants/t"
C = f"{T}/collections/c"
DESKTOP, OFFICE = f"{C}/appGroups/desktop", f"{C}/appGroups/office"
# What force and replace end.
ENDS = [("assignments/delete", C), ("assignments/confirmRelease/action", C)]
EVERY_KIND = [
    ("collections/read", T),
    ("appGroups/read", T),
    ("hosts/read", T),
    ("assignments/read", T),
    ("sessions/read", T),
]


@pytest.mark.parametrize(
    ("request_", "needs"),
    [
        (collections_pb2.CreateCollectionRequest(parent=T), [("collections/write", T)]),
        (collections_pb2.GetCollectionRequest(name=C), [("collections/read", C)]),
        (collections_pb2.ListCollectionsRequest(parent=T), [("collections/read", T)]),
        (collections_pb2.DeleteCollectionRequest(name=C), [("collections/delete", C)]),
        (
            collections_pb2.DeleteCollectionRequest(name=C, force=True),
            [("collections/delete", C), ("hosts/delete", C), *ENDS],
        ),
        (
            collections_pb2.UpdateCollectionRequest(collection=collections_pb2.Collection(name=C)),
            [("collections/write", C)],
        ),
        (app_groups_pb2.CreateAppGroupRequest(parent=C), [("appGroups/write", C)]),
        (app_groups_pb2.GetAppGroupRequest(name=OFFICE), [("appGroups/read", OFFICE)]),
        (app_groups_pb2.ListAppGroupsRequest(parent=C), [("appGroups/read", C)]),
        (
            app_groups_pb2.UpdateAppGroupRequest(app_group=app_groups_pb2.AppGroup(name=OFFICE)),
            [("appGroups/write", OFFICE)],
        ),
        (app_groups_pb2.DeleteAppGroupRequest(name=OFFICE), [("appGroups/delete", OFFICE)]),
        (registration_pb2.CompareScopesRequest(scope=f"/{T}"), [("registration/read", T)]),
        (registration_pb2.CompareScopesRequest(scope="/"), [("registration/read", "")]),
        (registration_pb2.RepairScopesRequest(scope=f"/{T}"), [("registration/write", T)]),
        (hosts_pb2.BatchCreateHostsRequest(parent=C), [("hosts/write", C)]),
        (hosts_pb2.GetHostRequest(name=f"{C}/hosts/pc-1"), [("hosts/read", C)]),
        (hosts_pb2.ListHostsRequest(parent=C), [("hosts/read", C)]),
        (
            hosts_pb2.UpdateHostRequest(host=hosts_pb2.Host(name=f"{C}/hosts/pc-1")),
            [("hosts/write", C)],
        ),
        (hosts_pb2.BatchUpdateHostsRequest(parent=C), [("hosts/write", C)]),
        (
            hosts_pb2.MoveHostsRequest(parent=C, destination=f"{C}2"),
            [("hosts/delete", C), ("hosts/write", f"{C}2")],
        ),
        (hosts_pb2.BatchDeleteHostsRequest(parent=C), [("hosts/delete", C)]),
        (
            hosts_pb2.BatchDeleteHostsRequest(parent=C, force=True),
            [("hosts/delete", C), *ENDS],
        ),
        (agents_pb2.ReportHostsRequest(parent=C), [("agents/report/action", C)]),
        (sessions_pb2.GetSessionRequest(name=f"{C}/hosts/p/sessions/1"), [("sessions/read", C)]),
        (sessions_pb2.ListSessionsRequest(parent=C), [("sessions/read", C)]),
        (sessions_pb2.ListSessionsRequest(parent=T), [("sessions/read", T)]),
        (
            sessions_pb2.DisconnectSessionRequest(name=f"{C}/hosts/p/sessions/1"),
            [("sessions/disconnect/action", C)],
        ),
        (
            sessions_pb2.LogOffSessionRequest(name=f"{C}/hosts/p/sessions/1"),
            [("sessions/logOff/action", C)],
        ),
        (
            sessions_pb2.SendSessionMessageRequest(name=f"{C}/hosts/p/sessions/1"),
            [("sessions/sendMessage/action", C)],
        ),
        (
            sessions_pb2.GetSessionCommandRequest(name=f"{C}/hosts/p/commands/1"),
            [("sessions/read", C)],
        ),
        (assignments_pb2.SetAssignmentRequest(parent=C), [("assignments/write", C)]),
        (
            assignments_pb2.SetAssignmentRequest(parent=C, force=True),
            [("assignments/write", C), *ENDS],
        ),
        (assignments_pb2.RemoveAssignmentRequest(parent=C), [("assignments/delete", C)]),
        (assignments_pb2.ListAssignmentsRequest(parent=C), [("assignments/read", C)]),
        (assignments_pb2.SwapAssignmentsRequest(parent=C), [("assignments/write", C)]),
        (assignments_pb2.MoveAssignmentRequest(parent=C), [("assignments/write", C)]),
        (assignments_pb2.ReserveHostRequest(parent=C), [("assignments/write", C)]),
        (assignments_pb2.CancelReservationRequest(parent=C), [("assignments/delete", C)]),
        (
            assignments_pb2.ConfirmReleaseRequest(parent=C),
            [("assignments/confirmRelease/action", C)],
        ),
        (assignments_pb2.ListAssignmentPeriodsRequest(parent=C), [("assignments/read", C)]),
        (assignments_pb2.ExportAssignmentsRequest(parent=C), [("assignments/read", C)]),
        (assignments_pb2.ImportAssignmentsRequest(parent=C), [("assignments/write", C)]),
        (
            assignments_pb2.ImportAssignmentsRequest(parent=C, replace=True),
            [("assignments/write", C), *ENDS],
        ),
        (sessions_pb2.ConnectRequest(name=C), [("appGroups/connect/action", DESKTOP)]),
        (
            sessions_pb2.ConnectRequest(name=OFFICE, user="CONTOSO\\ALICE"),
            [("appGroups/connect/action", OFFICE)],
        ),
        (
            sessions_pb2.ConnectRequest(name=OFFICE, host_id="pc-1"),
            [("appGroups/connect/action", OFFICE), ("appGroups/chooseHost/action", OFFICE)],
        ),
        (
            sessions_pb2.ResolveRoutingTokenRequest(parent=T, token="x"),
            [("gateways/resolve/action", T)],
        ),
        (sessions_pb2.GetPublisherRequest(scope=f"/{T}"), [("publishers/read", T)]),
        (sessions_pb2.GetPublisherRequest(scope="/"), [("publishers/read", "")]),
        (
            sessions_pb2.ConnectRequest(name=OFFICE, user="nobody"),
            [("appGroups/connectOnBehalf/action", OFFICE)],
        ),
        (
            watch_pb2.WatchRequest(parent=C, kinds=[watch_pb2.RESOURCE_KIND_HOST]),
            [("hosts/read", C)],
        ),
        (watch_pb2.WatchRequest(parent=T), EVERY_KIND),
        # A kind that there is not is refused after the gate, which therefore asks for all.
        (watch_pb2.WatchRequest(parent=T, kinds=[watch_pb2.RESOURCE_KIND_UNSPECIFIED]), EVERY_KIND),
    ],
)
def test_an_rpc_needs_the_action_of_its_comment_at_what_it_names(
    request_: Message, needs: list[tuple[str, str]]
) -> None:
    service_and_method = method_of(request_).path.rpartition(".")[2]

    found = access_table(DOMAINS)[service_and_method](request_, ALICE)

    assert list(found) == [
        Need(f"deskhold.resources/{action}", f"/{scope}") for action, scope in needs
    ]


@pytest.mark.parametrize("parent", ["diagnostics", f"{T}/diagnostics"])
def test_reading_activities_needs_its_own_action_at_the_diagnostics(parent: str) -> None:
    request = diagnostics_pb2.ListActivitiesRequest(parent=parent)

    found = access_table(DOMAINS)["DiagnosticsService/ListActivities"](request, ALICE)

    assert list(found) == [Need("deskhold.diagnostics/read", f"/{parent}")]


@pytest.mark.parametrize("parent", ["", T, C, "tenantGroups/g/diagnostics"])
def test_only_the_deployment_and_tenants_have_diagnostics(parent: str) -> None:
    request = diagnostics_pb2.ListActivitiesRequest(parent=parent)

    with pytest.raises(InvalidArgument) as caught:
        access_table(DOMAINS)["DiagnosticsService/ListActivities"](request, ALICE)

    assert caught.value.metadata == {"field": "parent"}
