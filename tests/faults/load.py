"""Several callers at once, and a record of everything that was acknowledged to them.

Each caller works on hosts, users and names that no other caller touches, and goes on to new ones
after an error: so the record says of each what must be there, or that both may be.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from deskhold import errors
from deskhold.api.broker.v1.sessions_pb2 import ConnectResponse
from deskhold.client import AsyncClient
from deskhold.client.broker import collections, hosts
from deskhold.client.calls import Call
from deskhold.identities import Principal, PrincipalKind
from tests.journeys.pair import TENANT, Pair

Answer = TypeVar("Answer", bound=Message)

STRANGER: Final = "stranger@contoso.com"
GUEST: Final = "guest@contoso.com"
ROLE: Final = "RDS User"

# What callers do; each must be acknowledged again before a fault counts as over.
KINDS: Final = ("claim", "set", "remove", "import", "grant", "revoke")

# What a service may answer when it, its database or rbac is away; anything else is wrong.
_REFUSALS: Final = (
    errors.Unavailable,
    errors.DeadlineExceeded,
    errors.ResourceExhausted,
    errors.Aborted,
)
# So many are added at a time, and so many are free for claims at the least.
_HOSTS: Final = 500
_IMPORTED_ROWS: Final = 5
_PAUSE_SECONDS: Final = 0.03
_BACK_OFF_SECONDS: Final = 0.2
_LONGEST_OUTAGE_SECONDS: Final = 180.0


@dataclass(frozen=True)
class Places:
    """The collections that one load works in; each load has its own.

    Attributes:
        prefix: Their ids and those of their hosts begin so.
    """

    prefix: str

    @property
    def claims(self) -> str:
        """Where users claim hosts."""
        return self._name("claims")

    @property
    def sets(self) -> str:
        """Where assignments are set and removed, and where roles are given."""
        return self._name("sets")

    @property
    def imports(self) -> str:
        """Where files are imported."""
        return self._name("imports")

    @property
    def guests(self) -> str:
        """Where a guest may connect and then may not."""
        return self._name("guests")

    def _name(self, collection_id: str) -> str:
        return f"{TENANT}/collections/{self.prefix}-{collection_id}"


@dataclass
class Record:
    """What the callers were told.

    Attributes:
        claims: By user, the host that a claim gave them.
        hosts: By host, the users who may hold it; None stands for nobody. One value: acknowledged.
        imports: The rows of each file by host, and whether the import was acknowledged.
        grants: By user, whether the role may be there; one value: acknowledged.
        answers: How often each refusal came, by code and reason.
        acknowledged: How many mutations were.
        unauthorized: What was done without the right to.
        internal: Answers of INTERNAL or UNKNOWN.
        wrong: Answers that no fault explains.
        lost: Acknowledged changes that a later answer contradicts.
    """

    claims: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, set[str | None]] = field(default_factory=dict)
    imports: list[tuple[dict[str, str], bool]] = field(default_factory=list)
    grants: dict[str, set[bool]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    unauthorized: list[str] = field(default_factory=list)
    internal: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


class Load:
    """The callers.

    Args:
        pair: The services.
        places: Where they work.
        check: Raises when it is vain to wait for an answer, because a process has ended.

    Attributes:
        record: What they were told so far.
        places: Where they work.
    """

    def __init__(self, pair: Pair, places: Places, check: Callable[[], None]) -> None:
        self.record = Record()
        self.places = places
        self._pair = pair
        self._check = check
        self._numbers = itertools.count(1)
        self._claimable = 0
        self._tasks: list[asyncio.Task[None]] = []
        # When the latest acknowledged call of each kind was begun.
        self._begun: dict[str, float] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Prepare collections, let the callers work until the block ends; each has begun."""
        async with AsyncExitStack() as stack:
            owners = [await stack.enter_async_context(self._pair.client()) for _ in range(4)]
            guest = await stack.enter_async_context(self._pair.client(GUEST))
            stranger = await stack.enter_async_context(self._pair.client(STRANGER))
            await _prepare(owners[0], self.places)
            await self.supply(owners[0], _HOSTS)
            callers = [
                *(self._claim(owner) for owner in owners),
                *(self._set_and_remove(owner) for owner in owners),
                self._import(owners[0]),
                self._supply(owners[1]),
                self._grant(owners[1]),
                self._grant(owners[2]),
                self._revoke(owners[3], guest),
                self._trespass(stranger),
            ]
            self._tasks = tasks = [asyncio.create_task(caller) for caller in callers]
            try:
                await self.answers()
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def answers(self) -> float:
        """Wait until a call of each kind that began after now is acknowledged.

        Returns:
            How many seconds that took.

        Raises:
            TimeoutError: It took too long.
        """
        since = time.monotonic()
        while any(self._begun.get(kind, 0.0) < since for kind in KINDS):
            self._check()
            for task in self._tasks:
                assert not task.done(), f"a caller ended by itself: {task.exception()}"
            if time.monotonic() - since > _LONGEST_OUTAGE_SECONDS:
                late = [kind for kind in KINDS if self._begun.get(kind, 0.0) < since]
                raise TimeoutError(f"not acknowledged again: {late}; told {self.record.answers}")
            await asyncio.sleep(0.02)
        return time.monotonic() - since

    async def supply(self, owner: AsyncClient, count: int) -> None:
        """Add hosts that users may claim; returns when it is acknowledged."""
        await self._add(owner, self.places.claims, count)
        self._claimable += count

    async def claim(self, user: str, call: Awaitable[ConnectResponse]) -> bool:
        """Let a user claim a host by a call; return whether it was acknowledged."""
        way_in = await self._told("claim", call)
        if way_in is None:
            return False
        self.record.claims[user] = way_in.host
        return True

    async def _claim(self, owner: AsyncClient) -> None:
        while True:
            user = f"claim.{next(self._numbers)}@contoso.com"
            # Refused or not answered, users ask again, and may find that they hold a host already.
            while not await self.claim(user, owner.connect(self.places.claims, user=user)):
                pass

    async def _supply(self, owner: AsyncClient) -> None:
        while True:
            if self._claimable - len(self.record.claims) < _HOSTS:
                await self.supply(owner, _HOSTS)
            await asyncio.sleep(_BACK_OFF_SECONDS)

    async def _set_and_remove(self, owner: AsyncClient) -> None:
        sets = self.places.sets
        async for host in self._hosts(owner, sets):
            user = f"{host}@contoso.com"
            may_hold = self.record.hosts[host] = {None, user}
            if await self._told("set", owner.set_assignment(sets, user=user, host_id=host)):
                may_hold -= {None}
                if next(self._numbers) % 2:
                    continue
                may_hold |= {None}
                if await self._told("remove", owner.remove_assignment(sets, host_id=host)):
                    may_hold -= {user}

    async def _import(self, owner: AsyncClient) -> None:
        rows: dict[str, str] = {}
        async for host in self._hosts(owner, self.places.imports):
            rows[host] = f"{host}@contoso.com"
            if len(rows) < _IMPORTED_ROWS:
                continue
            file = "".join(f"{host},{user}\n" for host, user in rows.items()).encode()
            told = await self._told("import", owner.import_assignments(self.places.imports, file))
            self.record.imports.append((rows, told is not None))
            rows = {}

    async def _hosts(self, owner: AsyncClient, collection: str) -> AsyncIterator[str]:
        """Yield the ids of new hosts, without an end."""
        while True:
            for host in await self._add(owner, collection, _HOSTS):
                yield host

    async def _add(self, owner: AsyncClient, collection: str, count: int) -> list[str]:
        prefix = collection.rpartition("/")[2]
        host_ids = [f"{prefix}-{next(self._numbers)}" for _ in range(count)]
        # Repeated until it is acknowledged: what is there already stays as it is.
        while not await self._told("add", owner.add_hosts(collection, host_ids)):
            pass
        return host_ids

    async def _grant(self, owner: AsyncClient) -> None:
        while True:
            user = f"grant.{next(self._numbers)}@contoso.com"
            may_be = self.record.grants[user] = {False, True}
            given = await self._told("grant", _give(owner, self.places.sets, user))
            if given:
                may_be -= {False}
                if next(self._numbers) % 2:
                    continue
                may_be |= {False}
                if await self._told("revoke", owner.delete_role_assignment(given.name)):
                    may_be -= {True}

    async def _revoke(self, owner: AsyncClient, guest: AsyncClient) -> None:
        """Give a user a role and take it away; what the user may do follows at once."""
        while True:
            if not (given := await self._told("grant", _give(owner, self.places.guests, GUEST))):
                continue
            if await self._is_allowed(guest.connect(self.places.guests)) is False:
                self.record.lost.append(f"{GUEST} was denied what an acknowledged grant allows")
            if await self._told("revoke", owner.delete_role_assignment(given.name)):  # noqa: SIM102
                if await self._is_allowed(guest.connect(self.places.guests)):
                    self.record.unauthorized.append(f"{GUEST} connected after the revocation")

    async def _trespass(self, stranger: AsyncClient) -> None:
        while True:
            host = next(iter(self.record.hosts), "any")
            file = f"{host},{STRANGER}\n".encode()
            for is_allowed in (
                await self._is_allowed(stranger.connect(self.places.claims)),
                await self._is_allowed(
                    stranger.set_assignment(
                        self.places.sets, user=STRANGER, host_id=host, force=True
                    )
                ),
                await self._is_allowed(stranger.import_assignments(self.places.imports, file)),
                await self._is_allowed(_give(stranger, self.places.sets, STRANGER)),
            ):
                if is_allowed:
                    self.record.unauthorized.append(f"{STRANGER} was allowed a mutation")

    async def _told(self, kind: str, call: Awaitable[Answer]) -> Answer | None:
        """Return the acknowledgement of a mutation; None when there was none."""
        began = time.monotonic()
        try:
            answer = await call
        except errors.DeskholdError as error:
            await self._refused(error)
            return None
        self.record.acknowledged += 1
        self._begun[kind] = max(began, self._begun.get(kind, 0.0))
        await asyncio.sleep(_PAUSE_SECONDS)
        return answer

    async def _is_allowed(self, call: Awaitable[object]) -> bool | None:
        """Return whether a call was allowed; None when nobody could say."""
        try:
            await call
        except errors.PermissionDenied:
            await asyncio.sleep(_PAUSE_SECONDS)
            return False
        except errors.DeskholdError as error:
            await self._refused(error)
            return None
        return True

    async def _refused(self, error: errors.DeskholdError) -> None:
        told = f"{type(error).__name__} {error.reason}"
        self.record.answers[told] += 1
        if isinstance(error, errors.Internal):
            self.record.internal.append(f"{told}: {error.message} ({error.request_id})")
        elif not isinstance(error, _REFUSALS):
            self.record.wrong.append(f"{told}: {error.message} ({error.request_id})")
        await asyncio.sleep(_BACK_OFF_SECONDS)


async def surely(client: AsyncClient, call: Call[Answer]) -> Answer:
    """Send a call until its answer is none that asks to retry; for what is no part of a fault."""
    while True:
        try:
            return await client.send(call)
        except errors.DeskholdError as error:
            if not isinstance(error, _REFUSALS) and error.retry_after_seconds is None:
                raise
        await asyncio.sleep(_BACK_OFF_SECONDS)


async def _prepare(owner: AsyncClient, places: Places) -> None:
    for name in (places.claims, places.sets, places.imports, places.guests):
        collection_id = name.rpartition("/")[2]
        is_automatic = name in (places.claims, places.guests)
        call = collections.create_collection(
            TENANT, collection_id, type="personal", auto_assign_user=is_automatic
        )
        await surely(owner, call)
    await surely(owner, hosts.add_hosts(places.guests, [f"{places.prefix}-guest"]))


async def _give(client: AsyncClient, collection: str, user: str) -> Any:
    principal = Principal(PrincipalKind.USER, user)
    return await client.create_role_assignment(f"/{collection}", principal, ROLE)
