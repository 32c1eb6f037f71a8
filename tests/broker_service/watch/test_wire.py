"""Watching over the wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deskhold.api.broker.v1 import watch_pb2 as pb
from deskhold.chassis.streams import STREAMS_PER_CALLER
from deskhold.client import Client
from deskhold.errors import Aborted, InvalidArgument, PermissionDenied, ResourceExhausted
from tests.broker_service.pair import Eng, Pair


def changes(answers: Iterator[pb.WatchResponse], number: int) -> list[pb.WatchResponse]:
    found: list[pb.WatchResponse] = []
    while len(found) < number:
        answer = next(answers)
        if answer.HasField("change"):
            found.append(answer)
    return found


def test_an_assignment_is_heard_of_and_taken_up_where_it_was_left(owner: Client, eng: Eng) -> None:
    heard = owner.watch_resources(eng.tenant, kinds=["assignment"])
    first = next(heard)
    assert not first.HasField("change")

    owner.set_assignment(eng.name, user="bob@contoso.com", host_id="pc-2")
    (one,) = changes(heard, 1)
    owner.remove_assignment(eng.name, host_id="pc-2")
    (other,) = changes(heard, 1)

    assert one.change.name == f"{eng.name}/hosts/pc-2/assignment"
    assert one.change.assignment.user == "bob@contoso.com"
    assert other.change.WhichOneof("resource") is None
    again = owner.watch_resources(eng.name, position=one.position)
    assert changes(again, 1)[0].position == other.position


def test_who_may_read_one_kind_hears_of_that_kind_only(pair: Pair, eng: Eng) -> None:
    pair.grant("host@contoso.com", "RDS Host Operator", f"/{eng.name}")
    client = pair.client("host@contoso.com")

    assert next(client.watch_resources(eng.name, kinds=["host", "assignment"])).position
    with pytest.raises(PermissionDenied) as caught:
        next(client.watch_resources(eng.name, kinds=["host", "session"]))
    assert caught.value.metadata["action"] == "deskhold.resources/sessions/read"
    with pytest.raises(PermissionDenied):
        next(client.watch_resources(eng.tenant, kinds=["host"]))


def test_a_position_that_was_never_sent_is_refused(owner: Client, eng: Eng) -> None:
    with pytest.raises(InvalidArgument) as caught:
        next(owner.watch_resources(eng.name, position="yesterday"))

    assert caught.value.reason == "FIELD_VIOLATION"
    assert caught.value.metadata == {"field": "position"}


def test_a_position_of_another_store_is_gone(owner: Client, eng: Eng) -> None:
    with pytest.raises(Aborted) as caught:
        next(owner.watch_resources(eng.name, position=f"{2**62}.1"))

    assert caught.value.reason == "POSITION_GONE"
    assert caught.value.metadata == {"position": f"{2**62}.1"}


def test_a_caller_who_watches_too_often_is_refused_and_others_are_not(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    pair.grant("watcher@contoso.com", "RDS Reader", f"/{eng.name}")
    other = pair.client("watcher@contoso.com")
    held = [other.watch_resources(eng.name) for _ in range(STREAMS_PER_CALLER)]
    for one in held:
        next(one)

    with pytest.raises(ResourceExhausted) as caught:
        next(other.watch_resources(eng.name))

    assert caught.value.metadata == {"limit": str(STREAMS_PER_CALLER)}
    assert next(owner.watch_resources(eng.name)).position
