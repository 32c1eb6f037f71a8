from __future__ import annotations

import inspect

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from deskhold import errors, status
from deskhold.errors import DeskholdError, FieldViolation, Obstacle

# The whole table of the wire, as design.md 5 has it.
CODES: dict[type[DeskholdError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.Internal: grpc.StatusCode.INTERNAL,
}
ALL = st.sampled_from(list(CODES))


@st.composite
def failures(draw: st.DrawFn) -> DeskholdError:
    """Draw any error there may be."""
    return draw(ALL)(
        draw(st.text()),
        reason=draw(st.none() | st.from_regex(r"\A[A-Z][A-Z_]{1,20}\Z")),
        metadata=draw(st.dictionaries(st.text(), st.text(), max_size=4)),
        violations=tuple(
            draw(st.lists(st.builds(FieldViolation, st.text(), st.text()), max_size=3))
        ),
        obstacles=tuple(
            draw(st.lists(st.builds(Obstacle, st.text(), st.text(), st.text()), max_size=3))
        ),
        # A whole number of microseconds, which the wire's nanoseconds keep.
        retry_after_seconds=draw(st.none() | st.integers(0, 10**12).map(lambda us: us / 10**6)),
    )


def content(error: DeskholdError) -> tuple[object, ...]:
    return (
        type(error),
        error.message,
        error.reason,
        error.metadata,
        error.violations,
        error.obstacles,
        error.request_id,
    )


@given(failures(), st.text(max_size=64))
def test_every_error_arrives_as_it_was_sent(error: DeskholdError, request_id: str) -> None:
    back = status.from_status(status.to_status(error, request_id=request_id))

    error.request_id = request_id
    assert content(back) == content(error)
    assert back.retry_after_seconds == pytest.approx(error.retry_after_seconds)


@pytest.mark.parametrize("seconds", [0, 0.000511, 0.1, 1.5, 3600])
def test_the_time_to_wait_arrives_to_the_nanosecond(seconds: float) -> None:
    error = errors.Unavailable("busy", retry_after_seconds=seconds)

    assert status.from_status(status.to_status(error, request_id="")).retry_after_seconds == seconds


@pytest.mark.parametrize("cls", CODES)
def test_an_error_travels_under_its_code(cls: type[DeskholdError]) -> None:
    assert status.code_of(cls("no")) is CODES[cls]
    assert status.to_status(cls("no"), request_id="").code == CODES[cls].value[0]


def test_every_error_has_a_code_of_its_own() -> None:
    declared = {
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, DeskholdError) and cls is not DeskholdError
    }

    assert set(CODES) == declared
    assert len(set(CODES.values())) == len(declared)


@pytest.mark.parametrize("code", sorted({code.value[0] for code in grpc.StatusCode} | {99, -1}))
def test_a_code_that_no_error_of_ours_has_is_an_internal_error(code: int) -> None:
    known = {own.value[0]: cls for cls, own in CODES.items()}

    back = status.from_status(status_pb2.Status(code=code, message="from elsewhere"))

    assert type(back) is known.get(code, errors.Internal)
    assert back.message == "from elsewhere"


@pytest.mark.parametrize("cls", CODES)
def test_a_status_without_details_is_the_error_of_its_code(cls: type[DeskholdError]) -> None:
    back = status.from_status(status_pb2.Status(code=CODES[cls].value[0], message="no"))

    assert content(back) == (cls, "no", cls.default_reason, {}, (), (), "")
    assert back.retry_after_seconds is None


def test_details_of_kinds_we_do_not_know_are_left_out() -> None:
    sent = status.to_status(errors.NotFound("no host", reason="HOST_NOT_FOUND"), request_id="r")
    unknown = AnyMessage(type_url="type.googleapis.com/elsewhere.Detail", value=b"\xff")
    sent.details.insert(0, unknown)

    assert status.from_status(sent).reason == "HOST_NOT_FOUND"


def test_the_details_are_those_of_google_rpc() -> None:
    error = errors.InvalidArgument(
        "host: is empty",
        metadata={"field": "host"},
        violations=(FieldViolation("host", "is empty"),),
        retry_after_seconds=2.5,
    )

    details = status.to_status(error, request_id="r-1").details
    info, bad, retry, request = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
        error_details_pb2.RequestInfo(),
    )

    assert [
        detail.Unpack(into)
        for detail, into in zip(details, (info, bad, retry, request), strict=True)
    ] == [True] * 4
    assert (info.reason, info.domain, dict(info.metadata)) == (
        "FIELD_VIOLATION",
        "deskhold",
        {"field": "host"},
    )
    assert [(one.field, one.description, one.reason) for one in bad.field_violations] == [
        ("host", "is empty", "FIELD_VIOLATION")
    ]
    assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (2, 500_000_000)
    assert request.request_id == "r-1"


def test_what_does_not_apply_is_not_sent() -> None:
    sent = status.to_status(errors.NotFound("no host"), request_id="")

    assert [detail.TypeName() for detail in sent.details] == ["google.rpc.ErrorInfo"]
