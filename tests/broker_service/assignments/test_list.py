"""The three queries of the source document: by collection, by user, by host."""

from __future__ import annotations

from typing import Any

import pytest

from deskhold.api.broker.v1 import assignments_pb2 as pb
from deskhold.client import Client
from deskhold.client.calls import Call
from deskhold.errors import InvalidArgument, NotFound
from tests.broker_service.pair import Eng

ALICE, BOB = "alice@contoso.com", "bob@contoso.com"


@pytest.fixture
def lab(owner: Client, tenant: str) -> str:
    """A collection of two desktops a user: alice holds c and a, bob holds B, nobody d."""
    made = owner.create_collection(
        tenant, "lab", type="personal", max_desktops_per_user=2, host_ids=["c", "a", "B", "d"]
    )
    for user, host_id in ((ALICE, "c"), (BOB, "B"), (ALICE, "a")):
        owner.set_assignment(made.name, user=user, host_id=host_id)
    return made.name


def found(client: Client, collection: str, **query: Any) -> list[tuple[str, str]]:
    answer = client.list_assignments(collection, **query)
    return [(one.host.rpartition("/")[2], one.user) for one in answer]


@pytest.mark.parametrize("page_size", [0, 1, 2, 3, 1000])
def test_by_collection_the_hosts_and_their_users_are_listed_by_host(
    owner: Client, lab: str, page_size: int
) -> None:
    assert found(owner, lab, page_size=page_size) == [("a", ALICE), ("B", BOB), ("c", ALICE)]


@pytest.mark.parametrize("user", [ALICE, "CONTOSO\\ALICE"])
@pytest.mark.parametrize("page_size", [0, 1, 2])
def test_by_user_the_hosts_of_that_user_are_listed(
    owner: Client, lab: str, user: str, page_size: int
) -> None:
    assert found(owner, lab, user=user, page_size=page_size) == [("a", ALICE), ("c", ALICE)]


@pytest.mark.parametrize("page_size", [0, 1])
def test_by_host_the_user_of_that_host_is_listed(owner: Client, lab: str, page_size: int) -> None:
    assert found(owner, lab, host_id="b", page_size=page_size) == [("B", BOB)]


@pytest.mark.parametrize("query", [{"user": "carol@contoso.com"}, {"host_id": "d"}], ids=str)
def test_where_nothing_is_assigned_nothing_is_listed(
    owner: Client, lab: str, query: dict[str, str]
) -> None:
    assert found(owner, lab, **query) == []


def test_user_and_host_together_are_refused(owner: Client, lab: str) -> None:
    with pytest.raises(InvalidArgument, match="user or host_id, not both"):
        found(owner, lab, user=BOB, host_id="b")


def test_a_host_that_is_not_there_is_not_found(owner: Client, lab: str) -> None:
    with pytest.raises(NotFound) as caught:
        found(owner, lab, host_id="e")

    assert caught.value.reason == "HOST_NOT_FOUND"


def test_a_collection_that_is_not_there_is_not_found(owner: Client, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        found(owner, f"{tenant}/collections/none")

    assert caught.value.reason == "COLLECTION_NOT_FOUND"


def test_what_is_no_user_is_refused(owner: Client, lab: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        found(owner, lab, user="alice")

    assert caught.value.metadata == {"field": "user"}


def test_a_token_of_one_query_does_not_serve_another(owner: Client, lab: str) -> None:
    request = pb.ListAssignmentsRequest(parent=lab, page_size=1)
    token = owner.send(Call(request, pb.ListAssignmentsResponse)).next_page_token
    other = pb.ListAssignmentsRequest(parent=lab, page_size=1, user=ALICE, page_token=token)

    with pytest.raises(InvalidArgument) as caught:
        owner.send(Call(other, pb.ListAssignmentsResponse))

    assert caught.value.reason == "PAGE_TOKEN_INVALID"


def test_an_assignment_carries_the_name_and_etag_of_its_host(owner: Client, eng: Eng) -> None:
    (only,) = owner.list_assignments(eng.name)

    assert only.name == f"{only.host}/assignment"
    assert only.etag == owner.get_host(only.host).etag
