"""Requests that are meant to cost more than they should."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from deskhold.chassis import decoding
from deskhold.status import from_rpc_error
from tests.rbac_service.deployments import Deployment, Wire

BATCH = "/deskhold.api.rbac.v1.AccessService/BatchCheckAccess"
ATTACK = b"\x0a\x00" * 4_000_000  # four million empty checks in 8 MB


async def refusal(wire: Wire, body: bytes, *, metadata: Any) -> tuple[str, str]:
    method: Any = wire.channel.unary_unary(BATCH)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await method(body, metadata=metadata)
    error = from_rpc_error(caught.value)
    return type(error).__name__, error.reason


async def test_eight_megabytes_of_empty_checks_are_never_decoded(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int] = []
    decode = decoding.decode

    def spied(message: Any, part: Any) -> None:
        decoded.append(len(part))
        decode(message, part)

    monkeypatch.setattr(decoding, "decode", spied)
    async with deployment.served() as wire:
        whole = await refusal(wire, ATTACK, metadata=())
        fitting = await refusal(wire, ATTACK[: 4 * 1024 * 1024], metadata=())
        signed_in = await refusal(wire, ATTACK[: 4 * 1024 * 1024], metadata=wire.as_user())

    assert whole == ("InvalidArgument", "REQUEST_TOO_LARGE")
    assert fitting == ("Unauthenticated", "CREDENTIAL_MISSING")
    assert signed_in == ("InvalidArgument", "REQUEST_TOO_LARGE")  # too many fields
    assert sum(decoded) < 1_000_000
