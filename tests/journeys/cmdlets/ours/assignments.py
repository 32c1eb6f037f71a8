"""Who holds which host: exchanged, moved, and looked up in the past."""

from __future__ import annotations

from tests.journeys.cmdlets.answers import Tells
from tests.journeys.cmdlets.assignments import (
    ALL,
    FIRST,
    HERE,
    SECOND,
    alice_and_bob_hold_one_each,
)
from tests.journeys.cmdlets.cases import Change, Refusal, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import OWNER


def the_first_host_passed_from_alice_to_carol(desk: Desk) -> dict[str, str]:
    """While she had it, bob had the second one, as he has now."""
    names = alice_and_bob_hold_one_each(desk)
    here = HERE.format_map(names)
    (alices,) = desk.client.list_assignment_periods(here, user=names["alice"])
    (bobs,) = desk.client.list_assignment_periods(here, user=names["bob"])
    desk.client.remove_assignment(here, user=names["alice"])
    desk.client.set_assignment(here, user=names["carol"], host_id=names["first"])
    return names | {
        "owner": OWNER,
        "alices_start": alices.start_time.ToJsonString(),
        "bobs_start": bobs.start_time.ToJsonString(),
    }


SWAPPED = [{**FIRST, "user": "{bob}"}, {**SECOND, "user": "{alice}"}]
ALICES = {
    "host_id": "{first}",
    "user": "{alice}",
    "start_time": "{alices_start}",
    "start_cause": "SET",
    "end_cause": "REMOVE",
    "ended_by": "user:{owner}",
}
BOBS = {"host_id": "{second}", "user": "{bob}", "start_time": "{bobs_start}", "end_cause": ""}
CAROLS = {"host_id": "{first}", "user": "{carol}", "end_cause": ""}
IN_MINE = "--collection {mine}"

TABLES = (
    Table(
        alice_and_bob_hold_one_each,
        {
            "assignment swap": (
                Change(f"{IN_MINE} {{first}} {{second}}", None, ALL, SWAPPED),
                Refusal(f"{IN_MINE} {{first}} {{free}}", None, "ASSIGNMENT_NOT_FOUND", ALL),
            ),
            "assignment move": (
                Change(
                    f"{IN_MINE} --host {{first}} --to {{free}}",
                    None,
                    ALL,
                    [SECOND, {"host": f"{HERE}/hosts/{{free}}", "user": "{alice}"}],
                ),
                Refusal(f"{IN_MINE} --host {{first}} --to {{second}}", None, "HOST_HELD", ALL),
            ),
        },
    ),
    Table(
        the_first_host_passed_from_alice_to_carol,
        {
            "assignment history": (
                Tells(IN_MINE, [CAROLS, BOBS, ALICES]),
                Tells(f"{IN_MINE} --host {{first}}", [CAROLS, ALICES]),
                Tells(f"{IN_MINE} --at {{bobs_start}}", [BOBS, ALICES]),
                Tells(f"{IN_MINE} --at {{alices_start}}", [ALICES]),
            ),
        },
    ),
)
