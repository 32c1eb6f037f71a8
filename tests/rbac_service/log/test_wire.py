"""AuditService and WatchService over TLS."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from deskhold.api.rbac.v1 import (
    access_pb2,
    access_pb2_grpc,
    audit_pb2,
    audit_pb2_grpc,
    watch_pb2,
    watch_pb2_grpc,
)
from deskhold.chassis.streams import STREAMS_PER_CALLER
from deskhold.errors import InvalidArgument, PermissionDenied, ResourceExhausted
from deskhold.status import from_rpc_error
from rbac_service.log import servicer
from rbac_service.log.messages import event_message
from rbac_service.log.rules import Entry
from tests.rbac_service.deployments import Deployment, Wire


def audit(wire: Wire) -> Any:
    return audit_pb2_grpc.AuditServiceStub(wire.channel)


async def test_the_log_is_listed_in_pages_with_who_what_and_the_chain(
    deployment: Deployment,
) -> None:
    for number in range(2, 5):
        await deployment.assign(f"u{number}@x", "RDS Reader")
    async with deployment.served() as wire:
        entries, token = [], ""
        while True:
            page = await wire.call(
                audit(wire).ListLogEntries,
                audit_pb2.ListLogEntriesRequest(page_size=3, page_token=token),
            )
            entries.extend(page.entries)
            token = page.next_page_token
            if not token:
                break
    assert [entry.revision for entry in entries] == [1, 2, 3, 4]
    assert [entry.actor for entry in entries] == ["local:bootstrap", *["user:alice@x"] * 3]
    assert [one.previous_hash for one in entries[1:]] == [one.hash for one in entries[:-1]]
    (change,) = entries[1].changes
    assert change.kind == "add_role_assignment"
    assert change.row["principal_key"] == "user:u2@x"


async def test_the_log_is_filtered_by_author_whatever_the_alias(deployment: Deployment) -> None:
    await deployment.assign("bob@x", "RDS Reader")
    async with deployment.served() as wire:
        page = await wire.call(
            audit(wire).ListLogEntries, audit_pb2.ListLogEntriesRequest(actor="user:X\\Alice")
        )
        assert [entry.revision for entry in page.entries] == [2]
        local = audit_pb2.ListLogEntriesRequest(actor="local:bootstrap", after_revision=0)
        page = await wire.call(audit(wire).ListLogEntries, local)
        assert [entry.revision for entry in page.entries] == [1]
        assert page.next_page_token == ""
        with pytest.raises(InvalidArgument):
            await wire.call(
                audit(wire).ListLogEntries, audit_pb2.ListLogEntriesRequest(actor="alice")
            )


async def test_verifying_tells_how_much_fits_and_the_hash_to_keep(deployment: Deployment) -> None:
    await deployment.assign("bob@x", "RDS Reader")
    async with deployment.served() as wire:
        found = await wire.call(audit(wire).VerifyLog, audit_pb2.VerifyLogRequest())
        page = await wire.call(audit(wire).ListLogEntries, audit_pb2.ListLogEntriesRequest())
    assert (found.verified_count, found.first_bad_revision, found.problem) == (2, 0, "")
    assert found.head_hash == page.entries[-1].hash


async def test_a_check_and_the_gate_leave_their_decisions(deployment: Deployment) -> None:
    async with deployment.served() as wire:
        check = access_pb2_grpc.AccessServiceStub(wire.channel).CheckAccess
        answer = await wire.call(
            check,
            access_pb2.CheckAccessRequest(action="deskhold.resources/hosts/write", scope="/"),
            user="bob@x",
        )
        with pytest.raises(PermissionDenied) as refused:
            await wire.call(audit(wire).VerifyLog, audit_pb2.VerifyLogRequest(), user="bob@x")
        page = await wire.call(
            audit(wire).ListDecisions, audit_pb2.ListDecisionsRequest(principal="user:bob@x")
        )
    gate, asked = page.decisions
    assert (asked.decision_id, asked.allowed) == (answer.decision_id, False)
    assert gate.decision_id == refused.value.metadata["decision"]
    assert gate.action == "deskhold.authorization/log/read"
    assert page.dropped_count == 0


async def test_a_watch_hears_revisions_as_they_come_and_ends_cleanly_on_drain(
    deployment: Deployment,
) -> None:
    async with deployment.served() as wire:
        stub: Any = watch_pb2_grpc.WatchServiceStub(wire.channel)
        call = stub.Watch(watch_pb2.WatchRequest(from_now=True), metadata=wire.as_user())
        assert (await call.read()).checkpoint.revision == 1
        await deployment.assign("bob@x", "RDS Reader")
        heard = await call.read()
        while not heard.HasField("entry"):
            heard = await call.read()
        assert heard.entry.revision == 2
        stopping = asyncio.create_task(wire.server.stop())
        while await call.read() is not grpc.aio.EOF:
            pass
        assert await call.code() is grpc.StatusCode.OK
        # Well before the 30 seconds that calls in flight get.
        await asyncio.wait_for(stopping, 10)


async def test_watching_needs_the_right_to_read_the_log(deployment: Deployment) -> None:
    async with deployment.served() as wire:
        stub: Any = watch_pb2_grpc.WatchServiceStub(wire.channel)
        call = stub.Watch(watch_pb2.WatchRequest(), metadata=wire.as_user("bob@x"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()
        assert isinstance(from_rpc_error(refused.value), PermissionDenied)


async def test_a_large_revision_is_built_once_for_all_who_watch(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicer, "_BUILT_AT_ONCE", 0)
    built: list[int] = []

    def build(event: Any) -> watch_pb2.WatchResponse:
        if isinstance(event, Entry):
            built.append(event.revision)
        return event_message(event)

    monkeypatch.setattr(servicer, "event_message", build)
    async with deployment.served() as wire:
        stub: Any = watch_pb2_grpc.WatchServiceStub(wire.channel)
        request = watch_pb2.WatchRequest(from_now=True)
        watches = [stub.Watch(request, metadata=wire.as_user()) for _ in range(3)]
        for watch in watches:
            await watch.read()
        await deployment.assign("bob@x", "RDS Reader")
        for watch in watches:
            while not (heard := await watch.read()).HasField("entry"):
                pass
            assert heard.entry.changes[0].row["principal_key"] == "user:bob@x"

    assert built == [2]


async def test_a_caller_who_watches_too_often_is_refused_and_others_are_not(
    deployment: Deployment,
) -> None:
    await deployment.assign("bob@x", "RDS Owner")
    async with deployment.served() as wire:
        stub: Any = watch_pb2_grpc.WatchServiceStub(wire.channel)

        def watch(*who: str) -> Any:
            return stub.Watch(watch_pb2.WatchRequest(), metadata=wire.as_user(*who))

        held = [watch() for _ in range(STREAMS_PER_CALLER)]
        for one in held:
            await one.read()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await watch().read()
        assert (await watch("bob@x").read()).entry.revision == 1
        error = from_rpc_error(refused.value)
        assert isinstance(error, ResourceExhausted)
        assert error.metadata == {"limit": str(STREAMS_PER_CALLER)}
