"""Watching: nothing missing and nothing twice, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from deskhold import errors
from deskhold.api.rbac.v1.audit_pb2 import LogEntry
from deskhold.api.rbac.v1.watch_pb2 import Checkpoint, WatchResponse
from deskhold.client import AsyncClient, Client
from deskhold.client.rbac.audit import watch
from deskhold.client.resumption import Resumption
from tests.deskhold.stub_service import StubService

AWAY = errors.Unavailable("away", reason="STORE_UNAVAILABLE")
SLOW = errors.Aborted("too slow", reason="SLOW_READER")


def entry(revision: int) -> WatchResponse:
    return WatchResponse(entry=LogEntry(revision=revision))


def checkpoint(revision: int) -> WatchResponse:
    return WatchResponse(checkpoint=Checkpoint(revision=revision))


@pytest.fixture
def client(service: StubService) -> Iterator[Client]:
    with Client(rbac=service.endpoint) as client:
        yield client


def asked_after(service: StubService) -> list[int]:
    return [one.after_revision for one in service.requests("Watch")]


@pytest.mark.parametrize("broken", [[AWAY], [SLOW], []], ids=["away", "slow reader", "ended"])
def test_a_broken_stream_is_taken_up_after_the_last_revision_received(
    broken: list[errors.DeskholdError], service: StubService, client: Client
) -> None:
    service.streams = [
        [entry(6), entry(7), *broken],
        [entry(8), checkpoint(9), *broken],
        [entry(10)],
    ]

    events = list(islice(client.watch(after_revision=5), 5))

    assert [one.entry.revision or one.checkpoint.revision for one in events] == [6, 7, 8, 9, 10]
    assert asked_after(service) == [5, 7, 9]


async def test_asyncio_takes_it_up_too(service: StubService) -> None:
    service.streams = [[entry(6), AWAY], [entry(7)]]
    found = []

    async with AsyncClient(rbac=service.endpoint) as client:
        async for event in client.watch(after_revision=5):
            found.append(event.entry.revision)
            if len(found) == 2:
                break

    assert found == [6, 7]
    assert asked_after(service) == [5, 6]


def test_a_watch_from_now_resumes_from_what_it_saw_not_from_a_later_now(
    service: StubService, client: Client
) -> None:
    service.streams = [[checkpoint(3), AWAY], [entry(4)]]

    list(islice(client.watch(from_now=True), 2))

    first, second = service.requests("Watch")
    assert first.from_now
    assert (second.from_now, second.after_revision) == (False, 3)


@pytest.mark.parametrize(
    "error",
    [
        AWAY,
        errors.PermissionDenied("no"),
        errors.ResourceExhausted("too many watch", reason="QUOTA"),
        errors.Aborted("gone", reason="REVISION_GONE"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_fails_at_the_beginning_fails_at_once(
    error: errors.DeskholdError, service: StubService, client: Client
) -> None:
    service.streams = [[error]]

    with pytest.raises(type(error)):
        next(client.watch())

    assert len(service.seen) == 1


def test_a_right_taken_away_ends_it(service: StubService, client: Client) -> None:
    service.streams = [[entry(1), AWAY], [errors.PermissionDenied("no longer")]]

    with pytest.raises(errors.PermissionDenied):
        list(client.watch())


def test_closing_the_iterator_ends_the_call(service: StubService, client: Client) -> None:
    service.streams = [[entry(1)]]
    events = client.watch()

    assert next(events).entry.revision == 1
    events.close()  # type: ignore[attr-defined]  # iterators of the SDK are generators

    assert list(events) == []
    assert len(service.seen) == 1


def test_patience_is_counted_from_the_first_failure_in_a_row() -> None:
    now = [0.0]
    resumption = Resumption(watch(patience_seconds=60), clock=lambda: now[0])
    resumption.received(entry(1))
    now[0] = 1000
    pauses = []
    for now[0] in (1000, 1030, 1060):
        resumption.broke(AWAY)
        pauses.append(resumption.pause_seconds)
    assert pauses == [0.1, 0.2, 0.4]

    resumption.received(entry(2))
    now[0] = 1120
    resumption.broke(AWAY)
    now[0] = 1181
    with pytest.raises(errors.Unavailable):
        resumption.broke(AWAY)


def test_pauses_grow_up_to_two_seconds() -> None:
    resumption = Resumption(watch())
    for _ in range(10):
        resumption.ended()

    assert resumption.pause_seconds == 2.0
