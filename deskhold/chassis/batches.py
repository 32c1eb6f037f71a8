"""What waits for a lane, in which order it is run, and how it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from deskhold.errors import DeskholdError

Arg = TypeVar("Arg")
Result = TypeVar("Result")

# A set-based operation: as many results as arguments, in their order; a result that is an error
# fails that one alone.
Op = Callable[[Connection, Sequence[Arg]], Sequence["Result | DeskholdError"]]


@dataclass(slots=True)
class Item:
    """One piece of work of one caller.

    Attributes:
        op: The operation.
        argument: What it is run with.
        future: Where the caller waits.
        loop: The caller's event loop.
        about: For work of its own, what it is about: such work is ordered by it. None: the work
            is one argument of a set-based operation.
        result, error: What became of it; one of the two.
    """

    op: Op[Any, Any]
    argument: Any
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    about: str | None = None
    result: Any = None
    error: BaseException | None = None


def keep(group: list[Item], results: Sequence[Any]) -> None:
    """Take down the results of one group, item by item."""
    for item, result in zip(group, results, strict=True):
        if isinstance(result, DeskholdError):
            item.error = result
        else:
            item.result = result


def grouped(batch: list[Item]) -> Iterator[list[Item]]:
    """Order a batch: items of their own by what they are about, then operations by first arrival.

    Operations come last because they may lock any row, and nothing waits behind them then.
    """
    own = [(item.about, item) for item in batch if item.about is not None]
    for _, item in sorted(own, key=lambda pair: pair[0]):
        yield [item]
    groups: dict[Op[Any, Any], list[Item]] = {}
    for item in batch:
        if item.about is None:
            groups.setdefault(item.op, []).append(item)
    yield from groups.values()


def answer(batch: list[Item]) -> None:
    """Answer everybody of a batch who still waits; runs on their event loop."""
    for item in batch:
        if item.future.done():
            continue
        if item.error is not None:
            item.future.set_exception(item.error)
        else:
            item.future.set_result(item.result)


def fail(batch: list[Item], error: BaseException) -> None:
    """Fail everybody of a batch alike."""
    for item in batch:
        item.error = error
