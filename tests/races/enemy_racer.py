"""One of several processes that decide on one store, while all of them grant and revoke.

Whoever has revoked tells everybody, after the store acknowledged it; whoever is told asks at once.
No user is granted anything a second time, so from then on each ALLOW is a mistake.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deskhold.chassis.db import Database
from rbac_service.access.policy import FULL, Freshness, Policy
from rbac_service.access.rules import Question
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.tokens import Revision, Tokens
from rbac_service.access.usecases import Access
from tests.races.processes import COUNT
from tests.races.revoking import ACTION, WAYS, Writer, scope_of, user

_AN_HOUR = 3600.0
_KEY = b"0123456789abcdef"


class MinimizesLatency(Policy):
    """What the protection protects from: whatever is asked for, an hour old is new enough."""

    async def current(self, freshness: Freshness = FULL) -> Snapshot:
        return await super().current(Freshness(max_age_seconds=_AN_HOUR))


class IgnoresTokens(Policy):
    """As above, but only where a token says how new it must be."""

    async def current(self, freshness: Freshness = FULL) -> Snapshot:
        if freshness.at_least:
            freshness = freshness._replace(at_least=(), max_age_seconds=_AN_HOUR)
        return await super().current(freshness)


POLICIES: dict[str, type[Policy]] = {
    one.__name__: one for one in (Policy, MinimizesLatency, IgnoresTokens)
}


class Told:
    """A line of news to every process: a named pipe each, which nobody has to poll."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        os.mkfifo(folder / str(number))
        # Open for writing too, or it would end whenever nobody else has it open.
        self._pipe = os.open(folder / str(number), os.O_RDWR | os.O_NONBLOCK)
        self._others: list[int] = []

    async def open(self) -> asyncio.StreamReader:
        """Open everybody's, once all are made; return what one is told."""
        self._others = [os.open(self._folder / str(n), os.O_WRONLY) for n in range(COUNT)]
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        pipe = os.fdopen(self._pipe, "rb", buffering=0)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        return reader

    async def tell(self, *news: object) -> None:
        line = (json.dumps(news) + "\n").encode()  # short enough to be written in one piece
        for pipe in self._others:
            await asyncio.to_thread(os.write, pipe, line)


class Racer:
    """One process: its policy, its writer, and what it was answered."""

    def __init__(self, database: Database, policy: Policy, number: int) -> None:
        self._policy = policy
        self._number = number
        self._access = Access(policy, lambda: 1)
        self._tokens = Tokens(_KEY)
        self._writer = Writer(database)
        self.revisions: list[int] = []
        self.checks: Counter[str] = Counter()
        self.stale: list[Any] = []
        self.granted = 0

    async def grant(self, turn: int) -> None:
        way, who = WAYS[turn % len(WAYS)], user(self._number, turn)
        self.revisions.append((await way.grant(self._writer, who)).number)

    async def revoke(self, turn: int, told: Told) -> None:
        way, who = WAYS[turn % len(WAYS)], user(self._number, turn)
        revision = await way.revoke(self._writer, who)
        self.revisions.append(revision.number)
        await told.tell(who.id, self._tokens.make(revision.epoch, revision.number))

    async def see_the_first(self) -> None:
        """Load the policy, and see that everybody has what is to be taken away."""
        for number in range(COUNT):
            for turn in range(len(WAYS)):
                self.granted += (await self._decide(user(number, turn).id, FULL))[0]

    async def check(self, who: str, token: str) -> None:
        """Ask every way that must know of a revocation, at the same moment."""
        at_least = self._tokens.read(token)
        assert at_least is not None
        ways = {
            "fully consistent": FULL,
            "fully consistent since now": Freshness(since=time.monotonic()),
            "at least as fresh": Freshness(at_least=(at_least,)),
        }
        await asyncio.gather(*(self._expect_deny(who, at_least, *way) for way in ways.items()))

    async def _expect_deny(
        self, who: str, revoked: Revision, mode: str, freshness: Freshness
    ) -> None:
        if freshness.since < math.inf:
            # As on the wire, where layers lie between a question's arrival and its answer.
            await asyncio.to_thread(lambda: None)
        allowed, revision = await self._decide(who, freshness)
        self.checks[mode] += 1
        if allowed:
            self.stale.append([mode, who, revoked.number, revision])

    async def _decide(self, who: str, freshness: Freshness) -> tuple[bool, int]:
        question = Question((f"user:{who}",), ACTION, scope_of(who))
        (decision,) = await self._access.decide((question,), freshness)
        return decision.allowed, decision.revision


async def race(
    url: str, number: int, start: Callable[[], object], folder: str, policy: str, turns: str
) -> dict[str, Any]:
    """Grant, revoke, and ask about everybody's revocations; return what was seen."""
    database = Database(url)
    racer = Racer(database, (made := POLICIES[policy](database)), number)
    told = Told(Path(folder), number)
    for turn in range(len(WAYS)):
        await racer.grant(turn)
    start()
    news = await told.open()
    await racer.see_the_first()
    start()
    # It would repair what the control is to find, at a moment of its own.
    tail = asyncio.create_task(made.tail()) if policy == Policy.__name__ else None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_write(racer, told, int(turns)))
        await _listen(racer, news, tasks)
    if tail is not None:
        tail.cancel()
        await asyncio.gather(tail, return_exceptions=True)
    await database.close()
    return {
        "granted": racer.granted,
        "checks": racer.checks,
        "stale": racer.stale,
        "revisions": racer.revisions,
    }


async def _write(racer: Racer, told: Told, turns: int) -> None:
    async def one(way: int) -> None:
        for turn in range(way, turns * len(WAYS), len(WAYS)):
            if turn >= len(WAYS):
                await racer.grant(turn)
            await racer.revoke(turn, told)

    await asyncio.gather(*(one(way) for way in range(len(WAYS))))
    await told.tell()


async def _listen(racer: Racer, news: asyncio.StreamReader, tasks: asyncio.TaskGroup) -> None:
    done = 0
    while done < COUNT:
        line = json.loads(await news.readline())
        if line:
            tasks.create_task(racer.check(*line))
        else:
            done += 1
