"""The few ways to fail.

The use cases raise these, `deskhold.status` carries them over the wire, and the SDK raises them
again at the other end:

    DeskholdError
    ├── InvalidArgument      the request cannot be right, whatever the state
    ├── Unauthenticated      nobody knows who is calling
    ├── PermissionDenied     the caller may not, or may not know whether it exists
    ├── NotFound             it is not there
    ├── AlreadyExists        it is there with other content
    ├── FailedPrecondition   the state forbids it; change the state first
    ├── ResourceExhausted    nothing is left, or a limit is reached
    ├── Aborted              somebody else was faster; read again and retry
    ├── Unavailable          no answer can be given now; nothing was changed
    ├── DeadlineExceeded     the caller's time is up
    ├── Unimplemented        there is no such method
    └── Internal             a defect; the log says more
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong.

    Attributes:
        field: Path of the field in the request, as in the proto: `collection.auto_assign_user`.
        description: What is wrong with it and what would be right, in one sentence.
    """

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing of several that stands in the way.

    Attributes:
        reason: Why, UPPER_SNAKE, published in `deskhold.api.errors.v1.ErrorReason`.
        subject: Name of the resource that it is about.
        description: Why, in words.
    """

    reason: str
    subject: str
    description: str


class DeskholdError(Exception):
    """Any failure that a caller may see.

    Args:
        message: What is wrong, with which value, and what to do
            next; one sentence without internals.
        reason: UPPER_SNAKE and stable, published in `deskhold.api.errors.v1.ErrorReason`.
        metadata: Every value that the message names, for programs.
        violations: The fields that are wrong, when fields are.
        obstacles: What stands in the way, when it is several things; the first ones of many.
        retry_after_seconds: When repeating the call can help, how long to wait first.
        request_id: At the client, the id under which the server logged the call.
    """

    default_reason: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        metadata: dict[str, str] | None = None,
        violations: tuple[FieldViolation, ...] = (),
        obstacles: tuple[Obstacle, ...] = (),
        retry_after_seconds: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.metadata = metadata or {}
        self.violations = violations
        self.obstacles = obstacles
        self.retry_after_seconds = retry_after_seconds
        self.request_id = request_id


class InvalidArgument(DeskholdError):
    """The request cannot be right, whatever the state of the system."""

    default_reason = "FIELD_VIOLATION"

    @classmethod
    def of_field(cls, field: str, description: str) -> InvalidArgument:
        """Return the error for one wrong field."""
        violation = FieldViolation(field, description)
        return cls(f"{field}: {description}", metadata={"field": field}, violations=(violation,))


class Unauthenticated(DeskholdError):
    """Nobody knows who is calling."""

    default_reason = "CREDENTIAL_INVALID"


class PermissionDenied(DeskholdError):
    """The caller may not, or may not know whether it exists."""

    default_reason = "ACTION_DENIED"


class NotFound(DeskholdError):
    """It is not there."""


class AlreadyExists(DeskholdError):
    """It is there with other content."""


class FailedPrecondition(DeskholdError):
    """The state forbids it; change the state first."""


class ResourceExhausted(DeskholdError):
    """Nothing is left, or a limit is reached."""

    default_reason = "QUOTA"


class Aborted(DeskholdError):
    """Somebody else was faster; read again and retry."""

    default_reason = "ETAG_MISMATCH"


class Unavailable(DeskholdError):
    """No answer can be given now; nothing was changed."""

    default_reason = "STORE_UNAVAILABLE"


class DeadlineExceeded(DeskholdError):
    """The caller's time is up."""

    default_reason = "DEADLINE_EXCEEDED"


class Unimplemented(DeskholdError):
    """There is no such method."""

    default_reason = "UNIMPLEMENTED"


class Internal(DeskholdError):
    """A defect; the server's log says more under the request id."""

    default_reason = "INTERNAL"
