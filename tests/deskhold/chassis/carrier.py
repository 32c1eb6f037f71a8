"""A real server of the chassis that carries one small service; each test says what it does."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
import structlog
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from deskhold import status
from deskhold.api.rbac.v1 import scopes_pb2, scopes_pb2_grpc
from deskhold.channel import Endpoint, open_async
from deskhold.chassis import access
from deskhold.chassis.calls import Call, Caller, Grant, Handler, Method
from deskhold.chassis.readiness import Check
from deskhold.chassis.server import Server, Service
from deskhold.chassis.settings import Reader, ServerSettings
from deskhold.embedded.paths import Home
from deskhold.names import Kind
from tests import rpcs
from tests.deskhold.chassis.tokens import Tokens
from tests.ports import held_ports

READ = "deskhold.resources/collections/read"
DELETE = "deskhold.resources/collections/delete"
TABLE: dict[str, access.Row] = {
    "ScopeService/CreateScope": access.everyone,
    "ScopeService/GetScope": access.named(READ, Kind.COLLECTION),
    "ScopeService/ListScopes": access.everyone,
    "ScopeService/DeleteScope": access.named(DELETE, Kind.COLLECTION),
}
ENG = "tenantGroups/default/tenants/default/collections/eng"

Observed = tuple[Call, type[BaseException] | None]
Behaviour = Callable[[Any], Awaitable[Any]]


class Allowing:
    """Allows the actions it is told to, anywhere."""

    def __init__(self) -> None:
        self.actions: set[str] = set()

    async def authorize(self, caller: Caller, needs: Sequence[access.Need], call: Call) -> Grant:
        for need in needs:
            if need.action not in self.actions:
                raise access.denied(need, caller, "d-17")
        return Grant("d-17", 7, "roleAssignments/r-1")


class Carrier(scopes_pb2_grpc.ScopeServiceServicer):
    """The service, its server and its clients.

    Attributes:
        checks: What must be well for it to be ready.
        max_bytes: How many bytes requests may have.
        behave: What every RPC does.
        observed: What a layer of the service's own saw: each call, and what it ended with.
        authorizer: Decides.
        settings: Of the server.
    """

    def __init__(
        self,
        home: Home,
        *,
        checks: Sequence[Check] = (),
        max_bytes: Mapping[str, int] | None = None,
        **settings: Any,
    ) -> None:
        self.home = home
        self.checks = checks
        self.max_bytes = max_bytes or {}
        self.tokens = Tokens(home)
        self.authorizer = Allowing()
        self.behave: Behaviour = echo
        self.log = io.BytesIO()
        self.observed: list[Observed] = []
        port = held_ports()
        self.address = f"localhost:{port}"
        self.service_address = f"localhost:{port + 1}"
        self.reader = Reader.of("rbac", {"DESKHOLD_HOME": str(home.path)})
        self.settings = replace(
            ServerSettings.read(self.reader),
            listen=f"127.0.0.1:{port}",
            service_listen=f"127.0.0.1:{port + 1}",
            **settings,
        )
        self.server = self.make_server()
        self.channel = open_async(Endpoint(self.address, home.ca_file))

    def make_server(self, table: dict[str, access.Row] = TABLE) -> Server:
        descriptor = scopes_pb2.DESCRIPTOR.services_by_name["ScopeService"]
        register = partial(scopes_pb2_grpc.add_ScopeServiceServicer_to_server, self)
        return Server(
            self.settings,
            services=(Service(descriptor, register),),
            table=table,
            authorizer=self.authorizer,
            observers=(self._observe,),
            checks=self.checks,
            max_bytes=self.max_bytes,
            reader=self.reader,
            logger=structlog.wrap_logger(
                structlog.BytesLogger(self.log),
                processors=[
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(
                        lambda value, **_: json.dumps(value, default=repr).encode()
                    ),
                ],
                wrapper_class=structlog.make_filtering_bound_logger(0),
            ),
        )

    def _observe(self, _: Method, handler: Handler) -> Handler:
        async def observed(request: Message, call: Call) -> Message:
            try:
                reply = await handler(request, call)
            except BaseException as error:
                self.observed.append((call, type(error)))
                raise
            self.observed.append((call, None))
            return reply

        return observed

    def reset(self) -> None:
        """Forget what a test said, and what was logged and observed."""
        self.observed.clear()
        self.behave = echo
        self.authorizer.actions.clear()
        self.log.seek(0)
        self.log.truncate()

    async def CreateScope(self, request: Any, context: Any) -> Any:
        return await self.behave(request)

    async def GetScope(self, request: Any, context: Any) -> Any:
        return await self.behave(request)

    async def ListScopes(self, request: Any, context: Any) -> Any:
        return await self.behave(request)

    async def DeleteScope(self, request: Any, context: Any) -> Any:
        return await self.behave(request)

    def begin(
        self, request: Any, *, metadata: rpcs.Metadata | None = None, timeout: float | None = None
    ) -> Any:
        """Begin a call as alice, or with other metadata as somebody else."""
        alice = (("authorization", f"Bearer {self.tokens.of()}"),)
        return rpcs.begin(
            self.channel, request, metadata=alice if metadata is None else metadata, timeout=timeout
        )

    async def call(self, request: Any, **options: Any) -> Any:
        """Make a call and return its reply; raise `deskhold.errors` when it fails."""
        try:
            return await self.begin(request, **options)
        except grpc.RpcError as error:
            raise status.from_rpc_error(error) from error

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What the server logged."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    async def close(self) -> None:
        await self.channel.close()
        await self.server.stop()


async def echo(request: Any) -> Any:
    """Answer with the name that was asked about."""
    if isinstance(request, scopes_pb2.DeleteScopeRequest):
        return Empty()
    if isinstance(request, scopes_pb2.ListScopesRequest):
        return scopes_pb2.ListScopesResponse()
    return scopes_pb2.Scope(name=getattr(request, "name", ""))


class Holding:
    """A behaviour that begins and then waits until it is released or cancelled."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.released = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, request: Any) -> Any:
        self.began.set()
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return await echo(request)
