"""Two brokers on one database, at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine, delete, update
from sqlalchemy.pool import NullPool

from broker_service import tables
from broker_service.__main__ import MIGRATIONS
from broker_service.agents.monitor import Monitor
from broker_service.agents.rules import SILENT_US, Answer
from broker_service.collections.store import lock_collection, require_collection
from broker_service.hosts.rules import NewConnections, NewHost, Status
from broker_service.hosts.usecases import add_hosts
from deskhold.chassis.paging import Page
from deskhold.errors import DeskholdError
from tests.broker_service.agents.reports import report, session
from tests.broker_service.stores import ENG, TENANT, Store, pcs
from tests.databases import PostgresqlServer, until_somebody_waits

pytestmark = pytest.mark.slow

LAB = f"{TENANT}/collections/lab"
ROUNDS = 15


@pytest.fixture
async def other(store: Store) -> AsyncIterator[Store]:
    """Another broker on the same database."""
    opened = Store(store.url)
    yield opened
    await opened.database.close()


async def move(store: Store, host_id: str, here: str, there: str) -> Any:
    return await store.host_changes.move(
        here, [host_id], destination=there, now_us=5, commit=store.commit
    )


def reasons(came: Iterable[Any]) -> set[str]:
    errors = [one for one in came if isinstance(one, BaseException)]
    assert all(isinstance(one, DeskholdError) for one in errors), errors
    return {one.reason for one in errors if isinstance(one, DeskholdError)}


async def test_one_host_reported_to_two_brokers_has_one_state(store: Store, other: Store) -> None:
    await store.make(*pcs(ROUNDS))
    for host_id in pcs(ROUNDS):
        here = report(host_id, sessions=(session(1), session(2)))
        there = report(host_id, sessions=(session(2), session(3)))
        came = await asyncio.gather(store.report(here), other.report(there))

        assert all(isinstance(answers[0], Answer) for answers in came)
    rows = await store.rows(tables.sessions)
    counts = {one.id: one.session_count for one in await store.rows(tables.hosts)}
    for host, count in counts.items():
        numbers = sorted(one.session_id for one in rows if one.host == host)
        assert numbers in ([1, 2], [2, 3])
        assert count == 2


async def test_a_host_is_assigned_or_moved_never_both(store: Store, other: Store) -> None:
    await store.make(*pcs(ROUNDS), max_desktops_per_user=ROUNDS)
    await store.make(name=LAB)
    for host_id in pcs(ROUNDS):
        came = await asyncio.gather(
            store.set("alice@contoso.com", host_id),
            move(other, host_id, ENG, LAB),
            return_exceptions=True,
        )

        assert len(reasons(list(came)) & {"HOST_HELD", "HOST_NOT_FOUND"}) == 1
        assert sum(isinstance(one, BaseException) for one in came) == 1


async def test_hosts_that_move_against_each_other_all_arrive(store: Store, other: Store) -> None:
    await store.make("pc-1")
    await store.make("lab-1", name=LAB)
    here, there = ENG, LAB
    for _ in range(ROUNDS):
        await asyncio.gather(move(store, "pc-1", here, there), move(other, "lab-1", there, here))
        here, there = there, here

    assert (await store.host("pc-1", collection=here)).version == 1 + ROUNDS
    assert (await store.host("lab-1", collection=there)).version == 1 + ROUNDS


async def test_a_report_beside_a_drain_loses_neither(store: Store, other: Store) -> None:
    await store.make(*pcs(ROUNDS))
    for host_id in pcs(ROUNDS):
        await asyncio.gather(
            store.change(host_id, new_connections=NewConnections.NO),
            other.report(report(host_id, sessions=(session(1),))),
        )

    for row in await store.rows(tables.hosts):
        assert (row.new_connections, row.session_count, row.claim_rank) == ("NO", 1, None)


async def test_reports_and_sign_ins_do_not_wait_for_who_changes_the_collection(
    postgresql: PostgresqlServer,
) -> None:
    """Only on PostgreSQL: SQLite has one writer at a time."""
    store = Store(postgresql.new(MIGRATIONS))
    engine = create_engine(store.url, poolclass=NullPool)
    await store.make("pc-1", type="POOLED")
    with engine.begin() as connection:
        lock_collection(connection, ENG)

        # Both write rows that refer to the collection, and hold the host meanwhile.
        (answer,) = await store.report(report("pc-1", sessions=(session(1),)))
        way = await store.connect("bob@contoso.com")

    assert isinstance(answer, Answer)
    assert way.host.host_id == "pc-1"
    await store.database.close()


async def test_a_sign_in_that_a_report_ends_is_counted_out_once(
    postgresql: PostgresqlServer,
) -> None:
    """Only on PostgreSQL: SQLite has one writer at a time."""
    store = Store(postgresql.new(MIGRATIONS))
    engine = create_engine(store.url, poolclass=NullPool)
    await store.make("pc-1", type="POOLED")
    await store.connect("bob@contoso.com")
    await store.commit(lambda tx: add_hosts(tx, require_collection(tx, ENG), [NewHost("pc-2")], 1))
    await store.change_host("pc-1", new_connections=NewConnections.NO)
    with engine.begin() as reporting:
        reporting.execute(delete(tables.sign_ins))
        own = tables.hosts.c.host_key == "pc-1"
        reporting.execute(update(tables.hosts).where(own).values(sign_in_count=0))
        moving = asyncio.create_task(store.connect("bob@contoso.com"))
        await asyncio.to_thread(until_somebody_waits, engine)

    assert (await moving).host.host_id == "pc-2"
    assert [row.sign_in_count for row in await store.host_rows()] == [0, 1]
    await store.database.close()


async def test_who_reports_while_the_silent_are_looked_for_is_available_in_the_end(
    store: Store, other: Store
) -> None:
    await store.make(*pcs(ROUNDS))
    monitor = Monitor(other.database, clock_us=lambda: 0, logger=structlog.get_logger())
    now_us = 0
    for _ in range(ROUNDS):
        now_us += SILENT_US + 1
        reports = [report(host_id) for host_id in pcs(ROUNDS)]
        await asyncio.gather(
            store.report(*reports, now_us=now_us), monitor.step(now_us, since_us=-SILENT_US)
        )
    # What was marked while its report was on the way, the next report corrects.
    await store.report(*reports, now_us=now_us)

    rows = await store.hosts.list_page(ENG, Page(ROUNDS, None))
    assert {host.status for host in rows} == {Status.AVAILABLE}
    assert {one.claim_rank for one in await store.rows(tables.hosts)} == {0}


async def test_a_host_that_is_removed_while_it_reports_is_gone(store: Store, other: Store) -> None:
    await store.make(*pcs(ROUNDS))
    for host_id in pcs(ROUNDS):
        came = await asyncio.gather(
            store.remove_hosts(host_id),
            other.report(report(host_id, sessions=(session(1),))),
            return_exceptions=True,
        )
        assert reasons(came) == set()

    for table in (tables.hosts, tables.host_reports, tables.sessions):
        assert await store.rows(table) == []
