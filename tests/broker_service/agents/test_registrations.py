"""What operators are told of hosts that report."""

from __future__ import annotations

from deskhold.api.broker.v1.agents_pb2 import HostReport
from deskhold.api.broker.v1.hosts_pb2 import HEALTH_CHECK_RESULT_FAILED, HealthCheck
from deskhold.client import Client
from tests.broker_service.pair import Eng

# What is out of order already, the monitor leaves alone while other tests look at the store.
BROKEN = [HealthCheck(check="Listener", result=HEALTH_CHECK_RESULT_FAILED)]


def report(owner: Client, eng: Eng, host_id: str, boot_id: str) -> None:
    one = HostReport(host_id=host_id, boot_id=boot_id, health_checks=BROKEN)
    owner.report_hosts(eng.name, [one])


def registrations(owner: Client, eng: Eng) -> list[tuple[str, str, str]]:
    """Return host, code and reason of every registration, the oldest first."""
    found = owner.list_activities(f"{eng.tenant}/diagnostics", kind="registration")
    return [(one.host_id, one.code, one.reason) for one in found][::-1]


def test_the_first_report_and_the_first_after_a_start_are_registrations(
    owner: Client, eng: Eng
) -> None:
    for boot_id in ("b1", "b1", "b2", "b2"):
        report(owner, eng, "pc-2", boot_id)

    assert registrations(owner, eng) == [("pc-2", "OK", "")] * 2


def test_a_host_that_reports_in_vain_is_told_of(owner: Client, eng: Eng) -> None:
    report(owner, eng, "pc-99", "b1")

    assert registrations(owner, eng) == [("pc-99", "NOT_FOUND", "HOST_NOT_FOUND")]
