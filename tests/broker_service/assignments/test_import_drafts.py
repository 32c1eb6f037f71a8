"""Imports beside other work: planned outside of the writing transaction, applied if still true."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from broker_service.assignments import imports
from broker_service.assignments.files import FileRow
from broker_service.assignments.plan import Plan, Planner
from deskhold.errors import Aborted, InvalidArgument
from tests.broker_service.stores import AUTHOR, ENG, TENANT, Store

SALES = f"{TENANT}/collections/sales"
FILE = b"DesktopName,User\npc-1,alice@contoso.com\npc-2,bob@contoso.com\n"


class Planning:
    """Stops imports where they are planned."""

    def __init__(self) -> None:
        self.count = 0
        self._began, self._goes_on = threading.Event(), threading.Event()

    def stop_here(self) -> None:
        self.count += 1
        self._began.set()
        self._goes_on.wait()

    async def reached(self) -> None:
        await asyncio.to_thread(self._began.wait)

    def go_on(self) -> None:
        self._goes_on.set()


@pytest.fixture
def planning(monkeypatch: pytest.MonkeyPatch) -> Planning:
    made = Planning()

    class Stopping(Planner):
        def plan(self, rows: Sequence[FileRow]) -> Plan:
            plan = super().plan(rows)
            made.stop_here()
            return plan

    monkeypatch.setattr(imports, "Planner", Stopping)
    return made


async def holder(store: Store, host_id: str) -> str:
    hold = (await store.host(host_id)).hold
    return "" if hold is None else hold.user


async def test_while_an_import_is_planned_others_sign_in(store: Store, planning: Planning) -> None:
    await store.make("pc-1", "pc-2")
    await store.make("fs-1", name=SALES, auto_assign_user=True)
    importing = asyncio.create_task(store.import_file(FILE))
    await planning.reached()

    assert (await store.connect("carol@contoso.com", name=SALES)).host.host_id == "fs-1"

    planning.go_on()
    await importing
    assert planning.count == 1
    assert await holder(store, "pc-2") == "bob@contoso.com"


async def test_a_tried_import_writes_nothing_and_waits_for_no_writer(
    store: Store, planning: Planning
) -> None:
    async def dry(work: Any) -> Any:
        return await store.database.write(work, dry=True)

    await store.make("pc-1", "pc-2", "pc-3", auto_assign_user=True)
    trying = asyncio.create_task(
        store.transfers.import_file(
            ENG, FILE, replace=False, validate_only=True, author=AUTHOR, commit=dry
        )
    )
    await planning.reached()

    await store.set("carol@contoso.com", "pc-3")

    planning.go_on()
    plan = await trying
    assert [host.host_id for host, _ in plan.assign] == ["pc-1", "pc-2"]
    assert await holder(store, "pc-1") == ""


async def test_what_changed_while_an_import_was_planned_is_not_overwritten(
    store: Store, planning: Planning
) -> None:
    await store.make("pc-1", "pc-2")
    importing = asyncio.create_task(store.import_file(FILE))
    await planning.reached()
    await store.set("carol@contoso.com", "pc-2")
    planning.go_on()

    with pytest.raises(InvalidArgument, match="nothing was written") as refused:
        await importing

    assert refused.value.reason == "IMPORT_REJECTED"
    assert planning.count == 2
    assert await holder(store, "pc-1") == ""
    assert await holder(store, "pc-2") == "carol@contoso.com"


async def test_a_user_of_the_file_who_got_a_host_meanwhile_is_judged_again(
    store: Store, planning: Planning
) -> None:
    await store.make("pc-1", "pc-2", "pc-3")
    importing = asyncio.create_task(store.import_file(FILE))
    await planning.reached()
    await store.set("alice@contoso.com", "pc-3")
    planning.go_on()

    with pytest.raises(InvalidArgument) as refused:
        await importing

    assert refused.value.reason == "IMPORT_REJECTED"
    assert await holder(store, "pc-1") == ""


async def test_other_users_and_hosts_of_the_collection_do_not_count(
    store: Store, planning: Planning
) -> None:
    await store.make("pc-1", "pc-2", "pc-3")
    importing = asyncio.create_task(store.import_file(FILE))
    await planning.reached()
    await store.set("carol@contoso.com", "pc-3")
    planning.go_on()
    await importing

    assert planning.count == 1
    assert await holder(store, "pc-1") == "alice@contoso.com"


async def test_a_replacing_import_rests_on_every_host(store: Store, planning: Planning) -> None:
    await store.make("pc-1", "pc-2", "pc-3")
    importing = asyncio.create_task(store.import_file(FILE, replace=True))
    await planning.reached()
    await store.set("carol@contoso.com", "pc-3")
    planning.go_on()
    await importing

    assert planning.count == 2
    assert await holder(store, "pc-3") == ""


async def test_an_import_that_is_always_too_late_changes_nothing_and_says_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.make("pc-1", "pc-2")
    monkeypatch.setattr(imports._Draft, "_is_stale", lambda *_: True)

    with pytest.raises(Aborted, match="nothing was changed"):
        await store.import_file(FILE)

    assert await holder(store, "pc-1") == ""
