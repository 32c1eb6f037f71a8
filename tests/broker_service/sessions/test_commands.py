"""Seeing sessions and commanding them, on a store of their own."""

from __future__ import annotations

from typing import Any

import pytest

from broker_service import tables
from broker_service.sessions.records import Filter, list_sessions
from broker_service.sessions.reported import (
    CommandKind,
    CommandState,
    Session,
    SessionClaim,
    SessionState,
)
from deskhold.chassis.paging import Page
from deskhold.errors import (
    DeskholdError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from deskhold.names import parse
from tests.broker_service.agents.reports import BROKEN, report, session
from tests.broker_service.plans import plans
from tests.broker_service.sessions.telling import tell
from tests.broker_service.stores import ENG, TENANT, Store, pcs

LAB = f"{TENANT}/collections/lab"
ALICE, BOB = "alice@contoso.com", "bob@contoso.com"


async def listed(
    store: Store, parent: str = ENG, page: Page | None = None, **more: Any
) -> list[str]:
    rows = await store.commands.list_page(parse(parent), Page(100, None), **more)
    return [one.name.partition("/collections/")[2] for one in rows]


async def mixed(store: Store) -> None:
    await store.make("pc-2", "PC-10", "pc-3")
    await store.make("lab-1", name=LAB, type="POOLED")
    away = SessionState.DISCONNECTED
    await store.report(
        report("pc-2", sessions=(session(10), session(9, "CONTOSO\\bob", state=away))),
        report("pc-10", sessions=(session(1),)),
    )
    await store.report(report("lab-1", sessions=(session(4, BOB),)), collection=LAB)


@pytest.mark.parametrize(
    ("parent", "more", "found"),
    [
        (ENG, {}, ["PC-10/1", "pc-2/9", "pc-2/10"]),
        (LAB, {}, ["lab-1/4"]),
        (TENANT, {}, ["lab-1/4", "PC-10/1", "pc-2/9", "pc-2/10"]),
        (ENG, {"host_id": "PC-2"}, ["pc-2/9", "pc-2/10"]),
        (ENG, {"host_id": "pc-3"}, []),
        (ENG, {"user": "CONTOSO\\alice"}, ["PC-10/1", "pc-2/10"]),
        (TENANT, {"user": "BOB@contoso.com"}, ["lab-1/4", "pc-2/9"]),
        (ENG, {"states": [SessionState.DISCONNECTED, SessionState.DOWN]}, ["pc-2/9"]),
        (ENG, {"host_id": "pc-2", "user": ALICE, "states": [SessionState.ACTIVE]}, ["pc-2/10"]),
        ("tenantGroups/default/tenants/other", {}, []),
    ],
    ids=str,
)
async def test_sessions_are_listed_by_host_and_number(
    store: Store, parent: str, more: dict[str, Any], found: list[str]
) -> None:
    await mixed(store)

    names = await listed(store, parent, **more)

    assert [name.partition("/hosts/")[2].replace("sessions/", "") for name in names] == found


@pytest.mark.parametrize("parent", [ENG, TENANT])
async def test_pages_of_sessions_follow_each_other(store: Store, parent: str) -> None:
    await store.make(*pcs(3))
    await store.report(*(report(pc, sessions=tuple(map(session, range(5)))) for pc in pcs(3)))

    found: list[Session] = []
    after = None
    while True:
        rows = await store.commands.list_page(parse(parent), Page(4, after))
        found += rows[:4]
        if len(rows) <= 4:
            break
        after = found[-1].page_key

    assert [(one.host_key, one.seen.session_id) for one in found] == [
        (pc, number) for pc in pcs(3) for number in range(5)
    ]


async def test_a_page_of_a_tenants_sessions_is_read_from_indexes(store: Store) -> None:
    await store.make(*pcs(200))
    await store.report(*(report(pc, sessions=(session(1),)) for pc in pcs(200)))

    (found, *_) = await store.database.read(
        lambda tx: plans(
            tx,
            lambda: list_sessions(tx, TENANT, Filter(user_key=ALICE), Page(10, None)),
            "ORDER BY hosts.host_key",
        )
    )

    assert "scan sessions" not in found
    assert "seq scan on hosts" not in found or "postgresql" in store.url


@pytest.mark.parametrize(
    ("kind", "holder", "claim"),
    [
        ("POOLED", None, SessionClaim.POOLED),
        ("PERSONAL", None, SessionClaim.UNASSIGNED_HOST),
        ("PERSONAL", "CONTOSO\\Alice", SessionClaim.ASSIGNED_USER),
        ("PERSONAL", BOB, SessionClaim.OTHER_USER),
    ],
)
async def test_a_session_says_how_its_user_stands_to_the_host(
    store: Store, kind: str, holder: str | None, claim: SessionClaim
) -> None:
    await store.make("pc-1", type=kind)
    if holder:
        await store.set(holder, "pc-1")
    await store.report(report(sessions=(session(3, ALICE),)))

    found = await store.commands.get(parse(f"{ENG}/hosts/pc-1/sessions/3"))

    assert found.claim is claim
    assert await listed(store) == ["eng/hosts/pc-1/sessions/3"]


async def test_a_session_was_last_reported_when_its_host_was(store: Store) -> None:
    await store.make("pc-1")
    for now_us in (1_000, 2_000):
        await store.report(report(sessions=(session(3),)), now_us=now_us)

    found = await store.commands.get(parse(f"{ENG}/hosts/PC-1/sessions/3"))

    assert (found.reported_us, found.seen) == (2_000, session(3))


@pytest.mark.parametrize("number", ["2", "x", "99999999999999999999", "1.0", "01a"])
async def test_a_session_that_no_host_reports_is_not_found(store: Store, number: str) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1),)))
    name = f"{ENG}/hosts/pc-1/sessions/{number}"

    for attempt in (store.commands.get(parse(name)), tell(store, name)):
        with pytest.raises(NotFound, match="session list") as caught:
            await attempt
        assert caught.value.reason == "SESSION_NOT_FOUND"
        assert caught.value.metadata == {"session": name}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (f"{LAB}/hosts/pc-1/sessions/1", "COLLECTION_NOT_FOUND"),
        (f"{ENG}/hosts/pc-9/sessions/1", "HOST_NOT_FOUND"),
    ],
)
async def test_sessions_lie_on_hosts_that_are_there(store: Store, name: str, reason: str) -> None:
    await store.make("pc-1")

    for attempt in (store.commands.get(parse(name)), tell(store, name)):
        with pytest.raises(NotFound) as caught:
            await attempt
        assert caught.value.reason == reason


async def test_lists_need_a_collection_and_a_host_that_are_there(store: Store) -> None:
    await store.make("pc-1")
    attempts: list[tuple[Any, str]] = [
        (listed(store, LAB), "COLLECTION_NOT_FOUND"),
        (listed(store, host_id="pc-9"), "HOST_NOT_FOUND"),
        (listed(store, user="nobody"), "FIELD_VIOLATION"),
        (listed(store, TENANT, host_id="pc-1"), "FIELD_VIOLATION"),
    ]

    for attempt, reason in attempts:
        with pytest.raises(DeskholdError) as caught:
            await attempt
        assert caught.value.reason == reason
    assert isinstance(caught.value, InvalidArgument)
    assert caught.value.metadata == {"field": "host_id"}


async def test_a_command_waits_for_the_next_report(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1),)))

    told = await tell(store, f"{ENG}/hosts/PC-1/sessions/1", CommandKind.MESSAGE)
    (answer,) = await store.report(report(sessions=(session(1),)), now_us=3_000)

    assert (told.state, told.session) == (CommandState.PENDING, f"{ENG}/hosts/pc-1/sessions/1")
    assert (told.title, told.body, told.created_us) == ("Tonight", "We update at ten.", 2_000)
    assert await store.commands.get_command(parse(told.name)) == told
    assert list(answer.commands) == [told]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", CommandKind)
@pytest.mark.parametrize("status", ["UNMONITORED", "UNAVAILABLE"])
async def test_where_no_agent_listens_nothing_is_commanded(
    store: Store, kind: CommandKind, status: str
) -> None:
    await store.make("pc-1")
    if status == "UNAVAILABLE":
        await store.report(report(checks=(BROKEN,), sessions=(session(1),)))

    with pytest.raises(FailedPrecondition, match="host show") as caught:
        await tell(store, f"{ENG}/hosts/pc-1/sessions/1", kind)

    assert caught.value.reason == "HOST_UNAVAILABLE"
    assert caught.value.metadata == {"host": "pc-1", "status": status}
    assert await store.rows(tables.session_commands) == []


async def test_a_command_is_of_the_host_it_was_given_to(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.report(report(sessions=(session(1),)))
    told = await tell(store, f"{ENG}/hosts/pc-1/sessions/1")
    elsewhere = f"{ENG}/hosts/pc-2/commands/{told.command_id}"

    with pytest.raises(NotFound) as caught:
        await store.commands.get_command(parse(elsewhere))

    assert caught.value.reason == "COMMAND_NOT_FOUND"
    assert caught.value.metadata == {"command": elsewhere}
