from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from deskhold.api.broker.v1 import collections_pb2 as pb
from deskhold.client import Client
from deskhold.errors import (
    AlreadyExists,
    DeskholdError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from tests.broker_service.pair import OWNER, Eng, Pair


def test_a_collection_is_returned_as_it_was_asked_for(owner: Client, tenant: str) -> None:
    made = owner.create_collection(
        tenant,
        "eng",
        type="personal",
        display_name="Engineering",
        description="Löten & Messen",
        auto_assign_user=True,
        grant_administrative_privilege=True,
        max_desktops_per_user=2,
        host_ids=["pc-1", "pc-2"],
    )

    assert made.name == f"{tenant}/collections/eng"
    assert made.type == pb.COLLECTION_TYPE_PERSONAL
    assert (made.display_name, made.description) == ("Engineering", "Löten & Messen")
    assert made.auto_assign_user
    assert made.grant_administrative_privilege
    assert made.max_desktops_per_user == 2
    assert (made.host_count, made.assigned_host_count) == (2, 0)
    assert str(uuid.UUID(made.uid)) == made.uid
    assert made.etag
    assert made.create_time.seconds
    assert owner.get_collection(made.name) == made


@pytest.mark.parametrize(
    "flag",
    [
        {"auto_assign_user": True},
        {"grant_administrative_privilege": True},
        {"max_desktops_per_user": 2},
    ],
    ids=lambda flag: next(iter(flag)),
)
def test_a_flag_of_personal_collections_on_a_pooled_one_is_named(
    owner: Client, tenant: str, flag: dict[str, Any]
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.create_collection(tenant, "pool", type="pooled", **flag)

    field = f"collection.{next(iter(flag))}"
    assert caught.value.reason == "FIELD_VIOLATION"
    assert caught.value.metadata["field"] == field
    assert [one.field for one in caught.value.violations] == [field]
    assert list(owner.list_collections(tenant)) == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"collection_id": ""}, "collection_id"),
        ({"collection_id": "-eng"}, "collection_id"),
        ({"collection_id": "e" * 64}, "collection_id"),
        ({"collection_id": "a/b"}, "collection_id"),
        ({"max_desktops_per_user": 17}, "collection.max_desktops_per_user"),
        ({"max_desktops_per_user": -1}, "collection.max_desktops_per_user"),
        ({"display_name": "x" * 257}, "collection.display_name"),
        ({"host_ids": ["pc-1", "pc 2"]}, "host_ids[1]"),
        ({"host_ids": ["pc-1", "PC-1"]}, "host_ids[1]"),
    ],
)
def test_a_wrong_field_is_named(
    owner: Client, tenant: str, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.create_collection(tenant, **({"collection_id": "eng", "type": "personal"} | asked))

    assert caught.value.metadata["field"] == field


def test_a_type_must_be_given(owner: Client, tenant: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.create_collection(tenant, "eng", type="unspecified")  # type: ignore[arg-type]

    assert caught.value.metadata["field"] == "collection.type"


def test_a_name_that_is_taken_is_not_given_away_again(owner: Client, eng: Eng) -> None:
    with pytest.raises(AlreadyExists, match="exists; choose another name") as caught:
        owner.create_collection(eng.tenant, "eng", type="pooled")

    assert caught.value.reason == "COLLECTION_ALREADY_EXISTS"
    assert caught.value.metadata == {"collection": eng.name}
    assert owner.get_collection(eng.name).host_count == 3
    assert owner.get_scope(f"/{eng.name}").name == f"/{eng.name}"


def test_a_collection_with_a_host_of_another_one_is_not_made_at_all(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    before = pair.dump()

    with pytest.raises(FailedPrecondition) as caught:
        owner.create_collection(
            eng.tenant, "lab", type="personal", host_ids=["lab-1", "PC-2", "lab-2"]
        )

    assert caught.value.reason == "HOST_IN_OTHER_COLLECTION"
    assert caught.value.metadata["host"] == "PC-2"
    assert pair.dump() == before


def test_the_name_of_a_failed_creation_can_be_used_at_once(owner: Client, eng: Eng) -> None:
    with pytest.raises(FailedPrecondition):
        owner.create_collection(eng.tenant, "lab", type="personal", host_ids=["pc-1"])

    made = owner.create_collection(eng.tenant, "lab", type="personal", host_ids=["lab-1"])

    assert made.host_count == 1
    assert owner.get_scope(f"/{made.name}").name == f"/{made.name}"


@pytest.mark.parametrize("validate_only", [False, True], ids=["done", "tried"])
def test_a_tenant_that_is_not_registered_has_no_collections(
    pair: Pair, owner: Client, validate_only: bool
) -> None:
    nowhere = "tenantGroups/default/tenants/nowhere"
    before = pair.dump()

    with pytest.raises(FailedPrecondition) as caught:
        owner.create_collection(nowhere, "eng", type="personal", validate_only=validate_only)

    assert caught.value.reason == "PARENT_SCOPE_MISSING"
    assert caught.value.metadata["parent"] == f"/{nowhere}"
    assert pair.dump() == before


def test_the_scopes_of_a_collection_and_its_desktop_are_registered(owner: Client, eng: Eng) -> None:
    found = [scope.name for scope in owner.list_scopes(f"/{eng.tenant}")]

    assert f"/{eng.name}" in found
    assert f"/{eng.name}/appGroups/desktop" in found


def test_a_scope_registered_by_hand_is_taken_as_it_is(
    pair: Pair, owner: Client, tenant: str
) -> None:
    scope = f"/{tenant}/collections/eng"
    owner.create_scope(scope, display_name="prepared")
    pair.grant("helper@contoso.com", "RDS Reader", scope)

    made = owner.create_collection(tenant, "eng", type="personal")

    assert owner.get_scope(scope).display_name == "prepared"
    assert pair.client("helper@contoso.com").get_collection(made.name) == made


def test_a_creation_only_tried_leaves_no_scope(owner: Client, tenant: str) -> None:
    owner.create_collection(tenant, "eng", type="personal", validate_only=True)

    with pytest.raises(NotFound):
        owner.get_scope(f"/{tenant}/collections/eng")


async def test_of_those_who_create_the_same_name_at_once_one_wins(pair: Pair, tenant: str) -> None:
    async with pair.once(OWNER) as client:
        calls = (
            client.create_collection(
                tenant, "eng", type="personal", display_name=f"{number}", host_ids=[f"pc-{number}"]
            )
            for number in range(10)
        )
        came = await asyncio.gather(*calls, return_exceptions=True)

        won = [one for one in came if isinstance(one, pb.Collection)]
        lost = [one for one in came if not isinstance(one, pb.Collection)]
        assert len(won) == 1
        for error in lost:
            assert isinstance(error, DeskholdError)
            assert error.reason in ("COLLECTION_ALREADY_EXISTS", "NAME_IN_TRANSITION")
        assert await client.get_collection(f"{tenant}/collections/eng") == won[0]
        assert (await client.get_scope(f"/{won[0].name}")).name == f"/{won[0].name}"


async def test_of_collections_that_want_the_same_host_at_once_one_gets_it(
    pair: Pair, tenant: str
) -> None:
    async with pair.once(OWNER) as client:
        calls = (
            client.create_collection(tenant, f"c-{number}", type="personal", host_ids=["pc-1"])
            for number in range(8)
        )
        came = await asyncio.gather(*calls, return_exceptions=True)

        lost = [one for one in came if not isinstance(one, pb.Collection)]
        assert len(lost) == 7
        for error in lost:
            assert isinstance(error, DeskholdError)
            assert error.reason == "HOST_IN_OTHER_COLLECTION"
        assert len([one async for one in client.list_collections(tenant)]) == 1
