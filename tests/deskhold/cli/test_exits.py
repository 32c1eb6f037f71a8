"""Every error has its exit code, and says what a person needs."""

from __future__ import annotations

import pytest

from deskhold import errors
from deskhold.cli import exits

CASES = [
    (errors.InvalidArgument("x"), 2),
    (errors.InvalidArgument("x", reason="IMPORT_REJECTED"), 1),
    (errors.NotFound("x", reason="HOST_NOT_FOUND"), 3),
    (errors.PermissionDenied("x"), 4),
    (errors.Unauthenticated("x"), 4),
    (errors.Unavailable("x"), 5),
    (errors.DeadlineExceeded("x"), 5),
    (errors.AlreadyExists("x"), 1),
    (errors.FailedPrecondition("x"), 1),
    (errors.ResourceExhausted("x"), 1),
    (errors.Aborted("x"), 1),
    (errors.Unimplemented("x"), 1),
    (errors.Internal("x"), 1),
]


@pytest.mark.parametrize(("error", "code"), CASES, ids=lambda one: type(one).__name__)
def test_an_error_has_its_exit_code(error: errors.DeskholdError, code: int) -> None:
    assert exits.code(error) == code


def test_every_kind_of_error_is_in_the_table_above() -> None:
    assert {type(error) for error, _ in CASES} == set(errors.DeskholdError.__subclasses__())


def test_the_text_has_reason_fields_request_id_and_when_to_retry() -> None:
    error = errors.InvalidArgument(
        "two fields are wrong",
        violations=(errors.FieldViolation("user", "is empty"),),
        retry_after_seconds=1.5,
        request_id="r-1",
    )

    assert list(exits.lines(error)) == [
        "error: two fields are wrong",
        "  reason: FIELD_VIOLATION",
        "  user: is empty",
        "  request id: r-1",
        "  try again in 1.5 s",
    ]


def test_the_first_of_what_stands_in_the_way_is_told() -> None:
    obstacles = tuple(
        errors.Obstacle("HOST_DRAINING", f"c/hosts/pc-{number}", f"pc-{number} takes no sessions")
        for number in range(1, 6)
    )
    error = errors.ResourceExhausted("none", reason="NO_FREE_HOST", obstacles=obstacles[:3])

    told = ["  reason: NO_FREE_HOST", *(f"  pc-{number} takes no sessions" for number in (1, 2, 3))]
    assert list(exits.lines(error)) == ["error: none", *told]

    error.obstacles = (*obstacles, errors.Obstacle("HOST_HELD", "c/hosts/pc-6", "is assigned"))
    assert list(exits.lines(error)) == ["error: none", *told, "  and 2 more"]


def test_what_the_message_says_already_is_not_repeated() -> None:
    error = errors.InvalidArgument.of_field("user", "is empty")

    assert list(exits.lines(error)) == ["error: user: is empty", "  reason: FIELD_VIOLATION"]


def test_who_is_not_signed_in_reads_the_command_that_helps() -> None:
    assert list(exits.lines(errors.Unauthenticated("no")))[-1].startswith(
        "  sign in: deskhold login --user "
    )
