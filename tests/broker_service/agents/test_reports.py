"""Reports on a store of their own: what they change, what they cost, what they answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update

from broker_service import tables
from broker_service.agents.rules import Answer, CommandResult
from broker_service.hosts.rules import NewConnections, Status
from broker_service.sessions.reported import CommandState, SessionState
from deskhold.errors import DeskholdError, InvalidArgument, NotFound
from tests.broker_service.agents.reports import BROKEN, OK, SHAKY, report, session
from tests.broker_service.stores import ENG, TENANT, Store, pcs

ALICE, BOB = "alice@contoso.com", "bob@contoso.com"


async def row(store: Store, host_id: str = "pc-1") -> Any:
    (found,) = [one for one in await store.rows(tables.hosts) if one.host_key == host_id]
    return found


async def send(store: Store, user_key: str, host_id: str = "pc-1") -> None:
    """Send a user to a host, as Connect does."""
    host = await row(store, host_id)
    await store.write(
        insert(tables.sign_ins).values(
            collection_id=host.collection_id, user_key=user_key, host=host.id, expires_us=10**9
        )
    )
    await store.write(
        update(tables.hosts)
        .where(tables.hosts.c.id == host.id)
        .values(sign_in_count=tables.hosts.c.sign_in_count + 1)
    )


async def command(store: Store, command_id: str, number: int = 1, created_us: int = 1_000) -> None:
    host = select(tables.hosts.c.id).where(tables.hosts.c.host_key == "pc-1")
    await store.write(
        insert(tables.session_commands).values(
            command_id=command_id,
            host=host.scalar_subquery(),
            session_id=number,
            kind="LOG_OFF",
            title="",
            body="",
            state="PENDING",
            result="",
            author="user:admin@contoso.com",
            created_us=created_us,
        )
    )


async def states(store: Store) -> dict[str, tuple[str, str]]:
    rows = await store.rows(tables.session_commands)
    return {one.command_id: (one.state, one.result) for one in rows}


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

    engine = store.database._engines[0]
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


async def test_an_unknown_host_does_not_fail_the_others(store: Store) -> None:
    await store.make("pc-1")

    unknown, known = await store.report(report("pc-9"), report("PC-1"))

    assert isinstance(unknown, NotFound)
    assert unknown.reason == "HOST_NOT_FOUND"
    assert unknown.metadata == {"collection": ENG, "host": "pc-9"}
    assert isinstance(known, Answer)
    assert known.host == f"{ENG}/hosts/pc-1"


async def test_the_second_report_of_a_host_in_one_call_is_refused(store: Store) -> None:
    await store.make("pc-1")

    first, second = await store.report(report(boot_id="b1"), report("PC-1", boot_id="b2"))

    assert isinstance(first, Answer)
    assert isinstance(second, InvalidArgument)
    assert second.metadata == {"field": "reports[1].host_id"}
    assert [one.boot_id for one in await store.rows(tables.host_reports)] == ["b1"]


async def test_reports_for_no_collection_are_refused_as_a_whole(store: Store) -> None:
    with pytest.raises(NotFound) as caught:
        await store.report(report())

    assert caught.value.reason == "COLLECTION_NOT_FOUND"
    assert caught.value.metadata == {"collection": ENG}


async def test_calls_that_wait_are_taken_together_and_answered_apart(store: Store) -> None:
    lab = f"{TENANT}/collections/lab"
    await store.make(*pcs(50))
    await store.make("lab-1", name=lab)

    came = await asyncio.gather(
        *(store.report(report(host_id)) for host_id in pcs(50)),
        *(store.report(report("pc-00001", boot_id=f"b{n}")) for n in range(5)),
        store.report(report("lab-1"), collection=lab),
        store.report(report("lab-1"), collection=f"{TENANT}/collections/none"),
        return_exceptions=True,
    )

    assert isinstance(came[-1], NotFound)
    taken = [answers[0] for answers in came[:-1] if not isinstance(answers, BaseException)]
    assert [one.host.rpartition("/")[2] for one in taken if isinstance(one, Answer)] == [
        *pcs(50),
        *(["pc-00001"] * 5),
        "lab-1",
    ]
    # Of several that a host sent, the last one counts.
    (last,) = [
        one
        for one in await store.rows(tables.host_reports)
        if one.host == (await row(store, "pc-00001")).id
    ]
    assert last.boot_id == "b4"


async def test_a_thousand_reports_of_one_host_at_once_leave_one_state(store: Store) -> None:
    await store.make("pc-1")

    await asyncio.gather(
        *(store.report(report(sessions=tuple(map(session, range(n % 7))))) for n in range(100))
    )

    assert len(await store.rows(tables.sessions)) == (await row(store)).session_count == 99 % 7


async def test_commands_are_sent_until_their_result_is_reported(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    here = report(sessions=(session(1),))
    await store.report(here)
    await command(store, "late", created_us=1_000)
    await command(store, "early", created_us=900)

    sent = await store.report(here, report("pc-2"))
    again = await store.report(here)
    done = (CommandResult("early", True, ""), CommandResult("late", False, "no such session"))
    (after,) = await store.report(report(sessions=(session(1),), results=done))

    names = [f"{ENG}/hosts/pc-1/commands/{one}" for one in ("early", "late")]
    assert [[one.name for one in answer.commands] for answer in sent] == [names, []]  # type: ignore[union-attr]
    assert [one.name for one in again[0].commands] == names  # type: ignore[union-attr]
    assert after.commands == ()  # type: ignore[union-attr]
    assert await states(store) == {"early": ("DONE", ""), "late": ("FAILED", "no such session")}


async def test_a_result_is_final_and_of_ones_own_host(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.report(report(sessions=(session(1),)), report("pc-2"))
    await command(store, "one")

    foreign = report("pc-2", results=(CommandResult("one", True, "not mine"),))
    await store.report(foreign)
    unanswered = await states(store)
    for said in ("first", "second"):
        result = (CommandResult("one", True, said), CommandResult("never given", True, ""))
        await store.report(report(sessions=(session(1),), results=result))

    assert unanswered == {"one": ("PENDING", "")}
    assert await states(store) == {"one": ("DONE", "first")}


async def test_a_command_ends_with_its_session_unless_it_was_carried_out(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1), session(2), session(3))))
    for number in (1, 2, 3):
        await command(store, f"to-{number}", number)

    result = (CommandResult("to-1", True, ""),)
    await store.report(report(sessions=(session(3, BOB),), results=result), now_us=2_000)

    expired = (CommandState.EXPIRED.value, "")
    assert await states(store) == {"to-1": ("DONE", ""), "to-2": expired, "to-3": expired}


async def test_no_more_than_a_hundred_commands_are_sent_at_once(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1),)))
    for number in range(105):
        await command(store, f"c{number:03}", created_us=900 + number)

    (answer,) = await store.report(report(sessions=(session(1),)))

    assert not isinstance(answer, DeskholdError)
    assert [one.command_id for one in answer.commands] == [f"c{n:03}" for n in range(100)]
