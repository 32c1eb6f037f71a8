from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from deskhold.api.broker.v1 import app_groups_pb2 as pb
from deskhold.client import Client
from deskhold.client.calls import Call
from deskhold.errors import (
    Aborted,
    AlreadyExists,
    DeskholdError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)
from tests.broker_service.pair import OWNER, Eng, Pair

WORD = pb.Application(
    application_id="word",
    display_name="Word",
    file_path="C:\\winword.exe",
    arguments="/q",
    icon_path="C:\\word.ico",
)


def ids(owner: Client, collection: str) -> list[str]:
    return [one.name.rpartition("/")[2] for one in owner.list_app_groups(collection)]


@pytest.fixture
def erp(eng: Eng) -> str:
    return f"{eng.name}/appGroups/erp"


def test_a_collection_is_made_with_its_desktop(owner: Client, tenant: str) -> None:
    made = owner.create_collection(tenant, "eng", type="personal")

    (desktop,) = owner.list_app_groups(made.name)
    assert desktop.name == f"{made.name}/appGroups/desktop"
    assert desktop.type == pb.APP_GROUP_TYPE_DESKTOP
    assert desktop.etag and desktop.uid
    assert owner.get_app_group(desktop.name) == desktop


def test_an_app_group_is_returned_as_it_was_asked_for(owner: Client, eng: Eng) -> None:
    made = owner.create_app_group(
        eng.name,
        "tools",
        type="remote_app",
        display_name="Tools",
        description="Löten & Messen",
        applications=[WORD],
    )

    assert made.name == f"{eng.name}/appGroups/tools"
    assert made.type == pb.APP_GROUP_TYPE_REMOTE_APP
    assert (made.display_name, made.description) == ("Tools", "Löten & Messen")
    assert list(made.applications) == [WORD]
    assert str(uuid.UUID(made.uid)) == made.uid
    assert made.create_time == made.update_time
    assert owner.get_app_group(made.name) == made
    assert ids(owner, eng.name) == ["desktop", "erp", "tools"]


def test_who_has_a_role_at_an_app_group_connects_there_and_nowhere_else(
    pair: Pair, owner: Client, eng: Eng, erp: str
) -> None:
    pair.grant("bob@contoso.com", "RDS User", f"/{erp}")
    bob = pair.client("bob@contoso.com")

    assert bob.connect(erp).host
    with pytest.raises(PermissionDenied):
        bob.connect(eng.name)


def test_app_groups_are_listed_in_pages(owner: Client, eng: Eng) -> None:
    for number in range(3):
        owner.create_app_group(eng.name, f"a-{number}", type="desktop")

    found = [one.name.rpartition("/")[2] for one in owner.list_app_groups(eng.name, page_size=2)]

    assert found == ["a-0", "a-1", "a-2", "desktop", "erp"]


def test_a_name_that_is_taken_is_not_given_away_again(owner: Client, eng: Eng, erp: str) -> None:
    with pytest.raises(AlreadyExists, match="exists; choose another name") as caught:
        owner.create_app_group(eng.name, "erp", type="desktop")

    assert caught.value.reason == "APP_GROUP_ALREADY_EXISTS"
    assert caught.value.metadata == {"app_group": erp}
    assert owner.get_scope(f"/{erp}").name == f"/{erp}"


@pytest.mark.parametrize("validate_only", [False, True], ids=["done", "tried"])
def test_there_is_none_without_its_collection(
    owner: Client, tenant: str, validate_only: bool
) -> None:
    nowhere = f"{tenant}/collections/none"

    for attempt in (
        lambda: owner.create_app_group(nowhere, "erp", type="desktop", validate_only=validate_only),
        lambda: list(owner.list_app_groups(nowhere)),
        lambda: owner.get_app_group(f"{nowhere}/appGroups/erp"),
        lambda: owner.update_app_group(f"{nowhere}/appGroups/erp", description="x"),
        lambda: owner.delete_app_group(f"{nowhere}/appGroups/erp"),
    ):
        with pytest.raises(NotFound) as caught:
            attempt()
        assert caught.value.reason == "COLLECTION_NOT_FOUND"
        assert caught.value.metadata == {"collection": nowhere}


def test_what_is_not_there_is_not_found(owner: Client, eng: Eng) -> None:
    none = f"{eng.name}/appGroups/none"

    for attempt in (
        lambda: owner.get_app_group(none),
        lambda: owner.update_app_group(none, description="x"),
        lambda: owner.delete_app_group(none),
    ):
        with pytest.raises(NotFound, match="there is no app group") as caught:
            attempt()
        assert caught.value.reason == "APP_GROUP_NOT_FOUND"
        assert caught.value.metadata == {"app_group": none}


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"app_group_id": "-x"}, "app_group_id"),
        ({"type": "unspecified"}, "app_group.type"),
        ({"type": "desktop", "applications": [WORD]}, "app_group.applications"),
        ({"applications": [WORD, WORD]}, "app_group.applications[1].application_id"),
        (
            {"applications": [pb.Application(application_id="x")]},
            "app_group.applications[0].file_path",
        ),
        (
            {"applications": [pb.Application(application_id="x", file_path="a\nb")]},
            "app_group.applications[0].file_path",
        ),
    ],
)
def test_a_wrong_field_is_named(owner: Client, eng: Eng, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.create_app_group(eng.name, **({"app_group_id": "x", "type": "remote_app"} | asked))

    assert caught.value.metadata["field"] == field
    assert ids(owner, eng.name) == ["desktop", "erp"]


def test_what_is_given_is_changed_and_the_rest_stays(owner: Client, erp: str) -> None:
    before = owner.get_app_group(erp)

    after = owner.update_app_group(erp, applications=[WORD])

    assert list(after.applications) == [WORD]
    assert after.etag != before.etag
    assert after.update_time.ToMicroseconds() > before.update_time.ToMicroseconds()
    again = owner.update_app_group(erp, description="for all", etag=after.etag)
    assert (list(again.applications), again.description) == ([WORD], "for all")
    assert owner.update_app_group(erp, description="for all", etag=again.etag) == again


def test_only_the_version_of_the_etag_is_changed_or_deleted(owner: Client, erp: str) -> None:
    old = owner.get_app_group(erp).etag
    etag = owner.update_app_group(erp, description="one").etag

    for attempt in (
        lambda: owner.update_app_group(erp, description="two", etag=old),
        lambda: owner.delete_app_group(erp, etag=old),
    ):
        with pytest.raises(Aborted) as caught:
            attempt()
        assert caught.value.reason == "ETAG_MISMATCH"
        assert caught.value.metadata == {"name": erp, "etag": etag}
    owner.delete_app_group(erp, etag=etag)


def test_what_is_fixed_cannot_be_changed(owner: Client, erp: str) -> None:
    for app_group, paths, field in (
        (pb.AppGroup(name=erp), ["type"], "update_mask.paths[0]"),
        (pb.AppGroup(name=erp, type=pb.APP_GROUP_TYPE_DESKTOP), [], "app_group.type"),
    ):
        request = pb.UpdateAppGroupRequest(app_group=app_group, update_mask=FieldMask(paths=paths))
        with pytest.raises(InvalidArgument) as caught:
            owner.send(Call(request, pb.AppGroup))
        assert caught.value.metadata == {"field": field}


def test_what_was_read_can_be_written_back(owner: Client, erp: str) -> None:
    read = owner.update_app_group(erp, applications=[WORD])

    assert owner.send(Call(pb.UpdateAppGroupRequest(app_group=read), pb.AppGroup)) == read


def test_a_deleted_app_group_leaves_with_its_scope_and_grants(
    pair: Pair, owner: Client, eng: Eng, erp: str
) -> None:
    pair.grant("bob@contoso.com", "RDS User", f"/{erp}")

    owner.delete_app_group(erp)

    assert ids(owner, eng.name) == ["desktop"]
    with pytest.raises(NotFound):
        owner.get_scope(f"/{erp}")
    owner.create_app_group(eng.name, "erp", type="remote_app")
    assert list(owner.list_role_assignments(f"/{erp}", at_scope_only=True)) == []
    with pytest.raises(PermissionDenied):
        pair.client("bob@contoso.com").connect(erp)


def test_the_last_one_stays(owner: Client, eng: Eng, erp: str) -> None:
    owner.delete_app_group(f"{eng.name}/appGroups/desktop")

    with pytest.raises(FailedPrecondition, match="is the last app group of") as caught:
        owner.delete_app_group(erp)

    assert caught.value.reason == "LAST_APP_GROUP"
    assert caught.value.metadata == {"app_group": erp, "collection": eng.name}
    assert ids(owner, eng.name) == ["erp"]
    assert owner.get_scope(f"/{erp}").name == f"/{erp}"


async def test_of_two_that_are_deleted_at_once_one_stays(pair: Pair, eng: Eng) -> None:
    async with pair.once(OWNER) as client:
        for _ in range(10):
            names = [one.name async for one in client.list_app_groups(eng.name)]
            assert len(names) == 2
            came = await asyncio.gather(
                *(client.delete_app_group(name) for name in names), return_exceptions=True
            )
            (lost,) = (one for one in came if isinstance(one, DeskholdError))
            assert lost.reason == "LAST_APP_GROUP"
            (left,) = [one.name async for one in client.list_app_groups(eng.name)]
            (gone,) = set(names) - {left}
            await client.create_app_group(eng.name, gone.rpartition("/")[2], type="desktop")


def test_a_repeated_deletion_spares_the_app_group_made_since(
    owner: Client, eng: Eng, erp: str
) -> None:
    own = str(uuid.uuid4())
    owner.delete_app_group(erp, request_id=own)
    again = owner.create_app_group(eng.name, "erp", type="desktop")

    owner.delete_app_group(erp, request_id=own)

    assert owner.get_app_group(erp) == again
    assert owner.get_scope(f"/{erp}").name == f"/{erp}"


@pytest.mark.parametrize("with_collection", [False, True], ids=["alone", "with its collection"])
def test_a_repeated_creation_leaves_nothing_where_the_app_group_is_gone(
    owner: Client, eng: Eng, with_collection: bool
) -> None:
    own = str(uuid.uuid4())
    made = owner.create_app_group(eng.name, "tools", type="desktop", request_id=own)
    if with_collection:
        owner.delete_collection(eng.name, force=True)
    else:
        owner.delete_app_group(made.name)

    assert owner.create_app_group(eng.name, "tools", type="desktop", request_id=own) == made

    with pytest.raises(NotFound):
        owner.get_app_group(made.name)
    with pytest.raises(NotFound):
        owner.get_scope(f"/{made.name}")


async def test_of_those_who_create_the_same_name_at_once_one_wins(pair: Pair, eng: Eng) -> None:
    async with pair.once(OWNER) as client:
        calls = (
            client.create_app_group(eng.name, "tools", type="desktop", display_name=f"{number}")
            for number in range(10)
        )
        came = await asyncio.gather(*calls, return_exceptions=True)

        (won,) = (one for one in came if isinstance(one, pb.AppGroup))
        reasons = {one.reason for one in came if isinstance(one, DeskholdError)}
        assert reasons <= {"APP_GROUP_ALREADY_EXISTS", "NAME_IN_TRANSITION"}
        assert await client.get_app_group(won.name) == won
        assert (await client.get_scope(f"/{won.name}")).name == f"/{won.name}"
