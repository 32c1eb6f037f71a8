"""Agents report to many brokers at once, while hosts are drained, removed, assigned and claimed."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from sqlalchemy import select

from broker_service import tables
from broker_service.collections.rules import CollectionType
from tests.races.broker_racer import TIMES
from tests.races.processes import COUNT
from tests.races.race import Race, judge_holdings, reasons
from tests.races.report_racer import HOSTS, content

pytestmark = pytest.mark.slow

DONE = {"reported", "changed", "new", "held", "host removed", "added", "looked"}
# Hosts that can only be claimed: with those alone that may also be assigned, no claim at all may
# come in time to find one that is free.
FOR_CLAIMS = 2
LOST = {"HOST_NOT_FOUND", "NO_FREE_HOST"}
DONE_TO_PERSONAL = {"set", "removed"}
LOST_BY_PERSONAL = {
    *("HOST_HELD", "USER_LIMIT_REACHED", "ASSIGNMENT_NOT_FOUND"),
    *("HOST_DRAINING", "HOST_UNAVAILABLE"),
}


def test_whoever_reports_a_personal_host_its_row_agrees_with_what_was_reported(race: Race) -> None:
    race.make(len(HOSTS) + FOR_CLAIMS)

    counted = reasons(race.run("personal", racer="report_racer"))

    assert counted.total() == 3 * TIMES * COUNT
    assert set(counted) - DONE - LOST <= DONE_TO_PERSONAL | LOST_BY_PERSONAL
    assert counted.keys() >= DONE | DONE_TO_PERSONAL
    judge_holdings(race)
    judge_hosts(race)


def test_whoever_reports_a_pooled_host_its_load_agrees_with_who_is_there(race: Race) -> None:
    race.make(len(HOSTS), type=CollectionType.POOLED)

    counted = reasons(race.run("pooled", racer="report_racer"))

    assert counted.total() == 3 * TIMES * COUNT
    assert set(counted) <= DONE | LOST
    assert counted.keys() >= DONE - {"new"}
    judge_hosts(race)


def judge_hosts(race: Race) -> None:
    """What hosts carry for claims follows from the other rows, and those are of one report."""
    reports = {row.host: row for row in race.rows(select(tables.host_reports))}
    sessions: defaultdict[int, list[Any]] = defaultdict(list)
    for row in race.rows(select(tables.sessions)):
        sessions[row.host].append(row)
    sign_ins = Counter(row.host for row in race.rows(select(tables.sign_ins)))
    hosts = {row.id: row for row in race.rows(select(tables.hosts))}

    assert hosts.keys() >= reports.keys() | sessions.keys() | sign_ins.keys()
    assert reports, "nobody was there to the end who had reported"
    for number, host in hosts.items():
        report = reports.get(number)
        judge_report(host, report, sessions[number])
        judge_drain(host, report)
        present = len(sessions[number]) + sign_ins[number]
        assert (host.session_count, host.sign_in_count) == (
            len(sessions[number]),
            sign_ins[number],
        ), host.host_key
        assert host.load == present * 10_000 // host.relative_weight
        assert host.claim_rank == rank(host, report)


def rank(host: Any, report: Any) -> int | None:
    if host.new_connections != "YES" or host.quarantined_us or host.reserved_user_key:
        return None
    if report is None:
        return 1
    return None if report.status == "UNAVAILABLE" else 0


def judge_report(host: Any, report: Any, sessions: list[Any]) -> None:
    """The report and its sessions are of one report that an agent has made."""
    if report is None:
        assert sessions == []
        return
    said = content(host.host_key, report.agent_version)
    assert report.boot_id == said.boot_id
    # Whose agent was found silent is unavailable until it says something new.
    assert report.status in (said.status.value, "UNAVAILABLE")
    seen = {(one.session_id, one.user_key, one.state, one.client_name) for one in sessions}
    assert seen == {
        (one.session_id, one.user_key, one.state.value, one.client_name) for one in said.sessions
    }
    assert {one.collection_id for one in sessions} <= {host.collection_id}


def judge_drain(host: Any, report: Any) -> None:
    """A drain until the reboot is of the start that was reported last, or it had ended."""
    if host.new_connections == "NOT_UNTIL_REBOOT":
        assert host.drained_boot_id == (report.boot_id if report else "")
    else:
        assert host.drained_boot_id == ""
