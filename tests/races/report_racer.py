"""One of several brokers to which agents report, while others change the same hosts."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog

from broker_service.agents.monitor import Monitor
from broker_service.agents.rules import SILENT_US, HostReport
from broker_service.agents.usecases import Agents
from broker_service.collections.rules import Collection
from broker_service.hosts.changing import ChangeHosts
from broker_service.hosts.rules import CheckResult, HealthCheck, NewConnections
from broker_service.hosts.settings import HostChanges
from broker_service.sessions.reported import SessionState, Sighting
from broker_service.sessions.rules import SIGN_IN_US
from deskhold.errors import DeskholdError
from tests.races.broker_racer import ENG, TIMES, Broker, Scenario, let_loose

HOSTS = [f"pc-{number}" for number in range(1, 7)]
USERS = [f"user{number}@contoso.com" for number in range(1, 9)]
# What a racer tells is on its standard output.
_LOGGER = structlog.wrap_logger(structlog.PrintLogger(sys.stderr))
# So few that a broker makes many transactions of what it does, instead of one.
AT_ONCE = 3
TAGS = [f"tag-{number}" for number in range(5)]


def content(host_id: str, tag: str) -> HostReport:
    """Return the one report of a host that has a tag: repeated, it says nothing new.

    The tag is the agent's version and every session's client, so that what is stored says from
    which report it is.
    """
    dice = random.Random(f"{host_id} {tag}")
    sessions = [
        Sighting(number, user, user, dice.choice(list(SessionState)), created_us=1, client_name=tag)
        for number, user in enumerate(dice.sample(USERS, dice.randint(0, 3)), start=1)
    ]
    return HostReport(
        host_id,
        boot_id=dice.choice(("boot-1", "boot-2")),
        agent_version=tag,
        checks=(HealthCheck("Listener", dice.choice(list(CheckResult))),),
        sessions=tuple(sessions),
    )


class Reporter(Broker):
    """A broker with agents."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(url, number)
        self.agents = Agents(self.database)
        self.host_changes = ChangeHosts()
        self.monitor = Monitor(self.database, clock_us=lambda: 0, logger=_LOGGER)

    async def report(self, host_ids: Sequence[str]) -> list[str]:
        """Report some hosts; the first refusal is what it led to."""
        reports = [content(host_id, self.dice.choice(TAGS)) for host_id in host_ids]
        now_us = self.author.now_us
        for answer in await self.agents.report(ENG, reports, now_us=now_us):
            if isinstance(answer, DeskholdError):
                raise answer
        return [*host_ids, "reported"]

    async def change(self, host_ids: Sequence[str], **values: Any) -> list[str]:
        await self.host_changes.update_many(
            ENG, host_ids, HostChanges.of(values), now_us=1, commit=self.commit
        )
        return [*host_ids, "changed"]

    async def look(self) -> list[str]:
        """Find every agent silent, and every sign-in too old."""
        late_us = self.author.now_us + max(SILENT_US, SIGN_IN_US) + 1
        await self.monitor.step(late_us, since_us=0)
        return ["looked"]


Act = Callable[[], Coroutine[Any, Any, list[str]]]


def personal(broker: Reporter, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Agents report to half of the brokers; at the others hosts change, and change hands."""

    def act(host: str, user: str) -> Act:
        return broker.dice.choice(
            (
                lambda: broker.set(user, host),
                lambda: broker.set(user, host, force=True),
                lambda: broker.remove(host_id=host),
                *changes(broker, host),
            )
        )

    return parted(broker, eng, act)


def pooled(broker: Reporter, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Agents report to half of the brokers; at the others hosts change, and users come."""
    return parted(broker, eng, lambda host, user: broker.dice.choice(changes(broker, host)))


def changes(broker: Reporter, host: str) -> list[Act]:
    few = broker.dice.sample(HOSTS, 3)
    takes = broker.dice.choice(list(NewConnections))
    weight = broker.dice.choice((50, 100))
    return [
        lambda: broker.change(few, new_connections=takes),
        lambda: broker.change([host], new_connections=NewConnections.YES),
        lambda: broker.change([host], relative_weight=weight),
        # Not the first ones, so that the race does not end with hosts that were only just added.
        lambda: broker.remove_host(broker.dice.choice(HOSTS[3:]), force=True),
        *(lambda: broker.add_host(host),) * 2,
        broker.look,
    ]


def parted(
    broker: Reporter, eng: Collection, change: Callable[[str, str], Act]
) -> Sequence[Awaitable[list[str]]]:
    """Let brokers do one thing each: a transaction that does all is alone with the collection."""
    dice = broker.dice
    turns = asyncio.Semaphore(AT_ONCE)

    async def take_turn() -> list[str]:
        host, user = dice.choice(HOSTS), dice.choice(USERS)
        async with turns:
            if broker.number % 2:
                return await broker.report(dice.sample(HOSTS, 3))
            if broker.number % 4:
                return await broker.claim(eng, user)
            return await change(host, user)()

    return [take_turn() for _ in range(3 * TIMES)]


SCENARIOS: dict[str, Scenario[Reporter]] = {one.__name__: one for one in (personal, pooled)}


async def race(
    url: str, number: int, start: Callable[[], object], scenario: str
) -> list[list[str]]:
    """Do what the scenario says, all at once; return what each act led to."""
    return await let_loose(Reporter(url, number), start, SCENARIOS[scenario])
