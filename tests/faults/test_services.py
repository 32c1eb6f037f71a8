"""A service is killed, told to stop, or stands still; the other one goes on."""

from __future__ import annotations

import asyncio
import os
from signal import SIGCONT, SIGSTOP, SIGTERM

import pytest

from deskhold.embedded.paths import SERVICES
from tests.faults.trial import Trial

_FAULT_SECONDS = 3


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_is_killed_and_started_again(trial: Trial, service: str) -> None:
    async with trial.of(f"{service} killed -9"):
        await trial.kill(service)
        await asyncio.sleep(_FAULT_SECONDS)
        await trial.start(service)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_is_told_to_stop_and_started_again(trial: Trial, service: str) -> None:
    async with trial.of(f"{service} SIGTERM"):
        said = await trial.end(service, SIGTERM)
        assert said.startswith(f"{service} ended with exit code 0")
        await trial.start(service)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_stands_still(trial: Trial, service: str) -> None:
    async with trial.of(f"{service} stopped"):
        process_id = int(trial.pair.home.process_id(service))
        os.kill(process_id, SIGSTOP)
        try:
            await asyncio.sleep(_FAULT_SECONDS)
        finally:
            os.kill(process_id, SIGCONT)
