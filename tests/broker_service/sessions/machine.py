"""What the state machines of both kinds of collections have in common."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from sqlalchemy import Connection, delete, select, update

from broker_service import tables
from broker_service.history.rules import Author
from broker_service.hosts.rules import NewHost
from broker_service.hosts.store import reckon
from deskhold.errors import DeskholdError
from tests.broker_service.stores import AUTHOR, Store

USERS = [f"{name}@contoso.com" for name in ("anna", "ben", "carl")]
WORDS = ("assigned", "quarantined", "reserved", "draining", "unavailable", "full")
numbers = itertools.count(1)
users = st.sampled_from(USERS)
places = st.integers(0, 3)
Result = TypeVar("Result")


@dataclass
class Known:
    """A host as the model knows it."""

    key: str
    held_by: str = ""
    slot: int = 0
    since: int = 0
    new_connections: str = "YES"
    status: str = ""
    reserved_for: str = ""
    reserved_until: int = 0
    is_quarantined: bool = False
    administrators: list[str] = field(default_factory=list)
    weight: int = 100
    limit: int = 0
    sessions: dict[int, str] = field(default_factory=dict)
    number: int = field(default_factory=lambda: next(numbers))  # those added later have more

    @property
    def is_closed(self) -> bool:
        return self.new_connections != "YES" or self.status == "UNAVAILABLE"

    @property
    def rank(self) -> int:
        return 0 if self.status else 1

    @property
    def why(self) -> str:
        """Why nobody new can have it, in the words of the metadata."""
        reasons = (
            bool(self.held_by),
            self.is_quarantined,
            bool(self.reserved_for),
            self.new_connections != "YES",
            self.status == "UNAVAILABLE",
        )
        return next((word for word, so in zip(WORDS, reasons, strict=False) if so), "full")

    @property
    def refusal(self) -> str:
        return "HOST_DRAINING" if self.new_connections != "YES" else "HOST_UNAVAILABLE"

    def is_kept(self, now_us: int) -> bool:
        """Say whether it is reserved; a reservation whose time has come is over."""
        return bool(self.reserved_for) and self.reserved_until > now_us

    def session_of(self, user: str) -> int | None:
        return min((number for number, of in self.sessions.items() if of == user), default=None)


def _ids(connection: Connection, host: Known) -> list[int]:
    query = select(tables.hosts.c.id).where(tables.hosts.c.host_key == host.key)
    return list(connection.execute(query).scalars())


class Machine(RuleBasedStateMachine):
    """A collection of its own in the store, and the same in the model."""

    loop: asyncio.Runner
    store: Store
    type = "PERSONAL"

    def __init__(self) -> None:
        super().__init__()
        number = next(numbers)
        self.collection = f"tenantGroups/default/tenants/t{number}/collections/eng"
        self.hosts = [Known(f"{number}-{letter}") for letter in "abcd"]
        self.now_us = AUTHOR.now_us
        self.session_ids = itertools.count(1)
        self.make()
        self.lab = self.collection.replace("/eng", "/lab")
        self.away: list[Known] = []
        self.run(self.store.make(name=self.lab))

    @property
    def author(self) -> Author:
        return AUTHOR._replace(now_us=self.now_us)

    def at(self, place: int) -> Known:
        return self.hosts[place % len(self.hosts)]

    def make(self) -> None:
        raise NotImplementedError

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run(work)

    def change(self, host: Known, **values: Any) -> None:
        self.run(self.store.change_host(host.key, **values))

    def connected(self, user: str) -> tuple[Known | None, str, DeskholdError | None]:
        """Connect; return the host, the session and the refusal."""
        work = self.store.connect(user, name=self.collection, at_us=self.now_us)
        try:
            way = self.run(work)
        except DeskholdError as error:
            return None, "", error
        (host,) = (one for one in self.hosts if one.key == way.host.key)
        return host, way.session.rpartition("/")[2], None

    def counted(self) -> dict[str, str]:
        counts = Counter(one.why for one in self.hosts)
        told = {"collection": self.collection, "hosts": str(len(self.hosts)), "assigned": "0"}
        return told | {word: str(count) for word, count in counts.items()}

    @rule(place=places, state=st.sampled_from(["YES", "NO", "NOT_UNTIL_REBOOT"]))
    def drain(self, place: int, state: str) -> None:
        host = self.at(place)
        host.new_connections = state
        self.change(host, new_connections=state)

    @rule(
        place=places,
        status=st.sampled_from(["AVAILABLE", "NEEDS_ASSISTANCE", "UNAVAILABLE"]),
        administrators=st.sampled_from([[], *([user] for user in USERS)]),
    )
    def report(self, place: int, status: str, administrators: list[str]) -> None:
        host = self.at(place)
        if not host.status:
            self.run(self.store.say(host.key, status))
        host.status, host.administrators = status, administrators

        def work(connection: Connection) -> None:
            ids = _ids(connection, host)
            reports = tables.host_reports
            said = {"status": status, "administrators": json.dumps(administrators)}
            connection.execute(update(reports).where(reports.c.host.in_(ids)).values(said))
            reckon(connection, ids)

        self.run(self.store.commit(work))

    @rule(place=places)
    def make_anew(self, place: int) -> None:
        """Remove a host, whoever is there, and add one of the same name."""
        gone, hosts, commit = self.at(place), self.store.hosts, self.store.commit
        self.run(
            hosts.remove(self.collection, [gone.key], force=True, author=self.author, commit=commit)
        )
        self.run(hosts.add(self.collection, [NewHost(gone.key)], now_us=self.now_us, commit=commit))
        self.forget(gone)
        self.hosts[self.hosts.index(gone)] = Known(gone.key)

    def forget(self, host: Known) -> None:
        """Forget who was sent to a host that is no more."""

    def total(self, host: Known) -> int:
        return len(host.sessions)

    @rule(place=places)
    def lend(self, place: int) -> None:
        """Move a host to another collection, unless somebody has it, keeps it or is there."""
        host = self.at(place)
        obstacles = {
            "HOST_HELD": bool(host.held_by),
            "HOST_RESERVED": host.is_kept(self.now_us),
            "HOST_QUARANTINED": host.is_quarantined,
            "HOST_IN_USE": self.total(host) > 0,
        }
        if len(self.hosts) > 1 and self.moved(host, self.collection, self.lab, obstacles):
            host.reserved_for = ""
            self.hosts.remove(host)
            self.away.append(host)

    # No precondition: which host a user gets is random, and so is whether it can be lent.
    @rule()
    def take_back(self) -> None:
        if self.away:
            host = self.away.pop()
            assert self.moved(host, self.lab, self.collection, {})
            self.hosts.append(host)

    def moved(self, host: Known, here: str, there: str, obstacles: Mapping[str, bool]) -> bool:
        work = self.store.host_changes.move(
            here, [host.key], destination=there, now_us=self.now_us, commit=self.store.commit
        )
        return self.done(work, obstacles)

    def done(self, work: Coroutine[Any, Any, Any], obstacles: Mapping[str, bool]) -> bool:
        """Do something; it succeeds if nothing is in its way, else the refusal says what is."""
        reasons = {reason for reason, so in obstacles.items() if so}
        try:
            self.run(work)
        except DeskholdError as error:
            assert error.reason in reasons
            return False
        assert reasons == set()
        return True

    @rule(place=places, user=users)
    def sign_in(self, place: int, user: str) -> None:
        host, number = self.at(place), next(self.session_ids)
        host.sessions[number] = user
        self.run(self.store.sign_in(user, host.key, number))
        self.arrived(user)
        self.change(host, session_count=len(host.sessions))

    def arrived(self, user: str) -> None:
        """Forget that the user was sent anywhere."""

    @rule(place=places)
    def sign_out(self, place: int) -> None:
        host = self.at(place)
        host.sessions.clear()

        def work(connection: Connection) -> None:
            ids = _ids(connection, host)
            connection.execute(delete(tables.sessions).where(tables.sessions.c.host.in_(ids)))

        self.run(self.store.commit(work))
        self.change(host, session_count=0)
