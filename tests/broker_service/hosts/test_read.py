from __future__ import annotations

import pytest

from deskhold.api.broker.v1 import hosts_pb2 as pb
from deskhold.client import Client
from deskhold.client.calls import Call
from deskhold.errors import InvalidArgument, NotFound
from tests.broker_service.pair import Eng
from tests.broker_service.stores import pcs


def page(client: Client, parent: str, size: int, token: str = "") -> pb.ListHostsResponse:
    request = pb.ListHostsRequest(parent=parent, page_size=size, page_token=token)
    return client.send(Call(request, pb.ListHostsResponse))


def test_hosts_are_listed_by_id_over_any_number_of_pages(owner: Client, eng: Eng) -> None:
    owner.add_hosts(eng.name, ["PC-2a", "a-1", "Z-1"])

    listed = [
        [host.name.rpartition("/")[2] for host in owner.list_hosts(eng.name, page_size=size)]
        for size in (0, 1, 2, 6, 1000)
    ]

    assert listed == [["a-1", "pc-1", "pc-2", "PC-2a", "pc-3", "Z-1"]] * 5


@pytest.mark.parametrize(("size", "shown"), [(0, 100), (1000, 1000), (100_000, 1000)])
def test_a_page_is_no_larger_than_asked_for_or_allowed(
    owner: Client, tenant: str, size: int, shown: int
) -> None:
    made = owner.create_collection(tenant, "eng", type="personal", host_ids=pcs(1001))

    first = page(owner, made.name, size)

    assert len(first.hosts) == shown
    assert first.next_page_token


def test_the_last_page_has_no_token_even_when_it_is_full(owner: Client, eng: Eng) -> None:
    assert page(owner, eng.name, 3).next_page_token == ""


def test_hosts_that_come_and_go_between_pages_shift_nothing(owner: Client, eng: Eng) -> None:
    first = page(owner, eng.name, 2)
    owner.remove_hosts(eng.name, ["pc-2"])
    owner.add_hosts(eng.name, ["pc-0", "pc-4"])

    rest = page(owner, eng.name, 2, first.next_page_token)

    assert [host.name[-4:] for host in rest.hosts] == ["pc-3", "pc-4"]
    assert rest.next_page_token == ""


def test_a_token_of_another_collection_is_refused(owner: Client, eng: Eng) -> None:
    lab = owner.create_collection(eng.tenant, "lab", type="pooled").name

    with pytest.raises(InvalidArgument) as caught:
        page(owner, lab, 1, page(owner, eng.name, 1).next_page_token)

    assert caught.value.reason == "PAGE_TOKEN_INVALID"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("{tenant}/collections/none/hosts/pc-1", "COLLECTION_NOT_FOUND"),
        ("{tenant}/collections/eng/hosts/pc-9", "HOST_NOT_FOUND"),
    ],
)
def test_what_is_not_there_is_not_found(owner: Client, eng: Eng, name: str, reason: str) -> None:
    with pytest.raises(NotFound) as caught:
        owner.get_host(name.format(tenant=eng.tenant))

    assert caught.value.reason == reason


def test_the_hosts_of_no_collection_cannot_be_listed(owner: Client, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        list(owner.list_hosts(f"{tenant}/collections/none"))

    assert caught.value.reason == "COLLECTION_NOT_FOUND"


def test_the_etag_of_a_host_changes_with_its_assignment(owner: Client, eng: Eng) -> None:
    name = f"{eng.name}/hosts/pc-2"
    etags = [owner.get_host(name).etag]

    owner.set_assignment(eng.name, user="bob@contoso.com", host_id="pc-2")
    etags.append(owner.get_host(name).etag)
    owner.remove_assignment(eng.name, host_id="pc-2")
    etags.append(owner.get_host(name).etag)

    assert len(set(etags)) == 3
