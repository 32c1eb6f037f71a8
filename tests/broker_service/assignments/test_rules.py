from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_service.assignments.rules import Person, free_slot, to_displace
from broker_service.collections.rules import Collection, CollectionType, Draft
from broker_service.hosts.rules import Hold, Host
from deskhold.errors import FailedPrecondition

ALICE = Person("CONTOSO\\alice", "alice@contoso.com")
NAME = "tenantGroups/g/tenants/t/collections/c"


def collection(desktops: int) -> Collection:
    draft = Draft("", "", CollectionType.PERSONAL, False, False, desktops)
    return Collection(1, NAME, "uid", draft, 1, 1)


def host(host_id: str, holder: str = "", *, slot: int = 0, since: int = 1) -> Host:
    hold = Hold(holder, holder, slot, since, "user:admin@contoso.com") if holder else None
    return Host(1, NAME, host_id, host_id, "uid", "", 3389, hold, 1, 1)


def held_by_alice(*since: int) -> list[Host]:
    return [
        host(f"held-{slot}", ALICE.key, slot=slot, since=moment)
        for slot, moment in enumerate(since)
    ]


@given(st.sets(st.integers(0, 20)))
def test_the_free_slot_is_the_lowest_that_nobody_takes(taken: set[int]) -> None:
    slot = free_slot(taken)

    assert slot not in taken
    assert set(range(slot)) <= taken


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 16), st.randoms())
def test_whoever_stays_below_the_limit_stays_within_its_slots(
    takes: list[bool], limit: int, random: object
) -> None:
    taken: set[int] = set()
    for takes_one in takes:
        if takes_one and len(taken) < limit:
            taken.add(free_slot(taken))
        elif taken:
            taken.remove(random.choice(sorted(taken)))  # type: ignore[attr-defined]

    assert all(slot < limit for slot in taken)


@given(
    limit=st.integers(1, 4),
    since=st.lists(st.integers(1, 100), max_size=4),
    holder=st.sampled_from(["", "bob@contoso.com"]),
    force=st.booleans(),
)
def test_force_ends_what_stands_in_the_way_and_no_more(
    limit: int, since: list[int], holder: str, force: bool
) -> None:
    held = held_by_alice(*since[:limit])
    wanted = host("wanted", holder)
    stands = bool(holder) + (len(held) == limit)

    try:
        displaced = to_displace(collection(limit), wanted, ALICE, held, now_us=1, force=force)
    except FailedPrecondition as refusal:
        assert stands
        assert not force
        assert refusal.reason == ("HOST_HELD" if holder else "USER_LIMIT_REACHED")
    else:
        assert len(displaced) == stands
        assert (wanted in displaced) == bool(holder)
        assert len([one for one in held if one not in displaced]) < limit


def test_of_several_hosts_the_one_held_longest_is_given_up() -> None:
    held = held_by_alice(30, 10, 20)

    displaced = to_displace(collection(3), host("wanted"), ALICE, held, now_us=1, force=True)

    assert displaced == [held[1]]


def test_the_refusal_of_a_held_host_names_both_users() -> None:
    with pytest.raises(FailedPrecondition) as caught:
        to_displace(
            collection(1), host("pc-1", "bob@contoso.com"), ALICE, [], now_us=1, force=False
        )

    assert caught.value.metadata == {
        "host": "pc-1",
        "user": "CONTOSO\\alice",
        "held_by": "bob@contoso.com",
    }


def test_the_refusal_at_the_limit_names_the_hosts_held() -> None:
    with pytest.raises(FailedPrecondition) as caught:
        to_displace(collection(2), host("pc-1"), ALICE, held_by_alice(1, 2), now_us=1, force=False)

    assert caught.value.metadata == {
        "user": "CONTOSO\\alice",
        "host": "pc-1",
        "holds": "held-0, held-1",
        "max_desktops_per_user": "2",
        "collection": NAME,
    }
