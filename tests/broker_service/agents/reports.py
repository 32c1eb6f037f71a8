"""Reports of agents, shortly."""

from __future__ import annotations

from typing import Any

from broker_service.agents.rules import HostReport
from broker_service.hosts.rules import CheckResult, HealthCheck
from broker_service.sessions.reported import SessionState, Sighting
from tests.broker_service.stores import DOMAINS

OK = HealthCheck("DomainJoined", CheckResult.SUCCEEDED)
SHAKY = HealthCheck("Clock", CheckResult.WARNING, "two seconds off")
BROKEN = HealthCheck("Listener", CheckResult.FAILED, "nobody listens")


def session(number: int, user: str = "alice@contoso.com", **more: Any) -> Sighting:
    state = more.pop("state", SessionState.ACTIVE)
    return Sighting(number, user, DOMAINS.user_key(user), state, **({"created_us": 500} | more))


def report(host_id: str = "pc-1", **more: Any) -> HostReport:
    users = more.pop("administrators", ())
    keys = tuple(sorted(map(DOMAINS.user_key, users)))
    return HostReport(
        host_id,
        **(
            {"boot_id": "boot-1", "agent_version": "1.0", "checks": (OK,)}
            | {"administrators": users, "administrator_keys": keys}
            | more
        ),
    )
