from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from deskhold.client import AsyncClient
from deskhold.identities import Principal, PrincipalKind
from examples.gateway.server import Bounds
from tests.examples.gateway.desks import Desk, Door, EchoHost, new_desk
from tests.journeys.pair import TENANT, Pair

GATEWAY = "gateway@contoso.com"
OpenDoor = Callable[..., Awaitable[Door]]
# A machine under load must not meet the bounds that a test is not about.
PATIENT = {"first_packet_seconds": 60.0, "broker_seconds": 60.0, "connect_seconds": 60.0}


@pytest.fixture(scope="session")
def _pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("pair") / "var")
    try:
        pair.start()
        with pair.blocking_client() as admin:
            gateway = Principal(PrincipalKind.USER, GATEWAY)
            admin.create_role_assignment(f"/{TENANT}", gateway, "RDS Gateway")
        yield pair
    finally:
        pair.stop()


@pytest.fixture
def pair(_pair: Pair) -> Pair:
    """Both services as processes, with a user GATEWAY that holds the role RDS Gateway."""
    _pair.revive()
    return _pair


@pytest.fixture
async def admin(pair: Pair) -> AsyncIterator[AsyncClient]:
    """The Owner's client."""
    async with pair.client() as client:
        yield client


@pytest.fixture
async def host() -> AsyncIterator[EchoHost]:
    """A host; when a test is over, it waits until the gateway has closed all connections."""
    host = EchoHost()
    await host.start()
    yield host
    await host.stop()


@pytest.fixture
async def desk(admin: AsyncClient, host: EchoHost) -> Desk:
    """A user's desktop on the host."""
    return await new_desk(admin, host.port)


@pytest.fixture
async def open_door(pair: Pair, host: EchoHost) -> AsyncIterator[OpenDoor]:
    """Open a gateway with some bounds: `await open_door(connections=2)`.

    The bounds that are not named are patient. It asks the broker as GATEWAY, unless `broker` is
    another client. Depends on the host, which must end after it.
    """
    doors: list[Door] = []
    async with pair.client(GATEWAY) as gateway:

        async def open_one(*, broker: AsyncClient = gateway, **bounds: float) -> Door:
            chosen: Any = PATIENT | bounds
            doors.append(await Door.open(broker, Bounds(**chosen)))
            return doors[-1]

        yield open_one
        for door in doors:
            await door.close()
