"""The one table between errors and gRPC statuses, read in both directions.

Outgoing, an error becomes a `google.rpc.Status` with ErrorInfo (AIP-193), BadRequest,
PreconditionFailure, RequestInfo and RetryInfo where they apply. Incoming, the status of a failed
call becomes the same error again; a status without details, as gRPC itself sends them, becomes the
error of its code.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc import RpcError, StatusCode

from deskhold import errors

DOMAIN = "deskhold"
DETAILS_KEY = "grpc-status-details-bin"
REQUEST_ID_KEY = "x-request-id"

_CODES: dict[type[errors.DeskholdError], StatusCode] = {
    errors.InvalidArgument: StatusCode.INVALID_ARGUMENT,
    errors.Unauthenticated: StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: StatusCode.PERMISSION_DENIED,
    errors.NotFound: StatusCode.NOT_FOUND,
    errors.AlreadyExists: StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: StatusCode.FAILED_PRECONDITION,
    errors.ResourceExhausted: StatusCode.RESOURCE_EXHAUSTED,
    errors.Aborted: StatusCode.ABORTED,
    errors.Unavailable: StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
    errors.Unimplemented: StatusCode.UNIMPLEMENTED,
    errors.Internal: StatusCode.INTERNAL,
}
_CLASSES = {code.value[0]: cls for cls, code in _CODES.items()}


def code_of(error: errors.DeskholdError) -> StatusCode:
    """Return the gRPC code that stands for an error."""
    return _CODES[type(error)]


def to_status(error: errors.DeskholdError, *, request_id: str) -> status_pb2.Status:
    """Return an error as it travels."""
    details = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    ]
    status = status_pb2.Status(code=code_of(error).value[0], message=error.message)
    packed = [_pack(detail) for detail in details]
    if error.violations:
        bad = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(
                    field=violation.field, description=violation.description, reason=error.reason
                )
                for violation in error.violations
            ]
        )
        packed.append(_pack(bad))
    if error.obstacles:
        failure = error_details_pb2.PreconditionFailure(
            violations=[
                error_details_pb2.PreconditionFailure.Violation(
                    type=one.reason, subject=one.subject, description=one.description
                )
                for one in error.obstacles
            ]
        )
        packed.append(_pack(failure))
    if error.retry_after_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(round(error.retry_after_seconds * 1e9))
        packed.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
    if request_id:
        packed.append(_pack(error_details_pb2.RequestInfo(request_id=request_id)))
    status.details.extend(packed)
    return status


def from_status(status: status_pb2.Status) -> errors.DeskholdError:
    """Return the error that a status stands for."""
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    failure = error_details_pb2.PreconditionFailure()
    retry = error_details_pb2.RetryInfo()
    request = error_details_pb2.RequestInfo()
    for detail in status.details:
        for message in (info, bad, failure, retry, request):
            detail.Unpack(message)  # leaves messages of other types as they are
    cls = _CLASSES.get(status.code, errors.Internal)
    return cls(
        status.message,
        reason=info.reason or None,
        metadata=dict(info.metadata),
        violations=tuple(
            errors.FieldViolation(violation.field, violation.description)
            for violation in bad.field_violations
        ),
        obstacles=tuple(
            errors.Obstacle(one.type, one.subject, one.description) for one in failure.violations
        ),
        retry_after_seconds=retry.retry_delay.ToNanoseconds() / 1e9
        if retry.HasField("retry_delay")
        else None,
        request_id=request.request_id,
    )


def from_rpc_error(error: RpcError) -> errors.DeskholdError:
    """Return the error that a failed call, synchronous or not, stands for."""
    status = status_pb2.Status(code=error.code().value[0], message=error.details() or "")
    # types-grpcio takes the pairs for objects.
    trailers = cast("Iterable[tuple[str, bytes]]", error.trailing_metadata() or ())
    for key, value in trailers:
        if key == DETAILS_KEY:
            status = status_pb2.Status.FromString(value)
    return from_status(status)


def _pack(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
