"""The two clients: how a call, a list and a stream travel, blocking and for asyncio.

Which methods there are is said once, in `deskhold.client.methods`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import aclosing, closing
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc
from google.protobuf.message import Message
from grpc import aio

from deskhold import channel, errors
from deskhold.channel import Endpoint
from deskhold.client.attempt import Attempt
from deskhold.client.calls import Call, Listing, Stream, method_of, repeatable
from deskhold.client.methods import Methods
from deskhold.client.resumption import Resumption

Answer = TypeVar("Answer", bound=Message)
Item = TypeVar("Item")


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

    def follow(self, stream: Stream[Answer]) -> Iterator[Answer]:
        """Yield what a stream holds, over as many connections as it takes.

        Raises:
            DeskholdError: It was refused, or the service is away for too long.
        """
        resumption = Resumption(stream)
        while True:
            try:
                with closing(self._receive(resumption.request, stream.answer)) as answers:
                    for answer in answers:
                        resumption.received(answer)
                        yield answer
                resumption.ended()
            except (errors.Unavailable, errors.Aborted) as error:
                resumption.broke(error)
            time.sleep(resumption.pause_seconds)

    def _receive(self, request: Message, answer: type[Answer]) -> Generator[Answer]:
        method = method_of(request)
        endpoint = self._endpoint_of(method)
        attempt = Attempt(method, endpoint, request)
        rpc = self._channel(method.service, endpoint).unary_stream(
            attempt.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        answers = rpc(request, metadata=attempt.metadata)
        try:
            yield from answers
        except grpc.RpcError as error:
            raise attempt.failed(error) from error
        finally:
            answers.cancel()
        attempt.succeeded()

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

    async def follow(self, stream: Stream[Answer]) -> AsyncIterator[Answer]:
        """Yield what a stream holds, over as many connections as it takes.

        Raises:
            DeskholdError: It was refused, or the service is away for too long.
        """
        resumption = Resumption(stream)
        while True:
            try:
                async with aclosing(self._receive(resumption.request, stream.answer)) as answers:
                    async for answer in answers:
                        resumption.received(answer)
                        yield answer
                resumption.ended()
            except (errors.Unavailable, errors.Aborted) as error:
                resumption.broke(error)
            await asyncio.sleep(resumption.pause_seconds)

    async def _receive(self, request: Message, answer: type[Answer]) -> AsyncGenerator[Answer]:
        method = method_of(request)
        endpoint = self._endpoint_of(method)
        attempt = Attempt(method, endpoint, request)
        rpc = self._channel(method.service, endpoint).unary_stream(
            attempt.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        answers = rpc(request, metadata=attempt.metadata)
        try:
            async for one in answers:
                yield one
        except grpc.RpcError as error:
            raise attempt.failed(error) from error
        finally:
            answers.cancel()
        attempt.succeeded()

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
