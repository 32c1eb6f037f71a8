"""A stand-in for rbac on loopback, over real TLS: it counts, and it answers when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
from grpc_status import rpc_status

from deskhold import status, tls
from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1 import access_pb2_grpc
from deskhold.channel import Endpoint
from deskhold.errors import DeskholdError
from tests.deskhold.stub_service import Authority as Certificates

Answer = Callable[[pb.CheckAccessRequest], pb.BatchCheckAccessResult]


def allowed(check: pb.CheckAccessRequest) -> pb.BatchCheckAccessResult:
    """Allow; the decision is named after who asked for what, so that answers can be told apart."""
    decision_id = f"d-{check.principal.id}-{check.action}"
    answer = pb.CheckAccessResponse(
        decision=pb.DECISION_ALLOW, decision_id=decision_id, revision=7, role_assignment="ra-1"
    )
    return pb.BatchCheckAccessResult(answer=answer)


class StandIn(access_pb2_grpc.AccessServiceServicer):
    """Answers checks.

    Attributes:
        answer: What becomes of a check.
        batches: Every batch, in order of arrival.
        most_at_once: How many batches were in flight at the most.
        is_open: While it is clear, answers wait.
        refusal: What becomes of whole batches; None: they are answered.
        left_out: How many answers at the end of a batch are left out.
    """

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._in_flight = 0
        self._arrived = asyncio.Condition()
        self.answer: Answer = allowed
        self.batches: list[list[pb.CheckAccessRequest]] = []
        self.most_at_once = 0
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.refusal: DeskholdError | None = None
        self.left_out = 0
        self.port = 0

    async def start(self) -> None:
        self._server = grpc.aio.server()
        access_pb2_grpc.add_AccessServiceServicer_to_server(self, self._server)
        credentials = tls.server_credentials(*self._certificates.issue("localhost"))
        self.port = self._server.add_secure_port(f"localhost:{self.port}", credentials)
        await self._server.start()

    async def stop(self) -> None:
        self.is_open.set()
        await self._server.stop(None)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"localhost:{self.port}", self._certificates.ca_file)

    async def arrival(self, count: int) -> None:
        """Return once so many batches have arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.batches) >= count)

    async def CheckAccess(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("the broker asks in batches")

    async def ExplainAccess(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("the broker asks in batches")

    async def TestPermissions(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("the broker asks in batches")

    async def ListAccessibleScopes(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("the broker asks in batches")

    async def ListPrincipalsWithAccess(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("the broker asks in batches")

    async def ListEffectivePermissions(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("the broker asks in batches")

    async def WhatIf(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("the broker asks in batches")

    async def WhoAmI(self, request: Any, context: Any) -> Any:
        raise NotImplementedError("the broker knows who it is")

    async def BatchCheckAccess(
        self, request: pb.BatchCheckAccessRequest, context: Any
    ) -> pb.BatchCheckAccessResponse:
        self._in_flight += 1
        self.most_at_once = max(self.most_at_once, self._in_flight)
        async with self._arrived:
            self.batches.append(list(request.checks))
            self._arrived.notify_all()
        try:
            await self.is_open.wait()
        finally:
            self._in_flight -= 1
        if self.refusal is not None:
            refusal = status.to_status(self.refusal, request_id="")
            await context.abort_with_status(rpc_status.to_status(refusal))
        answered = request.checks[: len(request.checks) - self.left_out]
        return pb.BatchCheckAccessResponse(results=[self.answer(one) for one in answered])
