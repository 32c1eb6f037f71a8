"""The standard health service, whose watches end with the server.

They have no end of their own: a client that watches would hold up every stop for the whole drain.
"""

from __future__ import annotations

import asyncio
from typing import Any

from grpc_health.v1 import health, health_pb2


class Health(health.aio.HealthServicer):
    """Tells whether the server and its services serve."""

    def __init__(self) -> None:
        super().__init__()
        self._is_over = asyncio.Event()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """Tell each change until the client or `end_watches` ends it."""
        watching = asyncio.ensure_future(super().Watch(request, context))
        over = asyncio.ensure_future(self._is_over.wait())
        try:
            ended, _ = await asyncio.wait((watching, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            over.cancel()
        if watching in ended:
            await watching

    def end_watches(self) -> None:
        """End all watches, and at once those that begin from now on."""
        self._is_over.set()
