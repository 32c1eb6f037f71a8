"""A broker whose certificate is read again goes on asking rbac."""

from __future__ import annotations

import os
import signal

import pytest

from tests.broker_service.pair import OWNER, Eng, Pair


@pytest.mark.slow
async def test_a_broker_that_dials_rbac_anew_fails_no_call(pair: Pair, eng: Eng) -> None:
    log = pair.home.log_file("broker")
    async with pair.once(OWNER) as client:
        os.kill(int(pair.home.process_id("broker")), signal.SIGHUP)
        while '"client_certificate"' not in log.read_text():
            await client.get_collection(eng.name)
        for _ in range(10):
            await client.get_collection(eng.name)
