"""Which activities a list shows, in which order, and to whom."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Connection

from broker_service.diagnostics import store as questions
from broker_service.diagnostics.recorder import Recorder
from broker_service.diagnostics.rules import ActivityFilter, ActivityKind, Outcome, Seen
from broker_service.diagnostics.usecases import Diagnostics
from deskhold.chassis.paging import Page
from deskhold.errors import InvalidArgument
from tests.broker_service.plans import plans
from tests.broker_service.stores import DOMAINS, Store

HR, IT = "tenantGroups/contoso/tenants/hr", "tenantGroups/contoso/tenants/it"
LAB = f"{HR}/collections/lab"

# Of whom and where; request ids name them.
SEEN: dict[str, dict[str, Any]] = {
    "r1": {"name": LAB, "user": "alice@contoso.com", "actor": "user:admin@contoso.com"},
    "r2": {"name": f"{LAB}/hosts/PC-1", "actor": "user:alice@contoso.com"},
    "r3": {"name": f"{IT}/collections/lab", "actor": "user:alice@contoso.com"},
    "r4": {"name": HR, "code": "PERMISSION_DENIED", "actor": "user:bob@contoso.com"},
    "r5": {"name": f"{LAB}/appGroups/desktop", "kind": ActivityKind.CONNECTION, "host_id": "pc-2"},
    "r6": {"name": f"{HR}2/collections/lab", "kind": ActivityKind.REGISTRATION},
    "r7": {"name": "", "actor": "", "code": "UNAUTHENTICATED"},
    "r8": {"name": HR, "code": "NOT_FOUND"},
    "r9": {"name": LAB, "code": "UNAVAILABLE", "user": "nobody"},
}


def seen(number: int, request_id: str, **more: Any) -> Seen:
    values: dict[str, Any] = dict.fromkeys(Seen._fields, "") | {
        "kind": ActivityKind.MANAGEMENT,
        "method": "HostService/GetHost",
        "actor": "user:carol@contoso.com",
        "code": "OK",
        "revision": 0,
        "request_id": request_id,
        "started_us": number * 1000,
        "duration_us": 10,
    }
    return Seen(**values | more)


async def fill(store: Store) -> Diagnostics:
    rows = [
        seen(number, request_id, **more)
        for number, (request_id, more) in enumerate(SEEN.items(), 1)
    ]

    def work(connection: Connection) -> None:
        questions.insert_activities(connection, rows, DOMAINS)

    await store.database.write(work)
    return Diagnostics(store.database, Recorder(store.database, DOMAINS, CollectorRegistry()))


async def ids(diagnostics: Diagnostics, **wanted: Any) -> str:
    rows = await diagnostics.list_page(ActivityFilter(**wanted), Page(100, None))
    return " ".join(row.request_id for row in rows)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, "r9 r8 r7 r6 r5 r4 r3 r2 r1"),
        ({"tenant": HR}, "r9 r8 r5 r4 r2 r1"),
        ({"tenant": IT}, "r3"),
        ({"tenant": "tenantGroups/contoso/tenants/h"}, ""),
        ({"tenant": ""}, "r7"),
        ({"user_key": "alice@contoso.com"}, "r3 r2 r1"),
        ({"user_key": "alice@contoso.com", "tenant": HR}, "r2 r1"),
        ({"user_key": "nobody"}, ""),
        ({"collection": LAB}, "r9 r5 r2 r1"),
        ({"collection": LAB, "tenant": IT}, ""),
        ({"host_key": "pc-1"}, "r2"),
        ({"kind": ActivityKind.CONNECTION}, "r5"),
        ({"kind": ActivityKind.REGISTRATION}, "r6"),
        ({"outcome": Outcome.DENIED}, "r7 r4"),
        ({"outcome": Outcome.REFUSED}, "r8"),
        ({"outcome": Outcome.FAILED}, "r9"),
        ({"outcome": Outcome.SUCCEEDED, "tenant": HR}, "r5 r2 r1"),
        ({"start_us": 3000, "end_us": 5000}, "r4 r3"),
        ({"start_us": 3000, "end_us": 3000}, ""),
        ({"start_us": 8000}, "r9 r8"),
        ({"request_id": "r5"}, "r5"),
        ({"request_id": "r5", "tenant": IT}, ""),
    ],
    ids=str,
)
async def test_all_filters_that_are_set_must_fit(
    store: Store, wanted: dict[str, Any], expected: str
) -> None:
    assert await ids(await fill(store), **wanted) == expected


async def test_no_filter_shows_a_tenant_what_is_not_its_own(store: Store) -> None:
    diagnostics = await fill(store)
    whole = await diagnostics.list_page(ActivityFilter(), Page(100, None))
    values: dict[str, set[Any]] = {
        "user_key": {"alice@contoso.com", "carol@contoso.com"},
        "collection": {row.place.collection for row in whole},
        "host_key": {row.place.host_key for row in whole},
        "kind": set(ActivityKind),
        "outcome": set(Outcome),
        "start_us": {0},
        "end_us": {10**9},
        "request_id": set(SEEN),
    }
    assert {"tenant", *values} == {one.name for one in fields(ActivityFilter)}

    shown = [
        row
        for field, ones in values.items()
        for one in ones
        for row in await diagnostics.list_page(
            ActivityFilter(tenant=HR, **{field: one}), Page(100, None)
        )
    ]

    assert {row.place.tenant for row in shown} == {HR}


@pytest.mark.parametrize("wanted", [{}, {"user_key": "carol@contoso.com"}], ids=str)
async def test_pages_show_everything_once(store: Store, wanted: dict[str, Any]) -> None:
    diagnostics = await fill(store)
    found, after = [], None
    while True:
        rows = await diagnostics.list_page(ActivityFilter(**wanted), Page(2, after))
        found += [row.request_id for row in rows[:2]]
        if len(rows) <= 2:
            break
        after = str(rows[1].id)

    assert " ".join(found) == await ids(diagnostics, **wanted)


async def test_a_time_range_that_ends_before_it_begins_is_refused(store: Store) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await ids(await fill(store), start_us=2, end_us=1)

    assert caught.value.metadata == {"field": "end_time"}
    assert "give the later of the two" in caught.value.message


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ({"tenant": HR}, "activities_by_tenant"),
        ({"request_id": "17"}, "activities_by_request"),
        ({"user_key": "user17@contoso.com"}, "activities_by_user"),
        ({"user_key": "user17@contoso.com"}, "activities_by_actor"),
    ],
)
async def test_what_is_looked_for_is_found_by_an_index(
    store: Store, wanted: dict[str, Any], index: str
) -> None:
    rows = [
        seen(
            number,
            str(number),
            name=f"tenantGroups/g/tenants/t{number % 500}",
            user=f"user{number % 500}@contoso.com",
            actor=f"user:user{number % 500}@contoso.com",
        )
        for number in range(5000)
    ]

    def work(connection: Connection) -> list[str]:
        questions.insert_activities(connection, rows, DOMAINS)

        def ask() -> object:
            return questions.list_activities(connection, ActivityFilter(**wanted), Page(10, None))

        return plans(connection, ask, "FROM activities")

    found = await store.database.write(work)

    assert any(index in plan for plan in found), found
