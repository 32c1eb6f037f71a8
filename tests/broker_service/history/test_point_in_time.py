"""Whatever happens, history says of every time who held what then."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete

from broker_service import tables
from broker_service.history.rules import Author
from deskhold.errors import DeskholdError
from tests.broker_service.stores import AUTHOR, ENG, Store

pytestmark = pytest.mark.slow

HOSTS = ("pc-1", "pc-2", "pc-3", "pc-4")
USERS = ("alice@contoso.com", "bob@contoso.com", "carol@contoso.com")


@dataclass(frozen=True)
class Act:
    verb: str
    user: str
    host: str
    other: str


class Refused(Exception):
    """The model refuses it too."""


class Model:
    """Who holds which host, kept the plain way, in the order in which it began."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held: dict[str, str] = {}

    def perform(self, act: Act) -> None:
        """Do it as a whole, or raise and leave everything as it was."""
        held = dict(self.held)
        verbs: dict[str, Callable[[dict[str, str], Act], None]] = {
            "set": self._set,
            "force": self._force,
            "remove user": self._remove_user,
            "remove host": lambda held, act: _require(held.pop(act.host, "")),
            "remove and add host": self._remove_and_add,
            "swap": self._swap,
            "move": self._move,
            "import": self._set,
            "replace": self._replace,
        }
        verbs[act.verb](held, act)
        self.held = held

    def _set(self, held: dict[str, str], act: Act) -> None:
        if held.get(act.host) != act.user:
            _require(act.host not in held and self._count(held, act.user) < self.limit)
            held[act.host] = act.user

    def _force(self, held: dict[str, str], act: Act) -> None:
        if held.get(act.host) != act.user:
            held.pop(act.host, None)
            if self._count(held, act.user) == self.limit:
                del held[next(host for host in held if held[host] == act.user)]
            held[act.host] = act.user

    def _remove_user(self, held: dict[str, str], act: Act) -> None:
        gone = [host for host in held if held[host] == act.user]
        _require(gone)
        for host in gone:
            del held[host]

    def _remove_and_add(self, held: dict[str, str], act: Act) -> None:
        held.pop(act.host, None)

    def _swap(self, held: dict[str, str], act: Act) -> None:
        _require(act.host != act.other and act.host in held and act.other in held)
        if held[act.host] != held[act.other]:
            ours, theirs = held.pop(act.host), held.pop(act.other)
            held[act.host], held[act.other] = theirs, ours

    def _move(self, held: dict[str, str], act: Act) -> None:
        _require(act.host in held)
        if act.host != act.other:
            _require(act.other not in held)
            held[act.other] = held.pop(act.host)

    def _replace(self, held: dict[str, str], act: Act) -> None:
        stays = held.get(act.host) == act.user
        for host in list(held):
            if not (stays and host == act.host):
                del held[host]
        held[act.host] = act.user

    def _count(self, held: dict[str, str], user: str) -> int:
        return list(held.values()).count(user)


def _require(holds: object) -> None:
    if not holds:
        raise Refused


VERBS = (
    *("set", "force", "remove user", "remove host", "swap", "move", "import", "replace"),
    "remove and add host",
)
acts = st.lists(
    st.builds(
        Act,
        verb=st.sampled_from(VERBS),
        user=st.sampled_from(USERS),
        host=st.sampled_from(HOSTS),
        other=st.sampled_from(HOSTS),
    ),
    max_size=16,
)


async def perform(store: Store, act: Act, author: Author) -> None:
    if act.verb in ("set", "force"):
        await store.set(act.user, act.host, force=act.verb == "force", author=author)
    elif act.verb == "remove user":
        await store.remove(user=act.user, author=author)
    elif act.verb == "remove host":
        await store.remove(host_id=act.host, author=author)
    elif act.verb == "swap":
        await store.swap(act.host, act.other, author=author)
    elif act.verb == "move":
        await store.move(act.host, act.other, author=author)
    elif act.verb == "remove and add host":
        await store.hosts.remove(ENG, [act.host], force=True, author=author, commit=store.commit)
        await store.add_hosts(act.host)
    else:
        await store.transfers.import_file(
            ENG,
            f"{act.host},{act.user}\n".encode(),
            replace=act.verb == "replace",
            validate_only=False,
            author=author,
            commit=store.commit,
        )


async def is_refused(store: Store, act: Act, author: Author) -> bool:
    try:
        await perform(store, act, author)
    except DeskholdError:
        return True
    return False


def refuses(model: Model, act: Act) -> bool:
    try:
        model.perform(act)
    except Refused:
        return True
    return False


@pytest.fixture
def plain_store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    asyncio.run(opened.database.close())


def empty(connection: Connection) -> None:
    for table in (tables.app_groups, tables.hosts, tables.history, tables.collections):
        connection.execute(delete(table))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=acts, limit=st.integers(1, 2))
def test_at_every_time_the_periods_are_what_the_model_held_then(
    plain_store: Store, acts: list[Act], limit: int
) -> None:
    store, model = plain_store, Model(limit)

    async def told() -> None:
        await store.commit(empty)
        await store.make(*HOSTS, max_desktops_per_user=limit)
        then = [dict(model.held)]
        for number, act in enumerate(acts, start=1):
            author = AUTHOR._replace(now_us=10 * number)
            assert await is_refused(store, act, author) == refuses(model, act), act
            assert await store.holdings() == model.held, act
            then.append(dict(model.held))

        for number, held in enumerate(then):
            for moment in (10 * number, 10 * number + 9):
                found = await store.list_periods(at_us=moment)
                assert sorted((one.host_id, one.user) for one in found) == sorted(held.items())
        await every_end_closes_one_period(store, open_=len(model.held))

    asyncio.run(told())


async def every_end_closes_one_period(store: Store, *, open_: int) -> None:
    rows, periods = await store.history(), await store.list_periods()
    assert len(periods) == sum(row.event == "ASSIGNED" for row in rows)
    closed = [one for one in periods if one.end is not None]
    assert len(closed) == sum(row.event == "REMOVED" for row in rows)
    assert len(periods) - len(closed) == open_
    # On one host a period begins where another has ended, or later.
    for host in HOSTS:
        mine = [one for one in reversed(periods) if one.host_id == host]
        for one, following in itertools.pairwise(mine):
            assert one.end is not None
            assert one.end.time_us <= following.start.time_us
