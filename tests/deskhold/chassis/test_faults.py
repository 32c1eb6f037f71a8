from __future__ import annotations

from typing import Any

import grpc
import pytest

from deskhold import errors, status
from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest, Scope
from tests.deskhold.chassis.carrier import Carrier

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST = CreateScopeRequest(scope=Scope(name="/tenantGroups/contoso"))
ALL = [cls for cls in errors.DeskholdError.__subclasses__() if cls.__module__ == errors.__name__]


def raising(error: Exception) -> Any:
    async def behave(_: Any) -> None:
        raise error

    return behave


@pytest.fixture
def as_alice(carrier: Carrier) -> tuple[tuple[str, str], ...]:
    return (
        ("authorization", f"Bearer {carrier.tokens.of()}"),
        (status.REQUEST_ID_KEY, "the-request"),
    )


@pytest.mark.parametrize("cls", ALL)
async def test_an_error_raised_in_a_servicer_is_the_same_error_at_the_client(
    cls: type[errors.DeskholdError], carrier: Carrier, as_alice: Any
) -> None:
    carrier.behave = raising(
        cls(
            "pc-017 is held by CONTOSO\\älice",
            reason="HOST_HELD",
            metadata={"host": "pc-017", "held_by": "CONTOSO\\älice"},
            violations=(errors.FieldViolation("host", "is held"),),
            retry_after_seconds=1.5,
        )
    )

    with pytest.raises(errors.DeskholdError) as raised:
        await carrier.call(REQUEST, metadata=as_alice)

    error = raised.value
    assert type(error) is cls
    assert error.message == "pc-017 is held by CONTOSO\\älice"
    assert error.reason == "HOST_HELD"
    assert error.metadata == {"host": "pc-017", "held_by": "CONTOSO\\älice"}
    assert error.violations == (errors.FieldViolation("host", "is held"),)
    assert error.retry_after_seconds == 1.5
    assert error.request_id == "the-request"


async def test_an_unknown_exception_is_an_internal_error_that_leaks_nothing(
    carrier: Carrier, as_alice: Any
) -> None:
    carrier.behave = raising(ValueError("the password is swordfish"))

    with pytest.raises(grpc.RpcError) as raised:
        await carrier.begin(REQUEST, metadata=as_alice)

    error = status.from_rpc_error(raised.value)
    assert type(error) is errors.Internal
    assert error.message == ("internal error; the service logged it under request id the-request")
    assert (error.reason, error.metadata, error.request_id) == ("INTERNAL", {}, "the-request")
    sent = f"{raised.value.details()}{raised.value.trailing_metadata()}"
    assert "swordfish" not in sent
    assert "ValueError" not in sent
    assert ".py" not in sent


async def test_an_unknown_exception_is_logged_with_its_traceback_and_request_id(
    carrier: Carrier, as_alice: Any
) -> None:
    carrier.behave = raising(ValueError("the password is swordfish"))

    with pytest.raises(grpc.RpcError):
        await carrier.begin(REQUEST, metadata=as_alice)

    (defect,) = (line for line in carrier.lines if line["event"] == "defect")
    assert defect["request_id"] == "the-request"
    assert defect["method"] == "ScopeService/CreateScope"
    assert "ValueError: the password is swordfish" in defect["exception"]


async def test_an_answer_carries_its_request_id(carrier: Carrier, as_alice: Any) -> None:
    call = carrier.begin(REQUEST, metadata=as_alice)
    await call

    assert dict(await call.trailing_metadata())[status.REQUEST_ID_KEY] == "the-request"


async def test_a_call_without_a_request_id_is_given_one(carrier: Carrier) -> None:
    carrier.behave = raising(errors.NotFound("no such host", reason="HOST_NOT_FOUND"))

    with pytest.raises(errors.NotFound) as raised:
        await carrier.call(REQUEST)

    assert len(raised.value.request_id) == 32


async def test_a_request_id_too_long_for_the_log_is_replaced(carrier: Carrier) -> None:
    alice = ("authorization", f"Bearer {carrier.tokens.of()}")
    call = carrier.begin(REQUEST, metadata=(alice, (status.REQUEST_ID_KEY, "x" * 65)))
    await call

    assert len(dict(await call.trailing_metadata())[status.REQUEST_ID_KEY]) == 32


async def test_a_method_that_is_not_there_is_unimplemented(carrier: Carrier) -> None:
    method: Any = carrier.channel.unary_unary("/deskhold.api.rbac.v1.ScopeService/Mow")

    with pytest.raises(grpc.RpcError) as raised:
        await method(b"")

    assert type(status.from_rpc_error(raised.value)) is errors.Unimplemented
