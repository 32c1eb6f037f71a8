"""How a line of the table `Methods` becomes a method of a client.

A line binds a function, which turns plain arguments into a call, to the client it is looked up on:
`Client` sends the call and returns the answer, `AsyncClient` returns a coroutine. Type checkers see
the function's own signature on both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from google.protobuf.message import Message

from deskhold.client.calls import Call, Listing, Stream

if TYPE_CHECKING:
    from deskhold.client.sdk import AsyncClient, Client

P = ParamSpec("P")
Answer = TypeVar("Answer", bound=Message)
Item = TypeVar("Item")


class Unary(Generic[P, Answer]):
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


class Paged(Generic[P, Item]):
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


class Followed(Generic[P, Answer]):
    """An RPC that streams without an end."""

    def __init__(self, build: Callable[P, Stream[Answer]]) -> None:
        self._build = build

    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Stream[Answer]]: ...
    @overload
    def __get__(self, client: Client, owner: type) -> Callable[P, Iterator[Answer]]: ...
    @overload
    def __get__(self, client: AsyncClient, owner: type) -> Callable[P, AsyncIterator[Answer]]: ...
    def __get__(self, client: Client | AsyncClient | None, owner: type) -> Callable[P, Any]:
        if client is None:
            return self._build

        @wraps(self._build)
        def bound(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.follow(self._build(*args, **kwargs))

        return bound
