"""Many reports at once: each is judged by itself, and none takes another back."""

from __future__ import annotations

import asyncio

import pytest

from broker_service import tables
from broker_service.agents.rules import Answer
from deskhold.errors import InvalidArgument, NotFound
from tests.broker_service.agents.reports import report, session
from tests.broker_service.agents.stored import row
from tests.broker_service.stores import ENG, TENANT, Store, pcs

ALICE, BOB = "alice@contoso.com", "bob@contoso.com"


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
