"""The connection between the broker and rbac is slow, silent or cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.faults.conftest import Keep, running
from tests.faults.proxy import Fault, Proxy
from tests.faults.trial import Trial
from tests.journeys.pair import Pair
from tests.ports import held_ports

_FAULT_SECONDS = 5
# The broker waits 2 seconds for rbac; bytes go there and back.
_DELAY_SECONDS = 0.5


@pytest.fixture(scope="module")
def proxied(database: str, new_pair: Callable[..., Pair]) -> Iterator[tuple[Pair, Proxy]]:
    """Both services, and a proxy between them."""
    port = held_ports()
    pair = new_pair(database, DESKHOLD_BROKER_AUTHORITY_ADDRESS=f"localhost:{port}")
    proxy = Proxy(port, pair.base_port + 2, delay_seconds=_DELAY_SECONDS)
    with proxy.running(), running(pair):
        yield pair, proxy


@pytest.mark.parametrize(
    "fault", [Fault.DELAY, Fault.SILENCE, Fault.RESET], ids=lambda it: it.value
)
async def test_rbac_is_slow_silent_or_cut_off(
    proxied: tuple[Pair, Proxy], database: str, record_property: Keep, fault: Fault
) -> None:
    pair, proxy = proxied
    async with Trial(pair, database, record_property).of(f"rbac behind a proxy: {fault.value}"):
        await asyncio.to_thread(proxy.set, fault)
        await asyncio.sleep(_FAULT_SECONDS)
        await asyncio.to_thread(proxy.set, Fault.NONE)
