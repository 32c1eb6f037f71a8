from __future__ import annotations

from typing import Any

import pytest

from broker_service.agents.rules import Known, compare, new_connections_after
from broker_service.hosts.rules import HealthCheck, NewConnections, Status, status_by
from broker_service.sessions.reported import SessionState, Sighting
from tests.broker_service.agents.reports import BROKEN, OK, SHAKY, report, session

YES, NO, REBOOT = NewConnections.YES, NewConnections.NO, NewConnections.NOT_UNTIL_REBOOT
AWAY = SessionState.DISCONNECTED


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ([], Status.AVAILABLE),
        ([OK], Status.AVAILABLE),
        ([OK, SHAKY], Status.NEEDS_ASSISTANCE),
        ([SHAKY, BROKEN, OK], Status.UNAVAILABLE),
    ],
    ids=str,
)
def test_the_worst_check_says_how_a_host_is(checks: list[HealthCheck], status: Status) -> None:
    assert status_by(checks) is status


@pytest.mark.parametrize(
    ("now", "drained_in", "reported", "after"),
    [
        (YES, "", "b1", (YES, "")),
        (NO, "", "b2", (NO, "")),
        (REBOOT, "b1", "b1", (REBOOT, "b1")),
        (REBOOT, "b1", "b2", (YES, "")),
        (REBOOT, "", "b1", (REBOOT, "b1")),
    ],
    ids=["open", "drained", "not started again", "started again", "first report"],
)
def test_a_drain_until_the_reboot_ends_with_another_boot_id(
    now: NewConnections, drained_in: str, reported: str, after: tuple[NewConnections, str]
) -> None:
    assert new_connections_after(now, drained_in, reported) == after


def known(*sessions: Sighting, disconnected_us: int | None = None) -> dict[int, Known]:
    return {one.session_id: Known(one, disconnected_us) for one in sessions}


def test_the_same_sessions_are_no_change() -> None:
    assert not compare(known(session(1), session(2)), [session(2), session(1)], 9)


def test_sessions_come_change_and_go() -> None:
    found = compare(known(session(1), session(2)), [session(2, client_name="thin"), session(3)], 9)

    assert [one.seen.session_id for one in found.new] == [3]
    assert [one.seen.session_id for one in found.changed] == [2]
    assert (found.gone, found.ended) == ((1,), (1,))


def test_who_only_did_not_type_is_no_change_but_is_written_down() -> None:
    found = compare(known(session(1)), [session(1, idle_us=7)], 9)

    assert not found
    assert [one.seen.idle_us for one in found.idle] == [7]


def test_the_first_report_of_a_disconnection_says_since_when() -> None:
    first = compare(known(session(1)), [session(1, state=AWAY)], 9)
    later = compare(
        known(session(1, state=AWAY), disconnected_us=9),
        [session(1, state=AWAY, client_name="x")],
        20,
    )
    back = compare(known(session(1, state=AWAY), disconnected_us=9), [session(1)], 20)

    assert [one.disconnected_us for one in first.changed] == [9]
    assert [one.disconnected_us for one in later.changed] == [9]
    assert [one.disconnected_us for one in back.changed] == [None]


@pytest.mark.parametrize(
    ("then", "is_another"),
    [
        (session(1, "bob@contoso.com", state=AWAY), True),
        (session(1, state=AWAY, created_us=600), True),
        (session(1, state=AWAY, created_us=None), False),
        (session(1, state=AWAY), False),
    ],
    ids=["other user", "began later", "nobody knows when it began", "the same"],
)
def test_a_number_that_is_used_again_is_another_session(then: Sighting, is_another: bool) -> None:
    before = known(session(1, state=AWAY, client_name="x"), disconnected_us=9)

    found = compare(before, [then], 20)

    assert [one.disconnected_us for one in found.changed] == [20 if is_another else 9]
    assert found.ended == ((1,) if is_another else ())


@pytest.mark.parametrize(
    ("twice", "field"),
    [
        ({"sessions": (session(1), session(2), session(1))}, "reports[4].sessions[2]"),
        ({"checks": (OK, OK)}, "reports[4].health_checks[1]"),
    ],
    ids=["session", "check"],
)
def test_what_is_said_twice_is_refused(twice: dict[str, Any], field: str) -> None:
    refusal = report(**twice).refusal("reports[4]")

    assert refusal is not None
    assert refusal.metadata == {"field": field}
    assert report().refusal("reports[4]") is None
