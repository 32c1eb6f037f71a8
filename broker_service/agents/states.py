"""What the store knows of a host, and whether a report is news."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from broker_service.agents.rules import (
    HostReport,
    Known,
    SessionChanges,
    compare,
    new_connections_after,
)
from broker_service.hosts.rules import NewConnections
from broker_service.hosts.store import checks_text

# Status, boot id, version, checks, administrators and their keys, as the columns have them.
Stored = tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class HostState:
    """What the store knows of a host, as far as reports matter.

    Attributes:
        id: Its number.
        host_id: Its name on the network, as given.
        user: Who holds it; None: nobody.
        new_connections: Whether it takes new sessions.
        drained_boot_id: The start of the machine that is to be its last.
        session_count: How many sessions are known.
        sign_in_count: How many users are on their way to it.
        report: What was last reported; None: nothing yet.
        known: Its sessions, by their numbers.
    """

    id: int
    host_id: str
    user: str | None
    new_connections: NewConnections
    drained_boot_id: str
    session_count: int
    sign_in_count: int
    report: Stored | None
    known: Mapping[int, Known]

    def compared(self, report: HostReport, now_us: int) -> SessionChanges:
        """Return what a report changes in the host's sessions."""
        return compare(self.known, report.sessions, now_us)

    def drain(self, report: HostReport) -> tuple[NewConnections, str]:
        """Return whether the host takes new sessions, once it has reported."""
        return new_connections_after(self.new_connections, self.drained_boot_id, report.boot_id)


def is_news(state: HostState, report: HostReport, now_us: int) -> bool:
    """Say whether a report changes more than the time of the last one."""
    return bool(
        report.results
        or state.report != stored(report)
        or state.drain(report) != (state.new_connections, state.drained_boot_id)
        or state.compared(report, now_us)
        # Somebody is on the way, and may be who is there already.
        or (state.sign_in_count and report.sessions)
    )


def is_start(state: HostState, report: HostReport) -> bool:
    """Say whether a report is the first one, or the first one since the machine was started."""
    return state.report is None or _boot_id(state.report) != report.boot_id


def stored(report: HostReport) -> Stored:
    """Return what is kept of a report."""
    return (
        report.status.value,
        report.boot_id,
        report.agent_version,
        checks_text(report.checks),
        json.dumps(report.administrators),
        "\n".join(report.administrator_keys),
    )


def _boot_id(report: Stored) -> str:
    return report[1]
