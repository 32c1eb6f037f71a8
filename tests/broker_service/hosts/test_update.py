"""Changing hosts over the wire: masks, etags, and what the message shows."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from deskhold.api.broker.v1 import hosts_pb2 as pb
from deskhold.client import Client
from deskhold.client.calls import Call
from deskhold.errors import Aborted, InvalidArgument, PermissionDenied
from tests.broker_service.calls import broken
from tests.broker_service.pair import Eng, Pair
from tests.broker_service.stores import pcs


def update(client: Client, host: pb.Host, *paths: str) -> pb.Host:
    request = pb.UpdateHostRequest(host=host, update_mask=FieldMask(paths=paths))
    return client.send(Call(request, pb.Host))


def update_many(
    client: Client, eng: Eng, host: pb.Host, *paths: str
) -> pb.BatchUpdateHostsResponse:
    request = pb.BatchUpdateHostsRequest(
        parent=eng.name,
        names=[f"{eng.name}/hosts/pc-1"],
        host=host,
        update_mask=FieldMask(paths=paths),
    )
    return client.send(Call(request, pb.BatchUpdateHostsResponse))


def test_a_new_host_is_shown_with_what_nobody_said(owner: Client, eng: Eng) -> None:
    host = owner.get_host(f"{eng.name}/hosts/pc-2")

    assert (host.address, host.port, host.relative_weight, host.session_limit) == (
        "pc-2", 3389, 100, 0,
    )  # fmt: skip
    assert host.new_connections == pb.NEW_CONNECTIONS_YES
    assert host.status == pb.HOST_STATUS_UNMONITORED
    assert not host.HasField("heartbeat_time")
    assert not host.HasField("reservation")
    assert not host.HasField("quarantine_time")
    assert host.update_time == host.create_time


def test_hosts_are_added_with_everything_that_is_said_of_them(owner: Client, eng: Eng) -> None:
    wanted = pb.Host(
        friendly_name="Lab",
        new_connections=pb.NEW_CONNECTIONS_NO,
        relative_weight=50,
        session_limit=3,
    )

    (made,) = owner.add_hosts(eng.name, [pb.NewHost(host_id="pc-7", host=wanted)]).hosts

    for field in ("friendly_name", "new_connections", "relative_weight", "session_limit"):
        assert getattr(made, field) == getattr(wanted, field)


@pytest.mark.parametrize("paths", [(), ("*",)], ids=["no mask", "star"])
def test_without_a_mask_everything_is_what_the_message_says(
    owner: Client, eng: Eng, paths: tuple[str, ...]
) -> None:
    name = f"{eng.name}/hosts/pc-2"
    owner.update_host(name, friendly_name="Lab", relative_weight=7, port=3390)

    host = update(owner, pb.Host(name=name, session_limit=5), *paths)

    assert (host.friendly_name, host.relative_weight, host.port) == ("", 100, 3389)
    assert (host.new_connections, host.session_limit) == (pb.NEW_CONNECTIONS_YES, 5)


def test_with_a_mask_only_that_changes(owner: Client, eng: Eng) -> None:
    name = f"{eng.name}/hosts/pc-2"
    owner.update_host(name, friendly_name="Lab")

    host = update(owner, pb.Host(name=name, friendly_name="no", port=3390), "port")

    assert (host.friendly_name, host.port) == ("Lab", 3390)


@pytest.mark.parametrize("path", ["assigned_user", "name", "status", "colour"])
def test_what_administrators_do_not_decide_cannot_be_changed(
    owner: Client, eng: Eng, path: str
) -> None:
    with pytest.raises(InvalidArgument, match="what can: address") as caught:
        update(owner, pb.Host(name=f"{eng.name}/hosts/pc-2"), "port", path)

    assert caught.value.metadata == {"field": "update_mask.paths[1]"}


@pytest.mark.parametrize(
    ("paths", "field"), [((), "update_mask"), (("address",), "update_mask.paths[0]")]
)
def test_many_hosts_share_only_what_they_can_share(
    owner: Client, eng: Eng, paths: tuple[str, ...], field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        update_many(owner, eng, pb.Host(address="10.0.0.1"), *paths)

    assert caught.value.metadata == {"field": field}


def test_a_stale_etag_is_refused_and_a_fresh_one_is_not(owner: Client, eng: Eng) -> None:
    name = f"{eng.name}/hosts/pc-2"
    before = owner.get_host(name)
    after = owner.update_host(name, port=3390, etag=before.etag)

    with pytest.raises(Aborted) as caught:
        owner.update_host(name, port=3391, etag=before.etag)

    assert caught.value.reason == "ETAG_MISMATCH"
    assert caught.value.metadata == {"name": name, "etag": after.etag}
    assert owner.get_host(name) == after


def test_a_report_is_no_new_version_of_a_host(owner: Client, eng: Eng) -> None:
    name = f"{eng.name}/hosts/pc-2"
    before = owner.get_host(name)

    owner.report_hosts(eng.name, [broken("pc-2")])

    after = owner.get_host(name)
    assert after.etag == before.etag
    assert (after.status, after.boot_id) == (pb.HOST_STATUS_UNAVAILABLE, "b1")
    assert [one.check for one in after.health_checks] == ["Listener"]
    assert after.HasField("heartbeat_time")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"relative_weight": 10_001}, "host.relative_weight"),
        ({"session_limit": -1}, "host.session_limit"),
        ({"friendly_name": "x" * 257}, "host.friendly_name"),
        ({"new_connections": 9}, "host.new_connections"),
        ({"address": "a b"}, "host.address"),
    ],
)
def test_a_wrong_value_is_named(
    owner: Client, eng: Eng, values: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.update_host(f"{eng.name}/hosts/pc-2", **values)

    assert caught.value.metadata["field"] == field


def test_conditions_go_over_the_wire(owner: Client, eng: Eng) -> None:
    owner.update_hosts(eng.name, ["pc-2"], new_connections=pb.NEW_CONNECTIONS_NO)

    chosen = {
        name: [
            host.name.rpartition("/")[2]
            for host in owner.list_hosts(
                eng.name, conditions=[pb.HostCondition.Value(f"HOST_CONDITION_{name}")], page_size=1
            )
        ]
        for name in ("ASSIGNED", "FREE", "DRAINING", "UNMONITORED", "UNHEALTHY")
    }

    assert chosen == {
        "ASSIGNED": ["pc-1"],
        "FREE": ["pc-3"],
        "DRAINING": ["pc-2"],
        "UNMONITORED": ["pc-1", "pc-2", "pc-3"],
        "UNHEALTHY": [],
    }


@pytest.mark.slow
def test_ten_thousand_hosts_are_drained_and_moved_in_one_call_each(
    owner: Client, tenant: str
) -> None:
    here = owner.create_collection(tenant, "eng", type="personal").name
    there = owner.create_collection(tenant, "lab", type="pooled").name
    many = pcs(10_000)
    owner.add_hosts(here, many)

    drained = owner.update_hosts(here, many, new_connections=pb.NEW_CONNECTIONS_NO).hosts
    moved = owner.move_hosts(here, many, there).hosts

    assert {host.new_connections for host in drained} == {pb.NEW_CONNECTIONS_NO}
    assert [host.name.rpartition("/")[2] for host in moved] == many
    assert owner.get_collection(here).host_count == 0
    assert owner.get_collection(there).host_count == 10_000


def test_who_may_only_take_hosts_away_cannot_move_them(pair: Pair, owner: Client, eng: Eng) -> None:
    spare = owner.create_collection(eng.tenant, "spare", type="personal").name
    pair.grant("mover@contoso.com", "RDS Host Operator", f"/{eng.name}")

    with pytest.raises(PermissionDenied) as caught:
        pair.client("mover@contoso.com").move_hosts(eng.name, ["pc-2"], spare)

    assert caught.value.metadata["scope"] == f"/{spare}"
    assert caught.value.metadata["action"] == "deskhold.resources/hosts/write"
