"""Changing, draining and moving hosts, on a store of their own."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from broker_service import tables
from broker_service.hosts.rules import Host, NewConnections, NewHost
from broker_service.hosts.settings import HostChanges
from deskhold.errors import (
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from deskhold.names import parse
from tests.broker_service.agents.reports import report, session
from tests.broker_service.stores import ENG, TENANT, Store, pcs

NO, YES, REBOOT = NewConnections.NO, NewConnections.YES, NewConnections.NOT_UNTIL_REBOOT
LAB = f"{TENANT}/collections/lab"


async def update_one(store: Store, host_id: str, etag: str = "", **values: Any) -> Host:
    changed: Host = await store.host_changes.update(
        parse(f"{ENG}/hosts/{host_id}"),
        HostChanges.of(values),
        etag=etag,
        now_us=5,
        commit=store.commit,
    )
    return changed


async def move(store: Store, *host_ids: str, to: str = LAB, now_us: int = 5) -> list[Host]:
    moved: list[Host] = await store.host_changes.move(
        ENG, host_ids, destination=to, now_us=now_us, commit=store.commit
    )
    return moved


async def rank(store: Store, host_id: str) -> int | None:
    (row,) = [one for one in await store.rows(tables.hosts) if one.host_key == host_id]
    found: int | None = row.claim_rank
    return found


async def test_what_is_given_of_a_host_changes_and_the_rest_stays(store: Store) -> None:
    await store.make("pc-1")
    before = await store.host("pc-1")

    after = await update_one(store, "pc-1", friendly_name="Lab", relative_weight=50, port=3390)

    assert (after.friendly_name, after.load.weight, after.port) == ("Lab", 50, 3390)
    assert (after.address, after.new_connections, after.created_us) == ("", YES, 1)
    assert (after.version, after.updated_us) == (before.version + 1, 5)
    assert await store.host("pc-1") == after


async def test_the_same_values_again_change_nothing(store: Store) -> None:
    await store.make("pc-1")
    first = await update_one(store, "pc-1", friendly_name="Lab", new_connections=REBOOT)
    await store.changed()

    again = await update_one(store, "pc-1", friendly_name="Lab", new_connections=REBOOT)

    assert again == first
    assert await store.changed() == []


async def test_a_change_is_noted_and_an_unchanged_host_is_not(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await update_one(store, "pc-1", relative_weight=50)
    await store.changed()

    await store.change("pc-1", "pc-2", relative_weight=50)

    assert await store.changed() == [("HOST", "hosts/pc-2")]


async def test_another_version_than_the_etags_is_not_changed(store: Store) -> None:
    await store.make("pc-1")
    etag = (await store.host("pc-1")).etag
    now = await update_one(store, "pc-1", etag, port=3390)

    with pytest.raises(Aborted, match="read it again") as caught:
        await update_one(store, "pc-1", etag, port=3391)

    assert caught.value.reason == "ETAG_MISMATCH"
    assert caught.value.metadata == {"name": f"{ENG}/hosts/pc-1", "etag": now.etag}
    assert (await store.host("pc-1")).port == 3390


async def test_a_draining_host_is_not_claimed_and_an_undrained_one_is(store: Store) -> None:
    await store.make("pc-1")

    await store.change("pc-1", new_connections=NO)
    drained = await rank(store, "pc-1")
    await store.change("pc-1", new_connections=YES)

    assert (drained, await rank(store, "pc-1")) == (None, 1)


async def test_a_host_added_while_draining_is_not_claimed(store: Store) -> None:
    await store.make()
    await store.hosts.add(ENG, [NewHost("pc-1", new_connections=NO)], now_us=1, commit=store.commit)

    assert await rank(store, "pc-1") is None


async def test_a_drain_until_the_reboot_remembers_the_start_it_was_set_in(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.report(report("pc-1", boot_id="boot-7"))

    reported, unmonitored = await store.change("pc-1", "pc-2", new_connections=REBOOT)

    assert (reported.drained_boot_id, unmonitored.drained_boot_id) == ("boot-7", "")


@pytest.mark.slow
async def test_ten_thousand_hosts_are_changed_by_a_handful_of_statements(store: Store) -> None:
    many = pcs(10_000)
    await store.make(*many)

    changed = await store.change(*reversed(many), new_connections=NO, relative_weight=7)

    assert [host.host_id for host in changed] == many[::-1]
    assert {(host.new_connections, host.load.weight, host.version) for host in changed} == {
        (NO, 7, 2)
    }


async def test_with_an_unknown_host_none_is_changed(store: Store) -> None:
    await store.make("pc-1")

    with pytest.raises(NotFound) as caught:
        await store.change("pc-1", "pc-9", new_connections=NO)

    assert caught.value.reason == "HOST_NOT_FOUND"
    assert caught.value.metadata == {"collection": ENG, "host": "pc-9"}
    assert (await store.host("pc-1")).new_connections is YES


async def test_a_host_twice_in_one_change_is_refused(store: Store) -> None:
    await store.make("pc-1")

    with pytest.raises(InvalidArgument, match="named twice") as caught:
        await store.change("pc-1", "PC-1", new_connections=NO)

    assert caught.value.metadata == {"field": "names[1]"}


async def test_a_host_that_others_changed_since_is_added_again_without_a_word(
    store: Store,
) -> None:
    await store.make("pc-1")
    changed = await update_one(store, "pc-1", new_connections=NO, address="pc-1")

    assert await store.add_hosts("pc-1") == [changed]
    await update_one(store, "pc-1", address="10.0.0.1")
    with pytest.raises(AlreadyExists):
        await store.add_hosts("pc-1")


async def test_hosts_move_with_what_their_agents_said(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.make(name=LAB, type="POOLED")
    await store.report(report("pc-2"))
    await store.changed()

    moved = await move(store, "pc-2", "PC-1")

    assert [host.name for host in moved] == [f"{LAB}/hosts/pc-2", f"{LAB}/hosts/pc-1"]
    assert moved[0].report is not None
    assert await store.host("pc-2", collection=LAB) == moved[0]
    noted = await store.changed()
    assert ("HOST", "hosts/pc-1") in noted and ("HOST", f"{LAB}/hosts/pc-1") in noted


async def reserve(store: Store, until_us: int) -> None:
    await store.write(
        update(tables.hosts).values(
            reserved_user="bob@contoso.com",
            reserved_user_key="bob@contoso.com",
            reserved_until_us=until_us,
            reserved_by="user:admin@contoso.com",
        )
    )


async def hold(store: Store) -> None:
    await store.set("alice@contoso.com", "pc-1")


async def quarantine(store: Store) -> None:
    await store.write(update(tables.hosts).values(quarantined_us=1))


async def sign_in(store: Store) -> None:
    await store.report(report(sessions=(session(1), session(2))))


@pytest.mark.parametrize(
    ("prepare", "reason", "metadata"),
    [
        (hold, "HOST_HELD", {"held_by": "alice@contoso.com", "held": "1"}),
        (
            lambda store: reserve(store, 1_800_000_000_000_000),
            "HOST_RESERVED",
            {"reserved_for": "bob@contoso.com", "until": "2027-01-15T08:00:00Z"},
        ),
        (quarantine, "HOST_QUARANTINED", {}),
        (sign_in, "HOST_IN_USE", {"sessions": "2"}),
    ],
    ids=["held", "reserved", "quarantined", "in use"],
)
async def test_a_host_that_is_not_free_to_go_stays(
    store: Store, prepare: Any, reason: str, metadata: dict[str, str]
) -> None:
    await store.make("pc-1")
    await store.make(name=LAB)
    await prepare(store)

    with pytest.raises(FailedPrecondition, match="first") as caught:
        await move(store, "pc-1")

    assert caught.value.reason == reason
    assert caught.value.metadata == {"host": "pc-1", **metadata}
    for value in metadata.values():
        assert value in caught.value.message or value == "1"
    assert (await store.host("pc-1")).collection == ENG


async def test_a_reservation_that_has_run_out_does_not_hold_a_host_back(store: Store) -> None:
    await store.make("pc-1")
    await store.make(name=LAB)
    await reserve(store, 4)

    (moved,) = await move(store, "pc-1", now_us=5)

    assert moved.reservation is None
    assert await rank(store, "pc-1") == 1


@pytest.mark.parametrize(
    "to", [ENG, "tenantGroups/default/tenants/other/collections/lab"], ids=["here", "tenant"]
)
async def test_hosts_go_to_another_collection_of_their_tenant(store: Store, to: str) -> None:
    await store.make("pc-1")

    with pytest.raises(InvalidArgument) as caught:
        await move(store, "pc-1", to=to)

    assert caught.value.metadata == {"field": "destination"}


async def test_hosts_do_not_go_to_a_collection_that_is_not_there(store: Store) -> None:
    await store.make("pc-1")

    with pytest.raises(NotFound) as caught:
        await move(store, "pc-1")

    assert caught.value.metadata == {"collection": LAB}


async def test_with_a_host_goes_what_its_agent_said(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(3),)))
    await store.write(
        tables.session_commands.insert().values(
            command_id="c",
            host=select(tables.hosts.c.id).scalar_subquery(),
            session_id=3,
            kind="LOG_OFF",
            title="",
            body="",
            state="PENDING",
            result="",
            author="user:admin@contoso.com",
            created_us=1,
        )
    )
    await store.changed()

    await store.remove_hosts("pc-1")

    for table in (tables.host_reports, tables.sessions, tables.session_commands):
        assert await store.rows(table) == []
    assert await store.changed() == [
        ("HOST", "hosts/pc-1"),
        ("SESSION", "hosts/pc-1/sessions/3"),
    ]
