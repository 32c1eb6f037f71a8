"""A stream of claims, and what is left of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deskhold.client import AsyncClient
from deskhold.errors import Unavailable
from tests.journeys.pair import TENANT

_WORKERS = 16
_HOSTS = 1000


class Stream:
    """Users who claim hosts one after another, several at a time, until no answer comes any more.

    Attributes:
        collection: Where.
        acknowledged: Every user who was told a host, and the host.
        refused: Every user whose call failed as UNAVAILABLE, and the reason.
    """

    def __init__(self, client: AsyncClient, collection_id: str) -> None:
        self.collection = f"{TENANT}/collections/{collection_id}"
        self.acknowledged: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self._id = collection_id
        self._client = client

    async def run(self, *, after: int, interrupt: Callable[[], None]) -> None:
        """Claim until each worker was refused; interrupt once so many claims are answered."""
        await self._client.create_collection(
            TENANT, self._id, type="personal", auto_assign_user=True
        )
        hosts = [f"{self._id}-{number}" for number in range(_HOSTS)]
        await self._client.add_hosts(self.collection, hosts)
        users = (f"{self._id}.{number}@contoso.com" for number in range(_HOSTS))

        async def claim_until_refused() -> None:
            for user in users:
                try:
                    way_in = await self._client.connect(self.collection, user=user)
                except Unavailable as error:
                    self.refused[user] = error.reason
                    return
                self.acknowledged[user] = way_in.host
                if len(self.acknowledged) == after:
                    interrupt()

        await asyncio.gather(*(claim_until_refused() for _ in range(_WORKERS)))
        assert len(self.refused) == _WORKERS, "the stream dried up before it was interrupted"

    async def held(self) -> dict[str, str]:
        """Return who holds which host, as soon as the broker answers.

        It may have to notice first that rbac is back.
        """
        while True:
            try:
                found = [one async for one in self._client.list_assignments(self.collection)]
            except Unavailable:
                continue
            by_user = {one.user: one.host for one in found}
            assert len(by_user) == len(found), "a user holds two hosts"
            assert len(set(by_user.values())) == len(found), "a host is held twice"
            return by_user
