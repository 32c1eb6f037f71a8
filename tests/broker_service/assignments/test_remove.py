from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deskhold.api.broker.v1.assignments_pb2 import RemoveAssignmentResponse
from deskhold.client import Client
from deskhold.errors import DeskholdError, InvalidArgument, NotFound
from tests.broker_service.pair import OWNER, Eng, Pair


@pytest.mark.parametrize(
    "by",
    [
        {"user": "alice@contoso.com"},
        {"user": "CONTOSO\\Alice"},
        {"host_id": "pc-1"},
        {"host_id": "PC-1"},
    ],
    ids=str,
)
def test_an_assignment_is_removed_by_its_user_or_its_host(
    owner: Client, eng: Eng, by: dict[str, Any]
) -> None:
    was = next(owner.list_assignments(eng.name))

    answer = owner.remove_assignment(eng.name, **by)

    assert answer == RemoveAssignmentResponse(removed=[was])
    assert list(owner.list_assignments(eng.name)) == []
    assert owner.get_host(f"{eng.name}/hosts/pc-1").assigned_user == ""


def test_by_user_all_that_the_user_holds_is_removed(owner: Client, tenant: str) -> None:
    lab = owner.create_collection(
        tenant, "lab", type="personal", max_desktops_per_user=3, host_ids=["a", "b", "c"]
    ).name
    for host_id in ("c", "a"):
        owner.set_assignment(lab, user="alice@contoso.com", host_id=host_id)
    owner.set_assignment(lab, user="bob@contoso.com", host_id="b")

    removed = owner.remove_assignment(lab, user="alice@contoso.com").removed

    assert {one.host for one in removed} == {f"{lab}/hosts/a", f"{lab}/hosts/c"}
    assert [one.user for one in owner.list_assignments(lab)] == ["bob@contoso.com"]


def test_by_host_the_users_other_hosts_stay(owner: Client, tenant: str) -> None:
    lab = owner.create_collection(
        tenant, "lab", type="personal", max_desktops_per_user=2, host_ids=["a", "b"]
    ).name
    for host_id in ("a", "b"):
        owner.set_assignment(lab, user="alice@contoso.com", host_id=host_id)

    owner.remove_assignment(lab, host_id="a")

    assert [one.host for one in owner.list_assignments(lab)] == [f"{lab}/hosts/b"]


@pytest.mark.parametrize(
    "by", [{}, {"user": "alice@contoso.com", "host_id": "pc-1"}], ids=["neither", "both"]
)
def test_neither_and_both_are_refused(
    pair: Pair, owner: Client, eng: Eng, by: dict[str, Any]
) -> None:
    before = pair.dump()

    with pytest.raises(InvalidArgument, match="exactly one of user and host_id"):
        owner.remove_assignment(eng.name, **by)

    assert pair.dump() == before


def test_a_user_without_a_host_is_told_in_the_originals_words(owner: Client, eng: Eng) -> None:
    with pytest.raises(NotFound, match="no personal session desktop assigned to bob") as caught:
        owner.remove_assignment(eng.name, user="bob@contoso.com")

    assert caught.value.reason == "ASSIGNMENT_NOT_FOUND"
    assert caught.value.metadata == {"collection": eng.name, "user": "bob@contoso.com"}


def test_a_host_without_a_user_is_told_in_the_originals_words(owner: Client, eng: Eng) -> None:
    with pytest.raises(NotFound, match="no user assigned to the personal session") as caught:
        owner.remove_assignment(eng.name, host_id="pc-2")

    assert caught.value.reason == "ASSIGNMENT_NOT_FOUND"
    assert caught.value.metadata == {"collection": eng.name, "host": "pc-2"}


@pytest.mark.parametrize(
    ("collection", "host_id", "reason"),
    [("none", "pc-1", "COLLECTION_NOT_FOUND"), ("eng", "pc-9", "HOST_NOT_FOUND")],
)
def test_what_is_not_there_is_not_found(
    owner: Client, eng: Eng, collection: str, host_id: str, reason: str
) -> None:
    with pytest.raises(NotFound) as caught:
        owner.remove_assignment(f"{eng.tenant}/collections/{collection}", host_id=host_id)

    assert caught.value.reason == reason


async def test_of_those_who_remove_it_at_once_one_finds_it(pair: Pair, eng: Eng) -> None:
    async with pair.once(OWNER) as client:
        calls = [client.remove_assignment(eng.name, host_id="pc-1") for _ in range(10)]
        calls += [client.remove_assignment(eng.name, user="alice@contoso.com") for _ in range(10)]
        came = await asyncio.gather(*calls, return_exceptions=True)

    assert sum(isinstance(one, RemoveAssignmentResponse) for one in came) == 1
    reasons = {one.reason for one in came if isinstance(one, DeskholdError)}
    assert reasons == {"ASSIGNMENT_NOT_FOUND"}
