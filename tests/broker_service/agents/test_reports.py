"""Reports on a store of their own: what they change, what they cost, what they answer."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from broker_service import tables
from broker_service.agents.rules import Answer
from broker_service.hosts.rules import NewConnections, Status
from broker_service.sessions.reported import SessionState
from tests.broker_service.agents.reports import BROKEN, OK, SHAKY, report, session
from tests.broker_service.agents.stored import row, send
from tests.broker_service.stores import Store, pcs

ALICE, BOB = "alice@contoso.com", "bob@contoso.com"


async def test_what_an_agent_says_is_what_the_host_shows(store: Store) -> None:
    await store.make("pc-1")

    await store.report(report(checks=(OK, SHAKY), administrators=(ALICE,), sessions=(session(1),)))

    host = await store.host("pc-1")
    assert host.report is not None
    assert (host.status, host.load.sessions) == (Status.NEEDS_ASSISTANCE, 1)
    assert (host.report.heartbeat_us, host.report.boot_id) == (1_000, "boot-1")
    assert (host.report.checks, host.report.administrators) == ((OK, SHAKY), (ALICE,))


async def test_a_host_without_a_report_is_unmonitored(store: Store) -> None:
    await store.make("pc-1")

    assert (await store.host("pc-1")).status is Status.UNMONITORED


@pytest.mark.parametrize(
    ("checks", "rank"), [((OK,), 0), ((SHAKY,), 0), ((BROKEN,), None)], ids=["ok", "shaky", "bad"]
)
async def test_who_is_well_is_claimed_first_and_who_is_broken_not_at_all(
    store: Store, checks: Any, rank: int | None
) -> None:
    await store.make("pc-1")

    await store.report(report(checks=checks))

    assert (await row(store)).claim_rank == rank


async def test_reports_leave_the_version_of_a_host_alone(store: Store) -> None:
    await store.make("pc-1")
    before = await row(store)

    await store.report(report(sessions=(session(1),)))
    await store.report(report(boot_id="boot-2"))

    after = await row(store)
    assert (after.version, after.updated_us) == (before.version, before.updated_us)


async def test_a_report_that_says_nothing_new_is_one_narrow_update(store: Store) -> None:
    await store.make(*pcs(20))
    reports = [report(host_id, sessions=(session(1),)) for host_id in pcs(20)]
    await store.report(*reports)
    await store.changed()
    written: list[str] = []

    def see(_: object, __: object, statement: str, *___: object) -> None:
        if not statement.startswith(("SELECT", "BEGIN")):
            written.append(" ".join(statement.split()))

    engine = store.database.pools[0].engine
    event.listen(engine, "before_cursor_execute", see)
    await store.report(*reports, now_us=2_000)
    event.remove(engine, "before_cursor_execute", see)

    assert [one.partition(" WHERE")[0].partition("=")[0] for one in written] == [
        "UPDATE host_reports SET heartbeat_us"
    ]
    assert {one.heartbeat_us for one in await store.rows(tables.host_reports)} == {2_000}
    assert await store.changed() == []


async def test_how_long_nobody_typed_is_kept_and_nobody_is_told(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1),)))
    await store.changed()

    await store.report(report(sessions=(session(1, idle_us=60),)), now_us=2_000)

    assert [one.idle_us for one in await store.rows(tables.sessions)] == [60]
    assert await store.changed() == []


async def test_who_watches_hears_of_what_is_visible(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.changed()
    heard = []
    for one in (
        report(),
        report(sessions=(session(1), session(2))),
        report(sessions=(session(2, client_name="thin"),)),
        report(sessions=(session(2, client_name="fat"),)),
        report(checks=(SHAKY,), sessions=(session(2, client_name="fat"),)),
    ):
        await store.report(one)
        heard.append([name for _, name in await store.changed()])

    host, first, second = "hosts/pc-1", "hosts/pc-1/sessions/1", "hosts/pc-1/sessions/2"
    assert heard == [[host], [host, first, second], [host, first, second], [second], [host]]


async def test_sessions_are_what_was_last_reported(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.report(
        report(sessions=(session(1), session(2, BOB))), report("pc-2", sessions=(session(1),))
    )

    away = session(2, BOB, state=SessionState.DISCONNECTED)
    await store.report(report(sessions=(away, session(5))), now_us=3_000)

    rows = [one for one in await store.rows(tables.sessions) if one.host == (await row(store)).id]
    assert {(one.session_id, one.user_key, one.disconnected_us) for one in rows} == {
        (2, BOB, 3_000),
        (5, ALICE, None),
    }
    assert (await row(store)).session_count == 2
    assert (await row(store, "pc-2")).session_count == 1


async def test_who_has_arrived_is_no_longer_on_the_way(store: Store) -> None:
    await store.make("pc-1", type="POOLED")
    await store.report(report())
    for user in (ALICE, BOB):
        await send(store, user)
    await store.changed()

    await store.report(report(sessions=(session(1, "CONTOSO\\alice"),)))

    found = await row(store)
    assert (found.session_count, found.sign_in_count, found.load) == (1, 1, 200)
    assert [one.user_key for one in await store.rows(tables.sign_ins)] == [BOB]
    assert ("HOST", "hosts/pc-1") in await store.changed()


async def test_who_was_there_when_sent_is_no_longer_on_the_way_either(store: Store) -> None:
    await store.make("pc-1", type="POOLED")
    await store.report(report(sessions=(session(1),)))
    await send(store, ALICE)

    await store.report(report(sessions=(session(1),)))

    assert (await row(store)).sign_in_count == 0


async def test_a_drain_ends_when_the_machine_has_started_again(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(boot_id="b1"))
    (drained,) = await store.change("pc-1", new_connections=NewConnections.NOT_UNTIL_REBOOT)
    (still,) = await store.report(report(boot_id="b1"))
    rank = (await row(store)).claim_rank
    await store.changed()

    (again,) = await store.report(report(boot_id="b2"))

    assert isinstance(still, Answer) and isinstance(again, Answer)
    assert still.desired.new_connections is NewConnections.NOT_UNTIL_REBOOT
    assert again.desired.new_connections is NewConnections.YES
    host = await store.host("pc-1")
    assert (host.new_connections, host.drained_boot_id) == (NewConnections.YES, "")
    assert (rank, (await row(store)).claim_rank) == (None, 0)
    # It was an administrator's decision, so that whoever read it before is told to read again.
    assert host.version == drained.version + 1
    assert ("HOST", "hosts/pc-1") in await store.changed()


async def test_a_host_drained_before_its_first_report_stays_drained_through_it(
    store: Store,
) -> None:
    await store.make("pc-1")
    await store.change("pc-1", new_connections=NewConnections.NOT_UNTIL_REBOOT)

    await store.report(report(boot_id="b1"))
    first = await store.host("pc-1")
    await store.report(report(boot_id="b2"))

    assert first.new_connections is NewConnections.NOT_UNTIL_REBOOT
    assert first.drained_boot_id == "b1"
    assert (await store.host("pc-1")).new_connections is NewConnections.YES


@pytest.mark.parametrize("grants", [True, False])
async def test_the_assigned_user_is_to_be_administrator_where_that_is_granted(
    store: Store, grants: bool
) -> None:
    await store.make("pc-1", grant_administrative_privilege=grants)
    (before,) = await store.report(report())
    await store.set("CONTOSO\\alice", "pc-1")

    (after,) = await store.report(report())

    assert isinstance(before, Answer) and isinstance(after, Answer)
    assert before.desired.administrator == ""
    assert after.desired.administrator == ("CONTOSO\\alice" if grants else "")
    assert (await store.host("pc-1")).administrator == after.desired.administrator


async def test_a_session_from_the_future_begins_when_it_is_first_reported(store: Store) -> None:
    await store.make("pc-1")
    ahead = report(sessions=(session(1, created_us=3_600_000_000),))

    (first,) = await store.report(ahead, now_us=1_000)
    version = await store.changed()
    (second,) = await store.report(ahead, now_us=2_000)

    begun = [row.created_us for row in await store.rows(select(tables.sessions))]
    assert begun == [1_000]
    assert version
    assert await store.changed() == []  # and it is the same session
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    (remark,) = first.remarks
    assert remark.startswith("a session begins 3600 s in the future")
    assert second.remarks


async def test_an_ordinary_report_is_taken_without_remarks(store: Store) -> None:
    await store.make("pc-1")

    (answer,) = await store.report(report(sessions=(session(1),)), now_us=1_000)

    assert isinstance(answer, Answer)
    assert answer.remarks == ()
