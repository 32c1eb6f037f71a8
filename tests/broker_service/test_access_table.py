"""Who may do what: every RPC of the broker against every role, as the documents say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message

from broker_service.access_table import access_table
from deskhold.api.broker.v1 import assignments_pb2, collections_pb2, hosts_pb2, sessions_pb2
from deskhold.channel import Endpoint
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Caller
from deskhold.client import Client, broker
from deskhold.client.calls import Call, Listing, method_of
from deskhold.errors import InvalidArgument, PermissionDenied, Unauthenticated
from deskhold.identities import Principal, PrincipalKind
from tests.broker_service.pair import Eng, Pair
from tests.broker_service.stores import DOMAINS

ROLES = (
    "RDS Owner",
    "RDS Contributor",
    "RDS Reader",
    "RDS Operator",
    "RDS User",
    "RDS Host Operator",
    "RDS Session Operator",
)
# In the order of the roles: x may, - may not. Granted at the tenant.
MAY = {
    "CollectionService/CreateCollection": "x x - - - - -",
    "CollectionService/GetCollection": "x x x - - x x",
    "CollectionService/ListCollections": "x x x - - x x",
    "CollectionService/DeleteCollection": "x x - - - - -",
    "HostService/BatchCreateHosts": "x x - - - x -",
    "HostService/GetHost": "x x x - - x x",
    "HostService/ListHosts": "x x x - - x x",
    "HostService/BatchDeleteHosts": "x x - - - x -",
    "AssignmentService/SetAssignment": "x x - - - - -",
    "AssignmentService/RemoveAssignment": "x x - - - - -",
    "AssignmentService/ListAssignments": "x x x - - x x",
    "AssignmentService/ImportAssignments": "x x - - - - -",
    "AssignmentService/ExportAssignments": "x x x - - x x",
    "SessionService/Connect": "x x - - x - -",
}
# Nothing of it changes anything, so that who may does no harm.
TRIED: dict[str, Callable[[Eng], Call[Any] | Listing[Any]]] = {
    "CollectionService/CreateCollection": lambda eng: broker.create_collection(
        eng.tenant, "lab", type="personal", validate_only=True
    ),
    "CollectionService/GetCollection": lambda eng: broker.get_collection(eng.name),
    "CollectionService/ListCollections": lambda eng: broker.list_collections(eng.tenant),
    "CollectionService/DeleteCollection": lambda eng: broker.delete_collection(
        eng.name, force=True, validate_only=True
    ),
    "HostService/BatchCreateHosts": lambda eng: broker.add_hosts(
        eng.name, ["pc-9"], validate_only=True
    ),
    "HostService/GetHost": lambda eng: broker.get_host(f"{eng.name}/hosts/pc-1"),
    "HostService/ListHosts": lambda eng: broker.list_hosts(eng.name),
    "HostService/BatchDeleteHosts": lambda eng: broker.remove_hosts(
        eng.name, ["pc-2"], validate_only=True
    ),
    "AssignmentService/SetAssignment": lambda eng: broker.set_assignment(
        eng.name, user="bob@contoso.com", host_id="pc-2", validate_only=True
    ),
    "AssignmentService/RemoveAssignment": lambda eng: broker.remove_assignment(
        eng.name, host_id="pc-1", validate_only=True
    ),
    "AssignmentService/ListAssignments": lambda eng: broker.list_assignments(eng.name),
    "AssignmentService/ImportAssignments": lambda eng: broker.import_assignments(
        eng.name, b"pc-2,bob@contoso.com\n", validate_only=True
    ),
    "AssignmentService/ExportAssignments": lambda eng: broker.export_assignments(eng.name),
    "SessionService/Connect": lambda eng: broker.connect(eng.name),
}
FILES = (assignments_pb2, collections_pb2, hosts_pb2, sessions_pb2)
RPCS = {
    f"{service.name}/{method.name}"
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
each_rpc = pytest.mark.parametrize("rpc", MAY)
each_role = pytest.mark.parametrize("role", ROLES)


def may(client: Client, rpc: str, eng: Eng) -> bool:
    """Try an RPC once; say whether it was let through."""
    tried = TRIED[rpc](eng)
    call = tried.first if isinstance(tried, Listing) else tried
    assert method_of(call.request).path.endswith(f".{rpc}")
    try:
        client.send(call)
    except PermissionDenied:
        return False
    return True


def test_every_rpc_is_in_every_table() -> None:
    assert set(access_table(DOMAINS)) == set(MAY) == set(TRIED) == RPCS


@each_role
def test_a_role_at_the_tenant_lets_through_what_its_description_says(
    pair: Pair, eng: Eng, role: str
) -> None:
    pair.grant("someone@contoso.com", role, f"/{eng.tenant}")
    client = pair.client("someone@contoso.com")

    found = {rpc: may(client, rpc, eng) for rpc in MAY}

    column = ROLES.index(role)
    assert found == {rpc: row.split()[column] == "x" for rpc, row in MAY.items()}


@each_role
def test_a_role_at_the_collection_reaches_no_further(pair: Pair, eng: Eng, role: str) -> None:
    pair.grant("narrow@contoso.com", role, f"/{eng.name}")
    client = pair.client("narrow@contoso.com")

    found = {rpc: may(client, rpc, eng) for rpc in MAY}

    column = ROLES.index(role)
    of_the_tenant = {"CollectionService/CreateCollection", "CollectionService/ListCollections"}
    assert found == {
        rpc: row.split()[column] == "x" and rpc not in of_the_tenant for rpc, row in MAY.items()
    }


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
    wrong = broker.set_assignment(eng.name, user="nobody", host_id="no host", request_id="1")

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


@pytest.mark.parametrize(
    ("request_", "needs"),
    [
        (collections_pb2.CreateCollectionRequest(parent=T), [("collections/write", T)]),
        (collections_pb2.GetCollectionRequest(name=C), [("collections/read", C)]),
        (collections_pb2.ListCollectionsRequest(parent=T), [("collections/read", T)]),
        (collections_pb2.DeleteCollectionRequest(name=C), [("collections/delete", C)]),
        (hosts_pb2.BatchCreateHostsRequest(parent=C), [("hosts/write", C)]),
        (hosts_pb2.GetHostRequest(name=f"{C}/hosts/pc-1"), [("hosts/read", C)]),
        (hosts_pb2.ListHostsRequest(parent=C), [("hosts/read", C)]),
        (hosts_pb2.BatchDeleteHostsRequest(parent=C), [("hosts/delete", C)]),
        (assignments_pb2.SetAssignmentRequest(parent=C), [("assignments/write", C)]),
        (assignments_pb2.RemoveAssignmentRequest(parent=C), [("assignments/delete", C)]),
        (assignments_pb2.ListAssignmentsRequest(parent=C), [("assignments/read", C)]),
        (assignments_pb2.ExportAssignmentsRequest(parent=C), [("assignments/read", C)]),
        (assignments_pb2.ImportAssignmentsRequest(parent=C), [("assignments/write", C)]),
        (
            assignments_pb2.ImportAssignmentsRequest(parent=C, replace=True),
            [("assignments/write", C), ("assignments/delete", C)],
        ),
        (sessions_pb2.ConnectRequest(name=C), [("appGroups/connect/action", DESKTOP)]),
        (
            sessions_pb2.ConnectRequest(name=OFFICE, user="CONTOSO\\ALICE"),
            [("appGroups/connect/action", OFFICE)],
        ),
        (
            sessions_pb2.ConnectRequest(name=OFFICE, user="nobody"),
            [("appGroups/connectOnBehalf/action", OFFICE)],
        ),
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
