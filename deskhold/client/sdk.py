"""The two clients. Each RPC is one line in the table `Methods`, which both share.

A line binds a function of `broker` or `rbac`, which turns plain arguments into a call, to the
client it is looked up on: `Client` sends the call and returns the answer, `AsyncClient` returns a
coroutine. Type checkers see the function's own signature on both.
"""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from functools import wraps
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

import grpc
from google.protobuf.message import Message
from grpc import aio

from deskhold import channel, environment, errors
from deskhold.channel import Endpoint
from deskhold.client import broker, rbac
from deskhold.client.attempt import Attempt
from deskhold.client.calls import BROKER, RBAC, Call, Listing, Method, method_of, repeatable
from deskhold.client.settings import endpoint

P = ParamSpec("P")
Answer = TypeVar("Answer", bound=Message)
Item = TypeVar("Item", bound=Message)


class _Unary(Generic[P, Answer]):
    """An RPC with one answer."""

    def __init__(self, build: Callable[P, Call[Answer]]) -> None:
        self._build = build

    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Call[Answer]]: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, Answer]: ...
    @overload
    def __get__(
        self, client: AsyncClient, owner: type
    ) -> Callable[P, Coroutine[Any, Any, Answer]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Callable[P, Any]:
        if client is None:
            return self._build

        @wraps(self._build)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.send(self._build(*args, **kwargs))

        return bound


class _Paged(Generic[P, Item]):
    """An RPC that lists."""

    def __init__(self, build: Callable[P, Listing[Item]]) -> None:
        self._build = build

    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Listing[Item]]: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, Iterator[Item]]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, AsyncIterator[Item]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Callable[P, Any]:
        if client is None:
            return self._build

        @wraps(self._build)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.walk(self._build(*args, **kwargs))

        return bound


class Methods:
    """Every RPC of both services."""

    create_collection = _Unary(broker.create_collection)
    get_collection = _Unary(broker.get_collection)
    list_collections = _Paged(broker.list_collections)
    delete_collection = _Unary(broker.delete_collection)
    add_hosts = _Unary(broker.add_hosts)
    get_host = _Unary(broker.get_host)
    list_hosts = _Paged(broker.list_hosts)
    remove_hosts = _Unary(broker.remove_hosts)
    set_assignment = _Unary(broker.set_assignment)
    remove_assignment = _Unary(broker.remove_assignment)
    list_assignments = _Paged(broker.list_assignments)
    import_assignments = _Unary(broker.import_assignments)
    export_assignments = _Unary(broker.export_assignments)
    connect = _Unary(broker.connect)

    check_access = _Unary(rbac.check_access)
    batch_check_access = _Unary(rbac.batch_check_access)
    who_am_i = _Unary(rbac.who_am_i)
    get_role_definition = _Unary(rbac.get_role_definition)
    list_role_definitions = _Paged(rbac.list_role_definitions)
    create_role_assignment = _Unary(rbac.create_role_assignment)
    get_role_assignment = _Unary(rbac.get_role_assignment)
    list_role_assignments = _Paged(rbac.list_role_assignments)
    delete_role_assignment = _Unary(rbac.delete_role_assignment)
    create_scope = _Unary(rbac.create_scope)
    get_scope = _Unary(rbac.get_scope)
    list_scopes = _Paged(rbac.list_scopes)
    delete_scope = _Unary(rbac.delete_scope)

    def __init__(
        self,
        *,
        broker: Endpoint | None = None,
        rbac: Endpoint | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """Take the endpoints; a channel is opened when a call first needs it.

        Args:
            broker: Where the broker listens; None if no method of its is called.
            rbac: Where the RBAC service listens; None likewise.
            timeout_seconds: The deadline of every call; 30 seconds when not given, 120 for import
                and export.
        """
        self._endpoints = {BROKER: broker, RBAC: rbac}
        self._timeout_seconds = timeout_seconds
        self._channels: dict[str, Any] = {}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return a client for the services that the settings name (`deskhold.client.settings`).

        Raises:
            ValueError: The settings file is malformed.
        """
        settings = environment.read(os.environ if environ is None else environ)
        return cls(
            broker=endpoint(settings, "DESKHOLD_BROKER_ADDRESS"),
            rbac=endpoint(settings, "DESKHOLD_RBAC_ADDRESS"),
        )

    def _endpoint_of(self, method: Method) -> Endpoint:
        endpoint = self._endpoints[method.service]
        if endpoint is None:
            setting = f"DESKHOLD_{method.service.upper()}_ADDRESS"
            raise errors.Unavailable(
                f"nothing says where the {method.service} service listens; start the services"
                f" ('make run'), or set {setting} and DESKHOLD_CA_FILE",
                reason="NOT_CONFIGURED",
                metadata={"setting": setting},
            )
        return endpoint

    def _timeout_of(self, call: Call[Any]) -> float:
        return self._timeout_seconds or call.timeout_seconds


class Client(Methods):
    """The blocking client. Threads may share it. Close it, or use `with`."""

    _channels: dict[str, grpc.Channel]
    # One lock for all clients: channels are opened rarely.
    _opening = threading.Lock()

    def send(self, call: Call[Answer]) -> Answer:
        """Send one call and return its answer.

        Raises:
            DeskholdError: It failed.
        """
        method = method_of(call.request)
        endpoint = self._endpoint_of(method)
        attempt = Attempt(method, endpoint, call.request)
        rpc = self._channel(method.service, endpoint).unary_unary(
            attempt.path,
            request_serializer=type(call.request).SerializeToString,
            response_deserializer=call.answer.FromString,
        )
        try:
            answer: Answer = rpc(
                call.request, timeout=self._timeout_of(call), metadata=attempt.metadata
            )
        except grpc.RpcError as error:
            raise attempt.failed(error) from error
        attempt.succeeded()
        return answer

    def walk(self, listing: Listing[Item]) -> Iterator[Item]:
        """Yield what all pages hold, reading each when the one before is used up.

        Raises:
            DeskholdError: Reading a page failed.
        """
        call: Call[Any] | None = listing.first
        while call is not None:
            page = self.send(call)
            yield from listing.items(page)
            call = listing.after(page)

    def close(self) -> None:
        """Close what was opened; calls under way fail."""
        for opened in self._channels.values():
            opened.close()
        self._channels.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _channel(self, service: str, endpoint: Endpoint) -> grpc.Channel:
        with self._opening:
            if service not in self._channels:
                self._channels[service] = channel.open_sync(
                    endpoint, repeatable=repeatable(service)
                )
            return self._channels[service]


class AsyncClient(Methods):
    """The client for asyncio. One event loop uses it. Close it, or use `async with`."""

    _channels: dict[str, aio.Channel]

    async def send(self, call: Call[Answer]) -> Answer:
        """Send one call and return its answer.

        Raises:
            DeskholdError: It failed.
        """
        method = method_of(call.request)
        endpoint = self._endpoint_of(method)
        attempt = Attempt(method, endpoint, call.request)
        rpc = self._channel(method.service, endpoint).unary_unary(
            attempt.path,
            request_serializer=type(call.request).SerializeToString,
            response_deserializer=call.answer.FromString,
        )
        try:
            answer: Answer = await rpc(
                call.request, timeout=self._timeout_of(call), metadata=attempt.metadata
            )
        except grpc.RpcError as error:
            raise attempt.failed(error) from error
        attempt.succeeded()
        return answer

    async def walk(self, listing: Listing[Item]) -> AsyncIterator[Item]:
        """Yield what all pages hold, reading each when the one before is used up.

        Raises:
            DeskholdError: Reading a page failed.
        """
        call: Call[Any] | None = listing.first
        while call is not None:
            page = await self.send(call)
            for item in listing.items(page):
                yield item
            call = listing.after(page)

    async def close(self) -> None:
        """Close what was opened; calls under way fail."""
        for opened in self._channels.values():
            await opened.close()
        self._channels.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _channel(self, service: str, endpoint: Endpoint) -> aio.Channel:
        if service not in self._channels:
            self._channels[service] = channel.open_async(endpoint, repeatable=repeatable(service))
        return self._channels[service]
