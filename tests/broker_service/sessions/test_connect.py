from __future__ import annotations

import asyncio

import pytest

from deskhold.api.broker.v1 import sessions_pb2
from deskhold.api.broker.v1.hosts_pb2 import Host, NewHost
from deskhold.client import Client
from deskhold.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
)
from deskhold.identities import Principal, PrincipalKind
from tests.broker_service.pair import OWNER, Eng, Pair

CONNECT = "deskhold.resources/appGroups/connect/action"
ON_BEHALF = "deskhold.resources/appGroups/connectOnBehalf/action"


@pytest.fixture
def bob(pair: Pair, eng: Eng) -> Client:
    """A user of the collection who has no host yet."""
    pair.grant("bob@contoso.com", "RDS User", f"/{eng.name}/appGroups/desktop")
    return pair.client("bob@contoso.com")


def test_the_first_connection_claims_a_host_and_the_next_leads_there_again(
    pair: Pair, owner: Client, eng: Eng, bob: Client
) -> None:
    first = bob.connect(eng.name)
    before = pair.dump()

    again = bob.connect(eng.name)

    assert (first.newly_assigned, again.newly_assigned) == (True, False)
    assert first.host in (f"{eng.name}/hosts/pc-2", f"{eng.name}/hosts/pc-3")
    assert again.host == first.host
    assert pair.dump() == before
    (made,) = owner.list_assignments(eng.name, user="bob@contoso.com")
    assert (made.host, made.assigned_by) == (first.host, "user:bob@contoso.com")


def test_whoever_was_assigned_a_host_is_led_there(pair: Pair, eng: Eng) -> None:
    pair.grant("CONTOSO\\alice", "RDS User", f"/{eng.name}")

    way = pair.client("CONTOSO\\Alice").connect(eng.name)

    assert (way.host, way.newly_assigned) == (f"{eng.name}/hosts/pc-1", False)
    assert way.user == "alice@contoso.com"


def test_the_answer_says_where_and_as_whom(pair: Pair, owner: Client, tenant: str) -> None:
    name = owner.create_collection(
        tenant, "lab", type="personal", auto_assign_user=True, grant_administrative_privilege=True
    ).name
    owner.add_hosts(name, ["lab-1"])

    way = owner.connect(name)

    assert (way.address, way.port) == ("lab-1", 3389)
    assert way.user == OWNER
    assert way.administrator_rights == sessions_pb2.ADMINISTRATOR_RIGHTS_UNMANAGED
    assert not way.administrator
    assert way.rdp_file_content == b"\xff\xfe" + way.rdp_file.encode("utf-16-le")
    assert "full address:s:lab-1:3389\r\n" in way.rdp_file
    assert f"username:s:{OWNER}\r\n" in way.rdp_file


def test_an_ipv6_address_is_told_as_it_is_and_written_in_brackets(
    owner: Client, tenant: str
) -> None:
    name = owner.create_collection(tenant, "lab", type="personal", auto_assign_user=True).name
    owner.add_hosts(name, [NewHost(host_id="lab-1", host=Host(address="2001:db8::7", port=3390))])

    way = owner.connect(name)

    assert (way.address, way.port) == ("2001:db8::7", 3390)
    assert "full address:s:[2001:db8::7]:3390\r\n" in way.rdp_file


def test_without_the_privilege_the_user_is_no_administrator(owner: Client, eng: Eng) -> None:
    way = owner.connect(eng.name)

    assert not way.administrator
    assert way.administrator_rights == sessions_pb2.ADMINISTRATOR_RIGHTS_NOT_GRANTED


@pytest.mark.parametrize("below", ["", "/appGroups/desktop"], ids=["collection", "app group"])
@pytest.mark.parametrize("granted_at", ["", "/appGroups/desktop"], ids=["at collection", "at app"])
def test_a_role_at_the_app_group_is_enough(
    pair: Pair, eng: Eng, below: str, granted_at: str
) -> None:
    pair.grant("carol@contoso.com", "RDS User", f"/{eng.name}{granted_at}")

    way = pair.client("carol@contoso.com").connect(f"{eng.name}{below}")

    assert way.newly_assigned


def test_a_group_of_the_token_may_hold_the_role(pair: Pair, owner: Client, eng: Eng) -> None:
    group = Principal(PrincipalKind.GROUP, f"pilots-{eng.tenant[-4:]}")
    owner.create_role_assignment(f"/{eng.name}", group, "RDS User")

    assert pair.client("dora@contoso.com", group.id).connect(eng.name).newly_assigned
    with pytest.raises(PermissionDenied):
        pair.client("dora@contoso.com").connect(eng.name)


def test_an_rds_user_of_the_app_group_may_do_nothing_else(bob: Client, eng: Eng) -> None:
    attempts = (
        lambda: bob.get_collection(eng.name),
        lambda: list(bob.list_assignments(eng.name)),
        lambda: bob.set_assignment(eng.name, user="bob@contoso.com", host_id="pc-2"),
    )

    for attempt in attempts:
        with pytest.raises(PermissionDenied):
            attempt()


def test_the_refusal_names_the_app_group_and_the_action(pair: Pair, eng: Eng) -> None:
    with pytest.raises(PermissionDenied) as caught:
        pair.client("stranger@contoso.com").connect(eng.name)

    assert caught.value.metadata["action"] == CONNECT
    assert caught.value.metadata["scope"] == f"/{eng.name}/appGroups/desktop"
    assert caught.value.metadata["decision"] in caught.value.message


@pytest.mark.parametrize("spelling", ["", "bob@contoso.com", "BOB@CONTOSO.COM", "CONTOSO\\bob"])
def test_naming_oneself_is_no_other_user(bob: Client, eng: Eng, spelling: str) -> None:
    assert bob.connect(eng.name, user=spelling).newly_assigned


def test_for_another_user_the_action_on_behalf_is_needed(pair: Pair, eng: Eng, bob: Client) -> None:
    before = pair.dump()

    with pytest.raises(PermissionDenied) as caught:
        bob.connect(eng.name, user="alice@contoso.com")

    assert caught.value.metadata["action"] == ON_BEHALF
    assert pair.dump() == before


def test_whoever_may_act_on_behalf_claims_for_the_other(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    pair.grant("helper@contoso.com", "RDS Contributor", f"/{eng.name}")

    way = pair.client("helper@contoso.com").connect(eng.name, user="CONTOSO\\erin")

    assert way.newly_assigned
    assert way.user == "CONTOSO\\erin"
    (made,) = owner.list_assignments(eng.name, user="erin@contoso.com")
    assert made.assigned_by == "user:helper@contoso.com"


def test_on_behalf_of_what_is_no_user_is_refused(owner: Client, eng: Eng) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.connect(eng.name, user="nobody")

    assert caught.value.metadata["field"] == "user"


def test_without_automatic_assignment_a_user_without_a_host_is_told(
    pair: Pair, owner: Client, tenant: str
) -> None:
    name = owner.create_collection(tenant, "lab", type="personal", host_ids=["lab-1"]).name
    before = pair.dump()

    with pytest.raises(FailedPrecondition) as caught:
        owner.connect(name)

    assert caught.value.reason == "NOT_ASSIGNED"
    assert caught.value.metadata == {"collection": name, "user": OWNER}
    assert pair.dump() == before
    owner.set_assignment(name, user=OWNER, host_id="lab-1")
    assert owner.connect(name).host == f"{name}/hosts/lab-1"


@pytest.mark.parametrize("hosts", [[], ["lab-1", "lab-2"]], ids=["no hosts", "all assigned"])
def test_where_no_host_is_free_the_counts_are_told(
    owner: Client, tenant: str, hosts: list[str]
) -> None:
    name = owner.create_collection(
        tenant, "lab", type="personal", auto_assign_user=True, host_ids=hosts
    ).name
    for host_id in hosts:
        owner.set_assignment(name, user=f"{host_id}@contoso.com", host_id=host_id)

    with pytest.raises(ResourceExhausted) as caught:
        owner.connect(name)

    count = str(len(hosts))
    assert caught.value.reason == "NO_FREE_HOST"
    assert caught.value.metadata == {"collection": name, "hosts": count, "assigned": count}
    assert ("has no hosts" if not hosts else f"{count} hosts") in caught.value.message
    assert [(one.reason, one.subject, one.description) for one in caught.value.obstacles] == [
        ("HOST_HELD", f"{name}/hosts/{host_id}", f"{host_id} is assigned") for host_id in hosts
    ]


def test_what_would_be_is_told_and_nothing_changes(pair: Pair, eng: Eng, bob: Client) -> None:
    before = pair.dump()

    way = bob.connect(eng.name, validate_only=True)

    assert way.newly_assigned
    assert (way.routing_token, way.HasField("routing_token_expire_time")) == ("", False)
    assert pair.dump() == before


@pytest.mark.parametrize(
    ("below", "reason"),
    [
        ("none", "COLLECTION_NOT_FOUND"),
        ("none/appGroups/desktop", "COLLECTION_NOT_FOUND"),
        ("eng/appGroups/office", "APP_GROUP_NOT_FOUND"),
    ],
)
def test_what_is_not_there_is_not_found(owner: Client, eng: Eng, below: str, reason: str) -> None:
    with pytest.raises(NotFound) as caught:
        owner.connect(f"{eng.tenant}/collections/{below}")

    assert caught.value.reason == reason


@pytest.mark.parametrize("name", ["", "{}/hosts/pc-1", "{}/appGroups", "/{}"])
def test_only_collections_and_app_groups_are_connected_to(
    owner: Client, eng: Eng, name: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.connect(name.format(eng.name))

    assert caught.value.metadata["field"] == "name"


async def test_a_user_who_connects_many_times_at_once_gets_one_host(
    pair: Pair, eng: Eng, bob: Client
) -> None:
    async with pair.once("bob@contoso.com") as client:
        came = await asyncio.gather(*(client.connect(eng.name) for _ in range(40)))

    assert len({way.host for way in came}) == 1
    assert sum(way.newly_assigned for way in came) == 1
