from __future__ import annotations

import asyncio
import uuid

import pytest

from deskhold.client import Client
from deskhold.errors import (
    Aborted,
    DeskholdError,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
)
from tests.broker_service.pair import OWNER, Eng, Pair


@pytest.fixture
def empty(owner: Client, tenant: str) -> Eng:
    return Eng(tenant, owner.create_collection(tenant, "eng", type="personal").name)


def test_an_empty_collection_is_deleted_with_its_scopes(owner: Client, empty: Eng) -> None:
    owner.delete_collection(empty.name)

    with pytest.raises(NotFound) as caught:
        owner.get_collection(empty.name)
    assert caught.value.reason == "COLLECTION_NOT_FOUND"
    for scope in (f"/{empty.name}", f"/{empty.name}/appGroups/desktop"):
        with pytest.raises(NotFound):
            owner.get_scope(scope)


def test_what_is_not_there_cannot_be_deleted(owner: Client, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        owner.delete_collection(f"{tenant}/collections/none")

    assert caught.value.reason == "COLLECTION_NOT_FOUND"


def test_a_collection_with_hosts_stays_without_force(pair: Pair, owner: Client, eng: Eng) -> None:
    before = pair.dump()

    with pytest.raises(FailedPrecondition, match="3 hosts") as caught:
        owner.delete_collection(eng.name)

    assert caught.value.reason == "COLLECTION_NOT_EMPTY"
    assert caught.value.metadata == {"collection": eng.name, "hosts": "3"}
    assert pair.dump() == before
    assert owner.get_scope(f"/{eng.name}").name == f"/{eng.name}"


def test_force_keeps_the_ended_assignments_in_history(pair: Pair, owner: Client, eng: Eng) -> None:
    uid = owner.get_collection(eng.name).uid

    owner.delete_collection(eng.name, force=True)

    told = [row[1:8] for row in pair.dump()["history"] if row[2] == uid]
    alice = ("alice@contoso.com", "alice@contoso.com")
    assert told == [
        (eng.name, uid, "pc-1", *alice, "ASSIGNED", "SET"),
        (eng.name, uid, "pc-1", *alice, "REMOVED", "COLLECTION_DELETED"),
    ]


def test_the_hosts_of_a_deleted_collection_are_free_for_another(owner: Client, eng: Eng) -> None:
    owner.delete_collection(eng.name, force=True)

    made = owner.create_collection(eng.tenant, "lab", type="personal", host_ids=["pc-1", "pc-2"])

    assert (made.host_count, made.assigned_host_count) == (2, 0)


def test_the_etag_of_the_collection_lets_it_be_deleted(owner: Client, empty: Eng) -> None:
    owner.delete_collection(empty.name, etag=owner.get_collection(empty.name).etag)

    with pytest.raises(NotFound):
        owner.get_collection(empty.name)


def test_another_etag_does_not(owner: Client, empty: Eng) -> None:
    etag = owner.get_collection(empty.name).etag

    with pytest.raises(Aborted) as caught:
        owner.delete_collection(empty.name, etag="another")

    assert caught.value.reason == "ETAG_MISMATCH"
    assert caught.value.metadata == {"name": empty.name, "etag": etag}
    assert owner.get_collection(empty.name).etag == etag


def test_the_etag_of_an_earlier_collection_of_the_name_does_not(owner: Client, empty: Eng) -> None:
    etag = owner.get_collection(empty.name).etag
    owner.delete_collection(empty.name)
    owner.create_collection(empty.tenant, "eng", type="personal")

    with pytest.raises(Aborted):
        owner.delete_collection(empty.name, etag=etag)


def test_grants_at_a_deleted_collection_do_not_come_back_with_its_name(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    pair.grant("helper@contoso.com", "RDS Contributor", f"/{eng.name}")
    pair.grant("bob@contoso.com", "RDS User", f"/{eng.name}/appGroups/desktop")
    helper, bob = pair.client("helper@contoso.com"), pair.client("bob@contoso.com")
    assert helper.get_collection(eng.name).name == eng.name
    assert bob.connect(eng.name).host

    owner.delete_collection(eng.name, force=True)
    owner.create_collection(
        eng.tenant, "eng", type="personal", auto_assign_user=True, host_ids=["pc-1"]
    )

    with pytest.raises(PermissionDenied):
        helper.get_collection(eng.name)
    with pytest.raises(PermissionDenied):
        bob.connect(eng.name)
    assert list(owner.list_role_assignments(f"/{eng.name}", at_scope_only=True)) == []


def test_a_repeated_deletion_spares_the_collection_made_since(
    pair: Pair, owner: Client, empty: Eng
) -> None:
    own = str(uuid.uuid4())
    owner.delete_collection(empty.name, request_id=own)
    again = owner.create_collection(empty.tenant, "eng", type="personal")
    pair.grant("helper@contoso.com", "RDS Contributor", f"/{empty.name}")

    owner.delete_collection(empty.name, request_id=own)

    assert owner.get_collection(empty.name) == again
    assert owner.get_scope(f"/{empty.name}").name == f"/{empty.name}"
    assert pair.client("helper@contoso.com").get_collection(empty.name) == again


def test_a_repeated_creation_leaves_nothing_where_the_collection_is_gone(
    owner: Client, tenant: str
) -> None:
    own = str(uuid.uuid4())
    made = owner.create_collection(tenant, "eng", type="personal", request_id=own)
    owner.delete_collection(made.name)

    assert owner.create_collection(tenant, "eng", type="personal", request_id=own) == made

    assert list(owner.list_collections(tenant)) == []
    with pytest.raises(NotFound):
        owner.get_scope(f"/{made.name}")
    assert owner.create_collection(tenant, "eng", type="personal").uid != made.uid


async def test_of_those_who_delete_at_once_one_finds_it(pair: Pair, eng: Eng) -> None:
    async with pair.once(OWNER) as client:
        calls = (client.delete_collection(eng.name, force=True) for _ in range(10))
        came = await asyncio.gather(*calls, return_exceptions=True)

    lost = [one for one in came if isinstance(one, BaseException)]
    assert len(lost) == 9
    for error in lost:
        assert isinstance(error, DeskholdError)
        assert error.reason == "COLLECTION_NOT_FOUND"


async def test_deleted_and_made_again_without_a_pause_a_collection_always_has_its_scope(
    pair: Pair, tenant: str
) -> None:
    name = f"{tenant}/collections/eng"
    async with pair.once(OWNER) as client:

        async def one_round() -> None:
            await asyncio.gather(
                client.create_collection(tenant, "eng", type="personal"),
                client.delete_collection(name),
                client.create_collection(tenant, "eng", type="personal"),
                client.delete_collection(name),
                return_exceptions=True,
            )

        for _ in range(15):
            await one_round()
            exists = [one.name async for one in client.list_collections(tenant)]
            if exists:
                assert (await client.get_scope(f"/{name}")).name == f"/{name}"
