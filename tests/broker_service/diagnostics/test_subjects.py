"""Where a call happened, as its request tells."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from google.protobuf.message import Message

from broker_service.diagnostics.rules import place_of
from broker_service.diagnostics.subjects import subject_of
from deskhold.api.broker.v1 import (
    app_groups_pb2,
    collections_pb2,
    hosts_pb2,
    registration_pb2,
    sessions_pb2,
)
from deskhold.client.calls import method_of
from tests.broker_service.stores import ENG, TENANT

HOST = f"{ENG}/hosts/PC-1"
PLACES: Sequence[tuple[str, Message, tuple[str, str, str]]] = [
    (
        "CollectionService/GetCollection",
        collections_pb2.GetCollectionRequest(name=ENG),
        (ENG, "", TENANT),
    ),
    (
        "CollectionService/CreateCollection",
        collections_pb2.CreateCollectionRequest(parent=TENANT, collection_id="lab"),
        (f"{TENANT}/collections/lab", "", TENANT),
    ),
    (
        "CollectionService/ListCollections",
        collections_pb2.ListCollectionsRequest(parent=TENANT),
        ("", "", TENANT),
    ),
    (
        "CollectionService/UpdateCollection",
        collections_pb2.UpdateCollectionRequest(collection=collections_pb2.Collection(name=ENG)),
        (ENG, "", TENANT),
    ),
    ("HostService/GetHost", hosts_pb2.GetHostRequest(name=HOST), (ENG, "pc-1", TENANT)),
    (
        "HostService/UpdateHost",
        hosts_pb2.UpdateHostRequest(host=hosts_pb2.Host(name=HOST)),
        (ENG, "pc-1", TENANT),
    ),
    (
        "AppGroupService/GetAppGroup",
        app_groups_pb2.GetAppGroupRequest(name=f"{ENG}/appGroups/desktop"),
        (ENG, "", TENANT),
    ),
    (
        "AppGroupService/UpdateAppGroup",
        app_groups_pb2.UpdateAppGroupRequest(
            app_group=app_groups_pb2.AppGroup(name=f"{ENG}/appGroups/desktop")
        ),
        (ENG, "", TENANT),
    ),
    (
        "SessionService/GetSession",
        sessions_pb2.GetSessionRequest(name=f"{HOST}/sessions/3"),
        (ENG, "pc-1", TENANT),
    ),
    (
        "SessionService/Connect",
        sessions_pb2.ConnectRequest(name=f"{ENG}/appGroups/desktop", host_id="pc-2"),
        (ENG, "pc-2", TENANT),
    ),
    (
        "RegistrationService/CompareScopes",
        registration_pb2.CompareScopesRequest(scope=f"/{TENANT}"),
        ("", "", TENANT),
    ),
    (
        "RegistrationService/CompareScopes",
        registration_pb2.CompareScopesRequest(scope="/"),
        ("", "", ""),
    ),
    ("HostService/GetHost", hosts_pb2.GetHostRequest(name="no name"), ("", "", "")),
    ("HostService/GetHost", hosts_pb2.GetHostRequest(name="x" * 5000), ("", "", "")),
]


@pytest.mark.parametrize(("name", "request_", "place"), PLACES)
def test_where_it_was_is_read_from_the_request(
    name: str, request_: Message, place: tuple[str, str, str]
) -> None:
    assert method_of(request_).path.endswith(f".{name}")
    resource, _, host_id = subject_of(type(request_))(request_)

    found = place_of(resource, host_id)

    assert (found.collection, found.host_key, found.tenant) == place


def test_who_it_was_for_is_read_where_a_request_says_so() -> None:
    request = sessions_pb2.ConnectRequest(name=ENG, user="alice@contoso.com")

    assert subject_of(sessions_pb2.ConnectRequest)(request) == (ENG, "alice@contoso.com", "")


def test_texts_are_cut_before_they_wait() -> None:
    request = sessions_pb2.ConnectRequest(name="x" * 5000, user="y" * 5000, host_id="z" * 5000)

    lengths = [len(text) for text in subject_of(sessions_pb2.ConnectRequest)(request)]

    assert lengths == [1025, 256, 63]
