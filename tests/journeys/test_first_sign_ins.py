from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from deskhold.api.broker.v1.sessions_pb2 import ConnectResponse
from deskhold.client import AsyncClient
from deskhold.errors import DeskholdError, ResourceExhausted
from deskhold.identities import Principal, PrincipalKind
from tests.journeys.pair import TENANT, Pair

COLLECTION = f"{TENANT}/collections/rush"


async def test_200_users_at_the_same_moment_share_150_hosts_without_a_double(
    pair: Pair, admin: AsyncClient
) -> None:
    await admin.create_collection(TENANT, "rush", type="personal", auto_assign_user=True)
    await admin.add_hosts(COLLECTION, [f"rush-{number}" for number in range(150)])
    rushers = Principal(PrincipalKind.GROUP, "rushers")
    await admin.create_role_assignment(f"/{COLLECTION}", rushers, "RDS User")

    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(pair.client(f"rush.{number}@contoso.com", "rushers"))
            for number in range(200)
        ]
        outcomes = await asyncio.gather(*map(outcome, clients))
        again = await asyncio.gather(*map(outcome, clients))

    ways_in = [one for one in outcomes if isinstance(one, ConnectResponse)]
    refusals = [one for one in outcomes if isinstance(one, DeskholdError)]
    assert len({one.host for one in ways_in}) == len(ways_in) == 150
    assert len(refusals) == 50
    for refusal in refusals:
        assert isinstance(refusal, ResourceExhausted)
        assert refusal.reason == "NO_FREE_HOST"
        assert "all 150 hosts" in refusal.message
    assert [host_of(one) for one in again] == [host_of(one) for one in outcomes]
    held = {one.user: one.host async for one in admin.list_assignments(COLLECTION)}
    assert held == {one.user: one.host for one in ways_in}


async def outcome(client: AsyncClient) -> ConnectResponse | DeskholdError:
    try:
        return await client.connect(COLLECTION)
    except DeskholdError as error:
        return error


def host_of(one: ConnectResponse | DeskholdError) -> str:
    return one.host if isinstance(one, ConnectResponse) else one.reason
