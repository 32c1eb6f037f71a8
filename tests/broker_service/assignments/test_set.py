from __future__ import annotations

import asyncio
from typing import Any

import pytest

from deskhold.api.broker.v1.assignments_pb2 import Assignment, SetAssignmentResponse
from deskhold.client import Client
from deskhold.errors import DeskholdError, FailedPrecondition, InvalidArgument, NotFound
from tests.broker_service.pair import OWNER, Eng, Pair

ALICE, BOB = "alice@contoso.com", "bob@contoso.com"


def held(client: Client, eng: Eng) -> dict[str, str]:
    found = client.list_assignments(eng.name)
    return {one.host.rpartition("/")[2]: one.user for one in found}


def shown(assignments: Any) -> list[tuple[str, str]]:
    return [(one.host.rpartition("/")[2], one.user) for one in assignments]


def test_an_assignment_is_returned_as_it_is_stored(owner: Client, eng: Eng) -> None:
    answer = owner.set_assignment(eng.name, user="CONTOSO\\Bob", host_id="PC-2")

    made = answer.assignment
    assert made.name == f"{eng.name}/hosts/pc-2/assignment"
    assert made.host == f"{eng.name}/hosts/pc-2"
    assert made.user == "CONTOSO\\Bob"
    assert made.assigned_by == f"user:{OWNER}"
    assert made.assign_time.seconds
    assert list(answer.displaced) == []
    assert list(owner.list_assignments(eng.name, user=BOB)) == [made]


@pytest.mark.parametrize(
    "spelling", [ALICE, "ALICE@Contoso.COM", "CONTOSO\\alice", "contoso\\Alice"]
)
def test_the_same_assignment_again_changes_nothing_however_it_is_spelled(
    pair: Pair, owner: Client, eng: Eng, spelling: str
) -> None:
    was = next(owner.list_assignments(eng.name))
    before = pair.dump()

    answer = owner.set_assignment(eng.name, user=spelling, host_id="PC-1")

    assert answer == SetAssignmentResponse(assignment=was)
    assert pair.dump() | {"replies": []} == before | {"replies": []}


def test_domains_without_a_dns_name_are_their_own(owner: Client, eng: Eng) -> None:
    owner.set_assignment(eng.name, user="OTHER\\alice", host_id="pc-2")

    assert held(owner, eng) == {"pc-1": ALICE, "pc-2": "OTHER\\alice"}


def test_a_held_host_cannot_be_assigned_again(pair: Pair, owner: Client, eng: Eng) -> None:
    before = pair.dump()

    with pytest.raises(FailedPrecondition, match="use force to move it to bob") as caught:
        owner.set_assignment(eng.name, user=BOB, host_id="pc-1")

    assert caught.value.reason == "HOST_HELD"
    assert caught.value.metadata == {"host": "pc-1", "user": BOB, "held_by": ALICE}
    assert pair.dump() == before


def test_a_user_at_the_limit_gets_no_second_host(pair: Pair, owner: Client, eng: Eng) -> None:
    before = pair.dump()

    with pytest.raises(FailedPrecondition, match="allows 1 per user") as caught:
        owner.set_assignment(eng.name, user="CONTOSO\\alice", host_id="pc-2")

    assert caught.value.reason == "USER_LIMIT_REACHED"
    assert caught.value.metadata["holds"] == "pc-1"
    assert caught.value.metadata["host"] == "pc-2"
    assert pair.dump() == before


def test_force_moves_a_host_and_returns_whose_it_was(owner: Client, eng: Eng) -> None:
    was = next(owner.list_assignments(eng.name))

    answer = owner.set_assignment(eng.name, user=BOB, host_id="pc-1", force=True)

    assert list(answer.displaced) == [was]
    assert held(owner, eng) == {"pc-1": BOB}


def test_force_moves_a_user_and_returns_where_they_were(owner: Client, eng: Eng) -> None:
    answer = owner.set_assignment(eng.name, user=ALICE, host_id="pc-2", force=True)

    assert shown(answer.displaced) == [("pc-1", ALICE)]
    assert held(owner, eng) == {"pc-2": ALICE}


def test_force_returns_both_when_two_stand_in_the_way(owner: Client, eng: Eng) -> None:
    owner.set_assignment(eng.name, user=BOB, host_id="pc-2")

    answer = owner.set_assignment(eng.name, user=BOB, host_id="pc-1", force=True)

    assert shown(answer.displaced) == [("pc-1", ALICE), ("pc-2", BOB)]
    assert held(owner, eng) == {"pc-1": BOB}


def test_a_user_may_hold_as_many_hosts_as_the_collection_allows(owner: Client, tenant: str) -> None:
    made = owner.create_collection(
        tenant, "lab", type="personal", max_desktops_per_user=2, host_ids=["a", "b", "c", "d"]
    )
    lab = Eng(tenant, made.name)
    for host_id in ("a", "b"):
        owner.set_assignment(lab.name, user=ALICE, host_id=host_id)
    with pytest.raises(FailedPrecondition) as caught:
        owner.set_assignment(lab.name, user=ALICE, host_id="c")

    answer = owner.set_assignment(lab.name, user=ALICE, host_id="c", force=True)

    assert caught.value.metadata["holds"] == "a, b"
    assert shown(answer.displaced) == [("a", ALICE)]
    assert held(owner, lab) == {"b": ALICE, "c": ALICE}


@pytest.mark.parametrize(
    ("collection", "host_id", "reason"),
    [("none", "pc-1", "COLLECTION_NOT_FOUND"), ("eng", "pc-9", "HOST_NOT_FOUND")],
)
def test_the_host_must_be_a_member_of_the_collection(
    owner: Client, eng: Eng, collection: str, host_id: str, reason: str
) -> None:
    name = f"{eng.tenant}/collections/{collection}"

    with pytest.raises(NotFound) as caught:
        owner.set_assignment(name, user=BOB, host_id=host_id)

    assert caught.value.reason == reason


def test_hosts_of_a_pooled_collection_are_not_assigned(owner: Client, tenant: str) -> None:
    pool = owner.create_collection(tenant, "pool", type="pooled", host_ids=["p-1"]).name
    attempts = (
        lambda: owner.set_assignment(pool, user=BOB, host_id="p-1"),
        lambda: owner.remove_assignment(pool, user=BOB),
        lambda: list(owner.list_assignments(pool)),
        lambda: owner.import_assignments(pool, b"p-1,bob@contoso.com"),
        lambda: owner.export_assignments(pool),
    )

    for attempt in attempts:
        with pytest.raises(FailedPrecondition) as caught:
            attempt()
        assert caught.value.reason == "COLLECTION_NOT_PERSONAL"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"user": ""}, "user"),
        ({"user": "alice"}, "user"),
        ({"user": "a@b@c"}, "user"),
        ({"user": "CONTOSO\\"}, "user"),
        ({"user": "x" * 251 + "@b.com"}, "user"),
        ({"user": "bob@contoso.com\r\n"}, "user"),
        ({"user": "bob@contoso.com\r\nfull address:s:evil"}, "user"),
        ({"host_id": ""}, "host_id"),
        ({"host_id": "pc 1"}, "host_id"),
        ({"request_id": "1"}, "request_id"),
    ],
)
def test_a_wrong_field_is_named(owner: Client, eng: Eng, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.set_assignment(eng.name, **({"user": BOB, "host_id": "pc-2"} | asked))

    assert caught.value.metadata["field"] == field


async def test_of_users_who_are_assigned_a_host_at_once_one_gets_it(pair: Pair, eng: Eng) -> None:
    async with pair.once(OWNER) as client:
        calls = (
            client.set_assignment(eng.name, user=f"user{number}@contoso.com", host_id="pc-2")
            for number in range(20)
        )
        came = await asyncio.gather(*calls, return_exceptions=True)

    won = [one.assignment for one in came if isinstance(one, SetAssignmentResponse)]
    assert len(won) == 1
    for error in came:
        if isinstance(error, BaseException):
            assert isinstance(error, DeskholdError)
            assert error.reason == "HOST_HELD"
            assert error.metadata["held_by"] == won[0].user


async def test_of_hosts_that_are_given_to_a_user_at_once_one_is_held(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    owner.add_hosts(eng.name, [f"new-{number}" for number in range(20)])
    async with pair.once(OWNER) as client:
        calls = (
            client.set_assignment(eng.name, user=BOB, host_id=f"new-{number}")
            for number in range(20)
        )
        came = await asyncio.gather(*calls, return_exceptions=True)

    reasons = {one.reason for one in came if isinstance(one, DeskholdError)}
    assert reasons == {"USER_LIMIT_REACHED"}
    assert len(list(owner.list_assignments(eng.name, user=BOB))) == 1


async def test_forced_at_once_every_host_and_user_ends_up_with_one_other(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    async with pair.once(OWNER) as client:
        calls = (
            client.set_assignment(
                eng.name, user=f"user{n % 3}@contoso.com", host_id=f"pc-{n % 2 + 1}", force=True
            )
            for n in range(30)
        )
        came = await asyncio.gather(*calls)

    assert all(isinstance(one.assignment, Assignment) for one in came)
    now = held(owner, eng)
    assert set(now) <= {"pc-1", "pc-2"}
    assert len(set(now.values())) == len(now) >= 1
