from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest

from deskhold.api.rbac.v1.scopes_pb2 import (
    CreateScopeRequest,
    DeleteScopeRequest,
    GetScopeRequest,
    Scope,
)
from deskhold.chassis import validation
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Call, Handler, Method, current
from deskhold.chassis.layers import Recorder, wrap
from deskhold.errors import Internal, InvalidArgument, PermissionDenied, Unauthenticated
from tests.deskhold.chassis.carrier import DELETE, ENG, READ, Carrier

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_layers_refuse_in_their_order(carrier: Carrier) -> None:
    """Everything is wrong with the first call, and less with each that follows."""
    wrong_name, wrong_field = (
        DeleteScopeRequest(name="eng", request_id="no uuid"),
        DeleteScopeRequest(name=ENG, request_id="no uuid"),
    )

    with pytest.raises(Unauthenticated):
        await carrier.call(wrong_name, metadata=())
    with pytest.raises(InvalidArgument, match="name:"):
        await carrier.call(wrong_name)
    with pytest.raises(PermissionDenied):
        await carrier.call(wrong_field)
    carrier.authorizer.actions.add(DELETE)
    with pytest.raises(InvalidArgument, match="request_id:"):
        await carrier.call(wrong_field)
    await carrier.call(DeleteScopeRequest(name=ENG))


async def test_a_layer_of_the_services_own_sees_every_call_and_what_it_ends_with(
    carrier: Carrier,
) -> None:
    refused = DeleteScopeRequest(name=ENG)

    with pytest.raises(Unauthenticated):
        await carrier.call(refused, metadata=())
    with pytest.raises(PermissionDenied):
        await carrier.call(refused)
    carrier.authorizer.actions.add(DELETE)
    await carrier.call(refused)

    (nobody, unknown), (alice, denied), (allowed, fine) = carrier.observed
    assert (unknown, denied, fine) == (Unauthenticated, PermissionDenied, None)
    assert (nobody.caller, nobody.needs) == (None, ())
    need = Need(DELETE, f"/{ENG}")
    assert list(alice.needs) == list(allowed.needs) == [need]
    assert alice.authenticated.key == "user:alice@contoso.com"
    assert (alice.grant.decision_id, allowed.grant.decision_id) == ("", "d-17")


async def test_calls_served_at_the_same_moment_know_only_themselves(carrier: Carrier) -> None:
    carrier.authorizer.actions.add(READ)
    together = asyncio.Barrier(5)

    async def meet(_: Any) -> Scope:
        await together.wait()
        return Scope(name=current().authenticated.key)

    carrier.behave = meet
    users = [f"user-{number}@contoso.com" for number in range(5)]
    answers = await asyncio.gather(
        *(
            carrier.call(
                GetScopeRequest(name=ENG),
                metadata=(("authorization", f"Bearer {carrier.tokens.of(user)}"),),
            )
            for user in users
        )
    )

    assert [answer.name for answer in answers] == [f"user:{user}" for user in users]


async def test_a_method_that_takes_a_stream_is_refused_at_the_start() -> None:
    recorder = Recorder()
    taking: Any = grpc.stream_unary_rpc_method_handler(lambda requests, context: None)
    recorder.add_registered_method_handlers("p.S", {"Upload": taking})

    with pytest.raises(ValueError, match="Upload takes a stream"):
        wrap(recorder, {"p.S/Upload": HealthCheckRequest}, ())


async def test_a_method_that_answers_with_a_stream_is_taken() -> None:
    recorder = Recorder()
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), recorder)  # type: ignore[arg-type]
    paths = [f"{health.SERVICE_NAME}/{name}" for name in ("Check", "Watch", "List")]

    wrap(recorder, dict.fromkeys(paths, HealthCheckRequest), ())


@pytest.mark.parametrize("mark", [None, validation.by_servicer])
async def test_only_a_marked_method_validates_its_requests_itself(mark: Any) -> None:
    async def get(request: GetScopeRequest, context: Any) -> Scope:
        return Scope()

    seen: list[Method] = []

    def look(method: Method, handler: Handler) -> Handler:
        seen.append(method)
        return validation.layer(method, handler)

    recorder = Recorder()
    behavior = get if mark is None else mark(get)
    recorder.add_registered_method_handlers(
        "p.S", {"Get": grpc.unary_unary_rpc_method_handler(behavior)}
    )
    wrap(recorder, {"p.S/Get": GetScopeRequest}, (look,))

    assert [method.validates_itself for method in seen] == [mark is not None]


async def test_a_layer_leaves_a_method_that_validates_itself_alone() -> None:
    async def served(_: Any, __: Any) -> Scope:
        return Scope()

    theirs = Method("p.S/Get", CreateScopeRequest, validates_itself=True)
    ours = Method("p.S/Get", CreateScopeRequest)
    wrong, call = CreateScopeRequest(request_id="no uuid"), cast(Call, None)

    assert await validation.layer(theirs, served)(wrong, call) == Scope()
    with pytest.raises(InvalidArgument):
        await validation.layer(ours, served)(wrong, call)


async def test_asking_for_the_caller_before_authn_is_a_defect(carrier: Carrier) -> None:
    async def forget_the_caller(_: Any) -> Scope:
        current().caller = None
        return Scope(name=current().authenticated.key)

    carrier.behave = forget_the_caller
    carrier.authorizer.actions.add(READ)

    with pytest.raises(Internal):
        await carrier.call(GetScopeRequest(name=ENG))


async def test_a_method_is_known_to_the_access_table_by_service_and_name() -> None:
    method = Method("deskhold.api.rbac.v1.ScopeService/GetScope", GetScopeRequest)

    assert method.name == "ScopeService/GetScope"
