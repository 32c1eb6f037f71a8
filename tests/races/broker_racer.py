"""One of several brokers that work on one store."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from broker_service.assignments.imports import Transfers
from broker_service.assignments.moves import Moves
from broker_service.assignments.reservations import Reservations
from broker_service.assignments.usecases import Assignments
from broker_service.collections import store
from broker_service.collections.rules import Collection
from broker_service.history.rules import Author
from broker_service.hosts.rules import NewHost
from broker_service.hosts.usecases import CollectionContents, Hosts
from broker_service.registration.store import claim_new, mark_deleted
from broker_service.sessions.routing import RoutingTokens
from broker_service.sessions.usecases import Sessions
from deskhold.chassis.db import Connection, Database
from deskhold.errors import DeskholdError
from deskhold.identities import Domains
from deskhold.names import parse

ENG = "tenantGroups/default/tenants/default/collections/eng"
DOMAINS = Domains.parse("CONTOSO=contoso.com")
TIMES = 20
# Later than every clock by which a reservation is judged in a race: none runs out.
LONG_US = 300 * 24 * 3600 * 1_000_000


class Broker:
    """One process's view of the store; every act returns the host it led to, or a reason."""

    def __init__(self, url: str, number: int) -> None:
        self.number = number
        self.dice = random.Random(number)
        self.database = Database(url)
        self.author = Author(f"user:admin{number}@contoso.com", "request", "d-1", 1_000_000)
        self.hosts = Hosts(self.database)
        self.assignments = Assignments(self.database, DOMAINS)
        self.moves = Moves(DOMAINS)
        self.reservations = Reservations(DOMAINS)
        self.transfers = Transfers(self.database, DOMAINS)
        self.sessions = Sessions(self.database, DOMAINS, RoutingTokens(b"the same for all brokers"))

    async def commit(self, work: Callable[[Connection], Any]) -> Any:
        return await self.database.write(work)

    async def eng(self) -> Collection:
        return await self.database.read(lambda tx: store.require_collection(tx, ENG))

    async def claim(self, collection: Collection, user: str) -> list[str]:
        way = await self.sessions.connect(parse(collection.name), user, self.author)
        return [user, way.host.key, "new" if way.is_new else "held"]

    async def set(self, user: str, host_id: str, *, force: bool = False) -> list[str]:
        await self.assignments.set(
            ENG,
            user=user,
            host_id=host_id,
            force=force,
            etag="",
            author=self.author,
            commit=self.commit,
        )
        return [user, host_id, "set"]

    async def remove(self, **who: str) -> list[str]:
        wanted = {"user": "", "host_id": "", "etag": ""} | who
        await self.assignments.remove(ENG, author=self.author, commit=self.commit, **wanted)
        return [*who.values(), "removed"]

    async def swap(self, host_id: str, other_host_id: str) -> list[str]:
        await self.moves.swap(
            ENG,
            host_id=host_id,
            other_host_id=other_host_id,
            etag="",
            other_etag="",
            author=self.author,
            commit=self.commit,
        )
        return [host_id, other_host_id, "swapped"]

    async def move(self, host_id: str, destination_host_id: str) -> list[str]:
        await self.moves.move(
            ENG,
            host_id=host_id,
            destination_host_id=destination_host_id,
            user="",
            etag="",
            author=self.author,
            commit=self.commit,
        )
        return [host_id, destination_host_id, "moved"]

    async def reserve(self, user: str, host_id: str) -> list[str]:
        await self.reservations.reserve(
            ENG,
            host_id=host_id,
            user=user,
            until_us=LONG_US,
            author=self.author,
            commit=self.commit,
        )
        return [user, host_id, "reserved"]

    async def import_file(self, content: str, *, replace: bool = False) -> list[str]:
        await self.transfers.import_file(
            ENG,
            content.encode(),
            replace=replace,
            validate_only=False,
            author=self.author,
            commit=self.commit,
        )
        return ["imported"]

    async def add_host(self, host_id: str) -> list[str]:
        await self.hosts.add(ENG, [NewHost(host_id)], now_us=1, commit=self.commit)
        return [host_id, "added"]

    async def remove_host(self, host_id: str, *, force: bool) -> list[str]:
        await self.hosts.remove(ENG, [host_id], force=force, author=self.author, commit=self.commit)
        return [host_id, "host removed"]

    async def delete(self) -> list[str]:
        def work(connection: Connection) -> None:
            gone = store.lock_collection(connection, ENG)
            CollectionContents().clear(connection, gone, self.author)
            store.delete_collection(connection, gone)
            mark_deleted(connection, ENG, 1)

        await self.commit(work)
        return ["deleted"]


Racer = TypeVar("Racer", bound=Broker)
Scenario = Callable[[Racer, Collection], Sequence[Awaitable[list[str]]]]


def rush(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Everybody signs in; two sign in everywhere."""
    users = [f"user{broker.number}-{turn}@contoso.com" for turn in range(TIMES)]
    users += ["alice@contoso.com", "bob@contoso.com"]
    broker.dice.shuffle(users)
    return [broker.claim(eng, user) for user in users]


def last_host(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    return [broker.claim(eng, f"user{broker.number}@contoso.com")]


def one_user(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """The same user comes in everywhere."""
    return [broker.claim(eng, "alice@contoso.com")]


def force(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Two hosts, and every broker moves the same three users between them."""
    users = [f"user{turn % 3}@contoso.com" for turn in range(TIMES)]
    return [broker.set(user, broker.dice.choice(("pc-1", "pc-2")), force=True) for user in users]


def assign_or_remove_host(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Half of the brokers assign hosts that the other half takes away."""
    hosts = [f"pc-{turn + 1}" for turn in range(TIMES)]
    broker.dice.shuffle(hosts)
    if broker.number % 2:
        return [broker.remove_host(host, force=bool(broker.number % 3)) for host in hosts]
    return [broker.set(f"user{broker.number}-{host}@contoso.com", host) for host in hosts]


def swap_or_remove(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Half of the brokers swap and move users whose assignments the other half ends."""
    hosts = [f"pc-{turn + 1}" for turn in range(TIMES)]
    broker.dice.shuffle(hosts)
    if broker.number % 2:
        return [broker.remove(host_id=host) for host in hosts]
    swap_or_move = (broker.swap, broker.move)
    return [broker.dice.choice(swap_or_move)(*pair) for pair in itertools.pairwise(hosts)]


def swap(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Everybody swaps the same few users."""
    hosts = [f"pc-{turn + 1}" for turn in range(4)]
    return [broker.swap(*broker.dice.sample(hosts, 2)) for _ in range(TIMES)]


def reserve_or_claim(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Half of the brokers reserve every host, for a user each; the other half's users sign in."""
    hosts = [f"pc-{turn + 1}" for turn in range(TIMES)]
    broker.dice.shuffle(hosts)
    if broker.number % 2:
        return [broker.reserve(f"kept{broker.number}@contoso.com", host) for host in hosts]
    return [
        broker.claim(eng, f"user{broker.number}-{turn}@contoso.com") for turn in range(TIMES // 4)
    ]


def everything(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    dice = broker.dice

    def act() -> Coroutine[Any, Any, list[str]]:
        host, other = (f"pc-{dice.randint(1, 12)}" for _ in range(2))
        user = f"user{dice.randint(1, 10)}@contoso.com"
        return dice.choice(
            (
                lambda: broker.set(user, host),
                lambda: broker.set(user, host, force=True),
                lambda: broker.remove(user=user),
                lambda: broker.remove(host_id=host),
                lambda: broker.claim(eng, user),
                lambda: broker.claim(eng, user),
                lambda: broker.swap(host, other),
                lambda: broker.move(host, other),
                lambda: broker.import_file(f"{host},{user}\n"),
                lambda: broker.import_file(f"{host},{user}\n", replace=True),
                lambda: broker.remove_host(host, force=True),
                lambda: broker.add_host(host),
                lambda: broker.add_host(host),
            )
        )()

    return [act() for _ in range(3 * TIMES)]


def until_deleted(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """Everybody uses the collection; one deletes it."""
    acts = list(everything(broker, eng))
    return [*acts[:10], broker.delete(), *acts[10:]] if broker.number == 0 else acts


def create(broker: Broker, eng: Collection) -> Sequence[Awaitable[list[str]]]:
    """All take the same new name."""
    name = parse(ENG.replace("/eng", "/new"))

    async def take() -> list[str]:
        is_claimed = await broker.database.write(
            lambda tx: claim_new(tx, name, f"claim-{broker.number}", 1)
        )
        return ["claimed" if is_claimed else "exists"]

    return [take()]


SCENARIOS: dict[str, Scenario[Broker]] = {
    one.__name__: one
    for one in (
        rush,
        last_host,
        one_user,
        force,
        assign_or_remove_host,
        swap_or_remove,
        swap,
        reserve_or_claim,
        everything,
        until_deleted,
        create,
    )
}


async def race(
    url: str, number: int, start: Callable[[], object], scenario: str
) -> list[list[str]]:
    """Do what the scenario says, all at once; return what each act led to."""
    return await let_loose(Broker(url, number), start, SCENARIOS[scenario])


async def let_loose(
    broker: Racer, start: Callable[[], object], scenario: Scenario[Racer]
) -> list[list[str]]:
    eng = await broker.eng()
    start()

    async def told(act: Awaitable[list[str]]) -> list[str]:
        try:
            return await act
        except DeskholdError as error:
            return [error.reason]
        except Exception as error:  # what would be INTERNAL
            return [f"{type(error).__name__}: {error}"]

    acts = scenario(broker, eng)
    outcomes = await asyncio.gather(*(told(act) for act in acts))
    await broker.database.close()
    return list(outcomes)
