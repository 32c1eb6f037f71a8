from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from deskhold.api.broker.v1 import collections_pb2 as pb
from deskhold.client import Client
from deskhold.client.calls import Call
from deskhold.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from tests.broker_service.pair import OWNER, Eng, Pair

PERSONAL: dict[str, Any] = {
    "display_name": "Engineering",
    "description": "Löten & Messen",
    "max_desktops_per_user": 3,
    "custom_rdp_properties": "audiomode:i:0\nuse multimon:i:1",
    "active_session_limit_minutes": 1,
    "disconnected_session_limit_minutes": 2,
    "idle_session_limit_minutes": 3,
}
POOLED = {key: value for key, value in PERSONAL.items() if key != "max_desktops_per_user"}


def change(owner: Client, collection: pb.Collection, *paths: str, **rest: Any) -> pb.Collection:
    """Send a change as it is, whatever the SDK would make of it."""
    request = pb.UpdateCollectionRequest(
        collection=collection, update_mask=FieldMask(paths=paths), **rest
    )
    return owner.send(Call(request, pb.Collection))


@pytest.fixture
def pool(owner: Client, tenant: str) -> pb.Collection:
    return owner.create_collection(tenant, "pool", type="pooled")


def test_all_settings_of_a_personal_collection_are_kept(owner: Client, tenant: str) -> None:
    made = owner.create_collection(
        tenant, "eng", type="personal", release_policy="quarantine", **PERSONAL
    )

    assert {field: getattr(made, field) for field in PERSONAL} == PERSONAL
    assert made.release_policy == pb.RELEASE_POLICY_QUARANTINE
    assert made.load_balancing == pb.LOAD_BALANCING_UNSPECIFIED
    assert made.update_time == made.create_time
    assert owner.get_collection(made.name) == made


def test_all_settings_of_a_pooled_collection_are_kept(owner: Client, tenant: str) -> None:
    made = owner.create_collection(
        tenant,
        "pool",
        type="pooled",
        load_balancing="depth_first",
        max_sessions_per_host=8,
        **POOLED,
    )

    assert {field: getattr(made, field) for field in POOLED} == POOLED
    assert made.load_balancing == pb.LOAD_BALANCING_DEPTH_FIRST
    assert made.max_sessions_per_host == 8
    assert made.release_policy == pb.RELEASE_POLICY_UNSPECIFIED
    assert owner.get_collection(made.name) == made


def test_what_is_not_said_is_breadth_first_and_free(
    owner: Client, eng: Eng, pool: pb.Collection
) -> None:
    assert owner.get_collection(eng.name).release_policy == pb.RELEASE_POLICY_FREE
    assert pool.load_balancing == pb.LOAD_BALANCING_BREADTH_FIRST


def test_what_is_given_is_changed_and_the_rest_stays(owner: Client, eng: Eng) -> None:
    before = owner.get_collection(eng.name)

    after = owner.update_collection(eng.name, description="new", release_policy="quarantine")

    assert after.description == "new"
    assert after.release_policy == pb.RELEASE_POLICY_QUARANTINE
    assert after.etag != before.etag
    assert after.update_time.ToMicroseconds() > before.update_time.ToMicroseconds()
    for message in (before, after):
        for field in ("description", "release_policy", "etag", "update_time"):
            message.ClearField(field)
    assert after == before


@pytest.mark.parametrize("paths", [(), ("*",)], ids=["empty", "star"])
def test_without_a_mask_everything_is_changed(
    owner: Client, tenant: str, paths: tuple[str, ...]
) -> None:
    made = owner.create_collection(tenant, "eng", type="personal", **PERSONAL)

    after = change(owner, pb.Collection(name=made.name, display_name="only this"), *paths)

    assert after.display_name == "only this"
    assert (after.description, after.custom_rdp_properties) == ("", "")
    assert after.max_desktops_per_user == 1
    assert after.idle_session_limit_minutes == 0


@pytest.mark.parametrize(
    "field",
    [
        "type",
        "auto_assign_user",
        "grant_administrative_privilege",
        "name",
        "uid",
        "etag",
        "nonsense",
    ],
)
def test_what_is_fixed_cannot_be_named_in_the_mask(owner: Client, eng: Eng, field: str) -> None:
    with pytest.raises(InvalidArgument, match=f"'{field}' cannot be changed") as caught:
        change(owner, pb.Collection(name=eng.name), "description", field)

    assert caught.value.reason == "FIELD_VIOLATION"
    assert caught.value.metadata == {"field": "update_mask.paths[1]"}


@pytest.mark.parametrize(
    "fixed",
    [{"type": pb.COLLECTION_TYPE_POOLED}, {"grant_administrative_privilege": True}],
    ids=lambda fixed: next(iter(fixed)),
)
def test_a_whole_collection_that_is_otherwise_where_it_is_fixed_is_refused(
    owner: Client, eng: Eng, fixed: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgument, match="fixed at creation") as caught:
        change(owner, pb.Collection(name=eng.name, **fixed))

    assert caught.value.metadata == {"field": f"collection.{next(iter(fixed))}"}


def test_what_was_read_can_be_written_back(owner: Client, eng: Eng, pool: pb.Collection) -> None:
    for read in (owner.get_collection(eng.name), pool):
        assert change(owner, read) == read


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"max_desktops_per_user": 2}, "max_desktops_per_user"),
        ({"release_policy": "free"}, "release_policy"),
        ({"release_policy": "quarantine"}, "release_policy"),
    ],
)
def test_a_pooled_collection_gets_no_setting_of_personal_ones(
    owner: Client, pool: pb.Collection, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument, match="only for personal") as caught:
        owner.update_collection(pool.name, **changes)

    assert caught.value.metadata == {"field": f"collection.{field}"}
    assert owner.get_collection(pool.name) == pool


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"load_balancing": "breadth_first"}, "load_balancing"),
        ({"max_sessions_per_host": 1}, "max_sessions_per_host"),
        ({"custom_rdp_properties": "evil:s:1"}, "custom_rdp_properties"),
        ({"idle_session_limit_minutes": 43_201}, "idle_session_limit_minutes"),
        ({"active_session_limit_minutes": -1}, "active_session_limit_minutes"),
        ({"max_desktops_per_user": 17}, "max_desktops_per_user"),
    ],
)
def test_a_personal_collection_refuses_what_it_cannot_have(
    owner: Client, eng: Eng, changes: dict[str, Any], field: str
) -> None:
    before = owner.get_collection(eng.name)

    with pytest.raises(InvalidArgument) as caught:
        owner.update_collection(eng.name, **changes)

    assert caught.value.metadata["field"] == f"collection.{field}"
    assert owner.get_collection(eng.name) == before


def test_only_the_version_of_the_etag_is_changed(owner: Client, eng: Eng) -> None:
    etag = owner.get_collection(eng.name).etag
    after = owner.update_collection(eng.name, description="one", etag=etag)

    with pytest.raises(Aborted) as caught:
        owner.update_collection(eng.name, description="two", etag=etag)

    assert caught.value.reason == "ETAG_MISMATCH"
    assert caught.value.metadata == {"name": eng.name, "etag": after.etag}
    assert owner.get_collection(eng.name).description == "one"


def test_a_change_that_changes_nothing_keeps_the_version(owner: Client, eng: Eng) -> None:
    once = owner.update_collection(eng.name, description="same")

    assert owner.update_collection(eng.name, description="same", etag=once.etag) == once


def test_what_is_not_there_cannot_be_changed(owner: Client, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        owner.update_collection(f"{tenant}/collections/none", description="x")

    assert caught.value.reason == "COLLECTION_NOT_FOUND"


def test_the_sdk_does_not_take_nothing_for_everything(owner: Client, eng: Eng) -> None:
    with pytest.raises(InvalidArgument, match="names nothing"):
        owner.update_collection(eng.name)


def test_the_limit_is_not_lowered_below_what_somebody_holds(owner: Client, eng: Eng) -> None:
    owner.update_collection(eng.name, max_desktops_per_user=3)
    owner.set_assignment(eng.name, user="CONTOSO\\bob", host_id="pc-2")
    owner.set_assignment(eng.name, user="CONTOSO\\bob", host_id="pc-3")

    with pytest.raises(FailedPrecondition, match=r"bob holds 2 hosts of .* limit of 1") as caught:
        owner.update_collection(eng.name, max_desktops_per_user=1)

    assert caught.value.reason == "USER_LIMIT_REACHED"
    assert caught.value.metadata == {
        "user": "CONTOSO\\bob",
        "held": "2",
        "max_desktops_per_user": "1",
        "collection": eng.name,
    }
    assert owner.update_collection(eng.name, max_desktops_per_user=2).max_desktops_per_user == 2
    owner.remove_assignment(eng.name, host_id="pc-2")
    assert owner.update_collection(eng.name, max_desktops_per_user=1).max_desktops_per_user == 1


async def test_of_those_who_change_one_version_at_once_one_does(pair: Pair, eng: Eng) -> None:
    async with pair.once(OWNER) as client:
        etag = (await client.get_collection(eng.name)).etag
        calls = (
            client.update_collection(eng.name, description=f"{number}", etag=etag)
            for number in range(10)
        )
        came = await asyncio.gather(*calls, return_exceptions=True)

        won = [one for one in came if isinstance(one, pb.Collection)]
        assert [type(one) for one in came if one not in won] == [Aborted] * 9
        assert [await client.get_collection(eng.name)] == won
