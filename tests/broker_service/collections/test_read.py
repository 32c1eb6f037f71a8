from __future__ import annotations

import pytest

from deskhold.api.broker.v1 import collections_pb2 as pb
from deskhold.client import Client
from deskhold.client.calls import Call
from deskhold.errors import InvalidArgument, NotFound, PermissionDenied
from tests.broker_service.pair import OWNER, Eng, Pair


def test_a_collection_counts_its_hosts_and_the_assigned_ones(owner: Client, eng: Eng) -> None:
    def counts() -> tuple[int, int]:
        found = owner.get_collection(eng.name)
        return (found.host_count, found.assigned_host_count)

    assert counts() == (3, 1)
    owner.set_assignment(eng.name, user="bob@contoso.com", host_id="pc-2")
    assert counts() == (3, 2)
    owner.remove_hosts(eng.name, ["pc-2"], force=True)
    assert counts() == (2, 1)
    owner.remove_assignment(eng.name, user="alice@contoso.com")
    assert counts() == (2, 0)
    listed = next(owner.list_collections(eng.tenant))
    assert (listed.host_count, listed.assigned_host_count) == (2, 0)


def test_the_etag_says_nothing_of_the_hosts(owner: Client, eng: Eng) -> None:
    etag = owner.get_collection(eng.name).etag

    owner.add_hosts(eng.name, ["pc-4"])

    assert owner.get_collection(eng.name).etag == etag


def test_collections_are_listed_by_id_over_any_number_of_pages(owner: Client, tenant: str) -> None:
    for collection_id in ("c", "A", "b", "a10", "a2"):
        owner.create_collection(tenant, collection_id, type="pooled")

    def listed(page_size: int) -> list[str]:
        pages = owner.list_collections(tenant, page_size=page_size)
        return [one.name.rpartition("/")[2] for one in pages]

    assert [listed(size) for size in (0, 1, 2, 5, 1000)] == [["A", "a10", "a2", "b", "c"]] * 5


def test_a_tenant_lists_its_own_collections_only(owner: Client, eng: Eng) -> None:
    beside = f"{eng.tenant}-beside"
    owner.create_scope(f"/{beside}")
    owner.create_collection(beside, "other", type="pooled")

    assert [one.name for one in owner.list_collections(eng.tenant)] == [eng.name]
    assert [one.name for one in owner.list_collections(beside)] == [f"{beside}/collections/other"]


def first_page(client: Client, request: pb.ListCollectionsRequest) -> pb.ListCollectionsResponse:
    return client.send(Call(request, pb.ListCollectionsResponse))


def test_a_page_token_serves_its_own_list_and_caller_only(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    owner.create_collection(eng.tenant, "lab", type="pooled")
    beside = f"{eng.tenant}-beside"
    owner.create_scope(f"/{beside}")
    helper = pair.client("helper@contoso.com")
    pair.grant("helper@contoso.com", "RDS Reader", f"/{eng.tenant}")
    token = first_page(
        owner, pb.ListCollectionsRequest(parent=eng.tenant, page_size=1)
    ).next_page_token

    for client, parent, shown in (
        (owner, beside, token),
        (helper, eng.tenant, token),
        (owner, eng.tenant, token[:-4]),
        (owner, eng.tenant, "nonsense"),
    ):
        with pytest.raises(InvalidArgument) as caught:
            first_page(client, pb.ListCollectionsRequest(parent=parent, page_token=shown))
        assert caught.value.reason == "PAGE_TOKEN_INVALID"

    rest = first_page(owner, pb.ListCollectionsRequest(parent=eng.tenant, page_token=token))
    assert [one.name for one in rest.collections] == [f"{eng.tenant}/collections/lab"]


def test_a_negative_page_size_is_refused(owner: Client, tenant: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        list(owner.list_collections(tenant, page_size=-1))

    assert caught.value.metadata["field"] == "page_size"


def test_absent_and_forbidden_look_alike_to_a_stranger(pair: Pair, eng: Eng) -> None:
    stranger = pair.client("stranger@contoso.com")
    told = []
    for name in (eng.name, f"{eng.tenant}/collections/none"):
        with pytest.raises(PermissionDenied) as caught:
            stranger.get_collection(name)
        decision = caught.value.metadata["decision"]
        told.append(caught.value.message.replace(decision, "").replace(name, ""))

    assert told[0] == told[1]
    with pytest.raises(NotFound):
        pair.client(OWNER).get_collection(f"{eng.tenant}/collections/none")


@pytest.mark.parametrize("name", ["", "eng", "/tenantGroups/a/tenants/b/collections/c", "a/b/c/d"])
def test_what_is_no_name_of_a_collection_is_refused(owner: Client, name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.get_collection(name)

    assert caught.value.metadata["field"] == "name"
