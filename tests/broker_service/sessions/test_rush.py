"""Many users at the same moment."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from deskhold.api.broker.v1.sessions_pb2 import ConnectResponse
from deskhold.channel import Endpoint
from deskhold.client import Client
from deskhold.errors import DeskholdError
from deskhold.identities import Principal, PrincipalKind
from tests.broker_service.pair import OWNER, Eng, Once, Pair
from tests.broker_service.stores import pcs

# Whose token goes with the calls of a task: one connection serves all users, as a portal's does.
_token: ContextVar[str] = ContextVar("token")


async def connect_all(
    pair: Pair, collection: str, users: list[str], group: str
) -> list[ConnectResponse | BaseException]:
    tokens = {user: pair.token(user, group) for user in users}
    address = pair.settings["DESKHOLD_BROKER_ADDRESS"]
    portal = Once(broker=Endpoint(address, pair.home.ca_file, token=_token.get))

    async def one(user: str) -> ConnectResponse:
        _token.set(tokens[user])
        return await portal.connect(collection)

    async with portal:
        return await asyncio.gather(*(one(user) for user in users), return_exceptions=True)


async def test_200_users_at_once_share_150_hosts_without_a_collision(
    pair: Pair, owner: Client, tenant: str
) -> None:
    group = Principal(PrincipalKind.GROUP, "everybody")
    name = owner.create_collection(
        tenant, "rush", type="personal", auto_assign_user=True, host_ids=pcs(150)
    ).name
    owner.create_role_assignment(f"/{name}", group, "RDS User")
    users = [f"user{number}@contoso.com" for number in range(200)]

    came = await connect_all(pair, name, users, group.id)

    ways = [one for one in came if isinstance(one, ConnectResponse)]
    refusals = [one for one in came if isinstance(one, DeskholdError)]
    assert (len(ways), len(refusals)) == (150, 50)
    assert len({way.host for way in ways}) == 150
    assert len({way.user for way in ways}) == 150
    assert all(way.newly_assigned for way in ways)
    assert {one.reason for one in refusals} == {"NO_FREE_HOST"}
    stored = {one.host: one.user for one in owner.list_assignments(name)}
    assert stored == {way.host: way.user for way in ways}

    again = await connect_all(pair, name, [way.user for way in ways], group.id)

    assert [one.host for one in again if isinstance(one, ConnectResponse)] == [
        way.host for way in ways
    ]


@pytest.mark.slow
async def test_whoever_comes_in_a_rush_is_answered(pair: Pair, eng: Eng) -> None:
    async with pair.once(OWNER) as portal:
        calls = (portal.get_collection(eng.name) for _ in range(6000))
        came = await asyncio.gather(*calls, return_exceptions=True)

    refusals = [one for one in came if isinstance(one, DeskholdError)]
    assert len(refusals) < len(came)
    # Told to come later, never cut off.
    assert {one.reason for one in refusals} <= {"QUOTA"}
