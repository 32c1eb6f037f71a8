"""Hosts that are kept for somebody, and hosts that wait until they are clean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.journeys.cmdlets.cases import Change, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import TENANT

ALICE, BOB = "CONTOSO\\alice", "bob@contoso.com"


def a_collection_with_a_free_host(desk: Desk) -> dict[str, str]:
    """It assigns by itself, and what was held goes into quarantine."""
    host = desk.new("pc")
    made = desk.client.create_collection(
        TENANT,
        desk.new("eng"),
        type="personal",
        auto_assign_user=True,
        release_policy="quarantine",
        host_ids=[host],
    )
    mine = made.name.rpartition("/")[2]
    until = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    return {
        "name": made.name,
        "mine": mine,
        "host": host,
        "alice": ALICE,
        "bob": BOB,
        "until": until.isoformat().replace("+00:00", "Z"),
    }


def a_host_that_is_kept_for_alice(desk: Desk) -> dict[str, str]:
    names = a_collection_with_a_free_host(desk)
    until = datetime.fromisoformat(names["until"])
    desk.client.reserve_host(names["name"], host_id=names["host"], user=ALICE, until=until)
    return names


def a_host_in_quarantine(desk: Desk) -> dict[str, str]:
    names = a_collection_with_a_free_host(desk)
    desk.client.set_assignment(names["name"], user=ALICE, host_id=names["host"])
    desk.client.remove_assignment(names["name"], host_id=names["host"])
    return names


HOST = "--collection {mine} --host {host}"
RESERVE = f"{HOST} --user {{alice}} --until {{until}}"
SHOWN = "host show: --collection {mine} {host}"
BOB_CONNECTS = "connect: {mine} --user {bob} --what-if"
TO_IT = {"host": "{name}/hosts/{host}", "newly_assigned": True}
NO_HOST = "NO_FREE_HOST"

TABLES = (
    Table(
        a_collection_with_a_free_host,
        {
            "assignment reserve": (
                Change(
                    RESERVE,
                    None,
                    SHOWN,
                    {"reservation": {"user": "{alice}", "expire_time": "{until}"}},
                ),
                Change(RESERVE, None, BOB_CONNECTS, NO_HOST),
            ),
        },
    ),
    Table(
        a_host_that_is_kept_for_alice,
        {
            "assignment cancel-reservation": Change(f"{HOST} --yes", None, BOB_CONNECTS, TO_IT),
        },
    ),
    Table(
        a_host_in_quarantine,
        {
            "assignment confirm-release": Change(
                "--collection {mine} {host}", None, BOB_CONNECTS, TO_IT
            ),
        },
    ),
)
