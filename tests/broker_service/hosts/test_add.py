from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deskhold.api.broker.v1.hosts_pb2 import BatchCreateHostsResponse, Host, NewHost
from deskhold.client import Client
from deskhold.errors import (
    AlreadyExists,
    DeskholdError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from tests.broker_service.pair import OWNER, Eng, Pair
from tests.broker_service.stores import pcs


def new(host_id: str, **settings: Any) -> NewHost:
    return NewHost(host_id=host_id, host=Host(**settings))


def ids(hosts: Any) -> list[str]:
    return [host.name.rpartition("/")[2] for host in hosts]


def test_hosts_are_returned_in_the_order_asked_for(owner: Client, eng: Eng) -> None:
    added = owner.add_hosts(
        eng.name, [new("pc-9", address="10.0.0.9", port=3390), "pc-1", "pc-5"]
    ).hosts

    assert ids(added) == ["pc-9", "pc-1", "pc-5"]
    assert [(host.address, host.port) for host in added] == [
        ("10.0.0.9", 3390),
        ("pc-1", 3389),
        ("pc-5", 3389),
    ]
    assert [host.assigned_user for host in added] == ["", "alice@contoso.com", ""]
    assert owner.get_host(f"{eng.name}/hosts/pc-9") == added[0]


def test_adding_hosts_again_changes_nothing(pair: Pair, owner: Client, eng: Eng) -> None:
    wanted: list[str | NewHost] = [new("pc-7", address="10.0.0.7"), "pc-8"]
    first = owner.add_hosts(eng.name, wanted)
    before = pair.dump()["hosts"]

    again = owner.add_hosts(eng.name, wanted)

    assert again == first
    assert pair.dump()["hosts"] == before


def test_ids_compare_without_case_and_stay_as_given(owner: Client, eng: Eng) -> None:
    added = owner.add_hosts(eng.name, ["PC-1", "Big.Contoso.com"]).hosts

    assert ids(added) == ["pc-1", "Big.Contoso.com"]
    assert owner.get_host(f"{eng.name}/hosts/BIG.contoso.COM") == added[1]
    assert owner.get_collection(eng.name).host_count == 4


@pytest.mark.parametrize("twice", [["pc-7", "pc-8", "pc-7"], ["pc-7", "pc-8", "PC-7"]])
def test_a_host_twice_in_one_call_is_refused(
    pair: Pair, owner: Client, eng: Eng, twice: list[str]
) -> None:
    before = pair.dump()

    with pytest.raises(InvalidArgument, match="named twice") as caught:
        owner.add_hosts(eng.name, twice)

    assert caught.value.metadata == {"field": "hosts[2]"}
    assert pair.dump() == before


@pytest.mark.parametrize("settings", [{"address": "10.0.0.1"}, {"port": 3390}], ids=str)
def test_a_host_that_is_there_with_other_settings_is_not_changed(
    pair: Pair, owner: Client, eng: Eng, settings: dict[str, Any]
) -> None:
    before = pair.dump()

    with pytest.raises(AlreadyExists) as caught:
        owner.add_hosts(eng.name, ["pc-7", new("pc-1", **settings)])

    assert caught.value.reason == "HOST_ALREADY_EXISTS"
    assert caught.value.metadata == {"host": "pc-1", "collection": eng.name}
    assert pair.dump() == before


def test_a_host_is_in_one_collection_of_a_tenant(pair: Pair, owner: Client, eng: Eng) -> None:
    lab = owner.create_collection(eng.tenant, "lab", type="pooled").name
    before = pair.dump()

    with pytest.raises(FailedPrecondition, match="remove it there first") as caught:
        owner.add_hosts(lab, ["lab-1", "PC-1"])

    assert caught.value.reason == "HOST_IN_OTHER_COLLECTION"
    assert caught.value.metadata == {"host": "PC-1", "collection": lab}
    assert pair.dump() == before


def test_another_tenant_may_have_a_host_of_the_same_name(owner: Client, eng: Eng) -> None:
    beside = f"{eng.tenant}-beside"
    owner.create_scope(f"/{beside}")

    made = owner.create_collection(beside, "eng", type="personal", host_ids=["pc-1"])

    assert owner.get_host(f"{made.name}/hosts/pc-1").assigned_user == ""


def test_hosts_need_a_collection(owner: Client, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        owner.add_hosts(f"{tenant}/collections/none", ["pc-1"])

    assert caught.value.reason == "COLLECTION_NOT_FOUND"


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ([], "hosts"),
        ([""], "hosts[0].host_id"),
        (["pc-7", "pc_8", "pc/9"], "hosts[2].host_id"),
        (["x" * 64], "hosts[0].host_id"),
        ([new("pc-7", port=65536)], "hosts[0].host.port"),
        ([new("pc-7", address="10.0.0.1\r\nfull address:s:evil")], "hosts[0].host.address"),
        (pcs(10_001), "hosts"),
    ],
    ids=["none", "empty id", "slash", "long id", "port", "line break", "too many"],
)
def test_a_wrong_field_is_named(owner: Client, eng: Eng, wanted: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.add_hosts(eng.name, wanted)

    assert caught.value.metadata["field"] == field


def test_ten_thousand_hosts_are_added_listed_and_removed_in_one_call_each(
    owner: Client, tenant: str
) -> None:
    name = owner.create_collection(tenant, "eng", type="personal").name
    many = pcs(10_000)

    assert ids(owner.add_hosts(name, many).hosts) == many
    assert owner.get_collection(name).host_count == 10_000
    assert ids(owner.list_hosts(name)) == many
    assert ids(owner.remove_hosts(name, reversed(many)).hosts) == many[::-1]
    assert owner.get_collection(name).host_count == 0


async def test_hosts_added_by_many_at_once_are_there_once(pair: Pair, eng: Eng) -> None:
    async with pair.once(OWNER) as client:
        batches = (pcs(50, start=start) for start in range(1, 200, 10))
        came = await asyncio.gather(*(client.add_hosts(eng.name, batch) for batch in batches))

        listed = [host async for host in client.list_hosts(eng.name)]

    uids = {host.name: host.uid for host in listed}
    assert len(listed) == len(uids) == 240 + 3
    assert all(uids[host.name] == host.uid for answer in came for host in answer.hosts)


async def test_of_collections_that_add_a_host_at_once_one_gets_it(
    pair: Pair, owner: Client, tenant: str
) -> None:
    made = [owner.create_collection(tenant, f"c{n}", type="personal").name for n in range(6)]
    async with pair.once(OWNER) as client:
        came = await asyncio.gather(
            *(client.add_hosts(name, ["pc-1"]) for name in made), return_exceptions=True
        )

    assert sum(isinstance(one, BatchCreateHostsResponse) for one in came) == 1
    for error in came:
        if isinstance(error, BaseException):
            assert isinstance(error, DeskholdError)
            assert error.reason == "HOST_IN_OTHER_COLLECTION"
    assert sum(owner.get_collection(name).host_count for name in made) == 1
