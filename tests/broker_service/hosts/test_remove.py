from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deskhold.api.broker.v1.hosts_pb2 import BatchDeleteHostsRequest, BatchDeleteHostsResponse
from deskhold.client import Client
from deskhold.client.calls import Call
from deskhold.errors import DeskholdError, FailedPrecondition, InvalidArgument, NotFound
from tests.broker_service.pair import OWNER, Eng, Pair


def remove(client: Client, parent: str, *names: str) -> BatchDeleteHostsResponse:
    request = BatchDeleteHostsRequest(parent=parent, names=names)
    return client.send(Call(request, BatchDeleteHostsResponse))


def test_free_hosts_are_removed_and_returned_as_they_were(owner: Client, eng: Eng) -> None:
    were = [owner.get_host(f"{eng.name}/hosts/{host}") for host in ("pc-3", "pc-2")]

    removed = owner.remove_hosts(eng.name, ["PC-3", "pc-2"]).hosts

    assert list(removed) == were
    assert [host.name for host in owner.list_hosts(eng.name)] == [f"{eng.name}/hosts/pc-1"]


def test_a_held_host_is_not_removed_nor_those_beside_it(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    before = pair.dump()

    with pytest.raises(FailedPrecondition, match=r"held by alice@contoso\.com;") as caught:
        owner.remove_hosts(eng.name, ["pc-2", "pc-1"])

    assert caught.value.reason == "HOST_HELD"
    assert caught.value.metadata == {"host": "pc-1", "held_by": "alice@contoso.com", "held": "1"}
    assert pair.dump() == before


def test_the_refusal_counts_the_held_ones(owner: Client, eng: Eng) -> None:
    owner.set_assignment(eng.name, user="bob@contoso.com", host_id="pc-2")

    with pytest.raises(FailedPrecondition, match="and 1 more are held") as caught:
        owner.remove_hosts(eng.name, ["pc-1", "pc-2", "pc-3"])

    assert caught.value.metadata["held"] == "2"


def test_a_reserved_host_is_only_removed_by_force(pair: Pair, owner: Client, eng: Eng) -> None:
    until = datetime.now(UTC) + timedelta(days=1)
    owner.reserve_host(eng.name, host_id="pc-2", user="bob@contoso.com", until=until)
    before = pair.dump()

    with pytest.raises(FailedPrecondition, match="cancel the reservation first, or use force") as e:
        owner.remove_hosts(eng.name, ["pc-2"])

    assert e.value.reason == "HOST_RESERVED"
    assert pair.dump() == before
    assert owner.remove_hosts(eng.name, ["pc-2"], force=True).hosts


def test_removing_a_host_in_quarantine_needs_force_so_that_none_is_cleared_by_adding_it_again(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    owner.update_collection(eng.name, release_policy="quarantine")
    owner.remove_assignment(eng.name, host_id="pc-1")
    before = pair.dump()

    with pytest.raises(FailedPrecondition, match="confirm its release first, or use force") as e:
        owner.remove_hosts(eng.name, ["pc-1"])

    assert e.value.reason == "HOST_QUARANTINED"
    assert pair.dump() == before
    assert owner.remove_hosts(eng.name, ["pc-1"], force=True).hosts


def test_force_removes_held_hosts_and_says_who_held_them(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    removed = owner.remove_hosts(eng.name, ["pc-2", "pc-1"], force=True).hosts

    assert [host.assigned_user for host in removed] == ["", "alice@contoso.com"]
    assert list(owner.list_assignments(eng.name)) == []
    last = pair.dump()["history"][-1]
    assert (last[1], last[3:8]) == (
        eng.name,
        ("pc-1", "alice@contoso.com", "alice@contoso.com", "REMOVED", "HOST_REMOVED"),
    )


def test_a_user_whose_host_was_removed_may_have_another(owner: Client, eng: Eng) -> None:
    owner.remove_hosts(eng.name, ["pc-1"], force=True)

    owner.set_assignment(eng.name, user="alice@contoso.com", host_id="pc-2")

    assert owner.get_collection(eng.name).assigned_host_count == 1


def test_with_an_unknown_host_nothing_is_removed(pair: Pair, owner: Client, eng: Eng) -> None:
    before = pair.dump()

    with pytest.raises(NotFound) as caught:
        owner.remove_hosts(eng.name, ["pc-2", "pc-9"], force=True)

    assert caught.value.reason == "HOST_NOT_FOUND"
    assert caught.value.metadata == {"collection": eng.name, "host": "pc-9"}
    assert pair.dump() == before


def test_a_host_twice_in_one_call_is_refused(owner: Client, eng: Eng) -> None:
    with pytest.raises(InvalidArgument, match="named twice") as caught:
        owner.remove_hosts(eng.name, ["pc-2", "PC-2"])

    assert caught.value.metadata == {"field": "names[1]"}


def test_only_hosts_of_the_collection_named_can_be_removed(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    lab = owner.create_collection(eng.tenant, "lab", type="pooled", host_ids=["lab-1"]).name
    pair.grant("helper@contoso.com", "RDS Host Operator", f"/{lab}")
    before = pair.dump()

    with pytest.raises(InvalidArgument) as caught:
        remove(
            pair.client("helper@contoso.com"), lab, f"{lab}/hosts/lab-1", f"{eng.name}/hosts/pc-2"
        )

    assert caught.value.metadata == {"field": "names[1]"}
    assert pair.dump() == before


@pytest.mark.parametrize(
    ("names", "field"), [((), "names"), (("pc-1",), "names[0]"), (("",), "names[0]")]
)
def test_a_wrong_field_is_named(
    owner: Client, eng: Eng, names: tuple[str, ...], field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        remove(owner, eng.name, *names)

    assert caught.value.metadata["field"] == field


async def test_of_those_who_remove_and_assign_a_host_at_once_nobody_is_surprised(
    pair: Pair, eng: Eng
) -> None:
    async with pair.once(OWNER) as client:

        async def assign(number: int) -> Any:
            user = f"user{number}@contoso.com"
            return await client.set_assignment(eng.name, user=user, host_id="pc-2")

        calls = [assign(number) for number in range(6)]
        calls += [client.remove_hosts(eng.name, ["pc-2"]) for _ in range(6)]
        came = await asyncio.gather(*calls, return_exceptions=True)

    reasons = {one.reason for one in came if isinstance(one, DeskholdError)}
    assert reasons <= {"HOST_HELD", "HOST_NOT_FOUND"}
    assert sum(not isinstance(one, BaseException) for one in came) == 1
