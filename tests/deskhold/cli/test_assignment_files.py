"""`assignment import` and `export`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deskhold import errors
from deskhold.api.broker.v1.assignments_pb2 import (
    ROW_OUTCOME_ASSIGNED,
    ROW_OUTCOME_REJECTED,
    Assignment,
    ExportAssignmentsResponse,
    ImportAssignmentsRequest,
    ImportAssignmentsResponse,
    RowVerdict,
)
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

IMPORT = ("assignment", "import", "--collection", "eng")
EXPORT = ("assignment", "export", "--collection", "eng")
GOOD = RowVerdict(line=2, host="pc-1", user="a@b.c", outcome=ROW_OUTCOME_ASSIGNED)
BAD = RowVerdict(
    line=3,
    host="pc-9",
    user="b@b.c",
    outcome=ROW_OUTCOME_REJECTED,
    reason="HOST_NOT_FOUND",
    message="eng has no host pc-9",
)
CONTENT = b"DesktopName,User\r\npc-1,a@b.c\r\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "assignments.csv"
    path.write_bytes(CONTENT)
    return str(path)


def rejecting(request: ImportAssignmentsRequest) -> ImportAssignmentsResponse:
    if not request.validate_only:
        raise errors.InvalidArgument("1 of 2 rows is rejected", reason="IMPORT_REJECTED")
    return ImportAssignmentsResponse(rows=[GOOD, BAD], assigned_count=1, rejected_count=1)


def test_the_bytes_of_the_file_are_sent_as_they_are(
    run: Run, file: str, service: StubService
) -> None:
    service.answers["ImportAssignments"] = ImportAssignmentsResponse(
        rows=[GOOD], assigned_count=1, removed=[Assignment()]
    )

    done = run(*IMPORT, file, "--replace")

    (request,) = service.requests("ImportAssignments")
    assert (request.content, request.replace, request.validate_only) == (CONTENT, True, False)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "ASSIGNED:   1",
        "UNCHANGED:  0",
        "REJECTED:   0",
        "REMOVED:    1",
    ]


def test_a_dash_is_stdin(run: Run, service: StubService) -> None:
    service.answers["ImportAssignments"] = ImportAssignmentsResponse()
    utf16 = "pc-1\ta@b.c\r\n".encode("utf-16")

    assert run(*IMPORT, "-", stdin=utf16).exit_code == 0

    assert service.requests("ImportAssignments")[0].content == utf16


def test_every_rejected_row_is_printed_with_its_line(
    run: Run, file: str, service: StubService
) -> None:
    service.answers["ImportAssignments"] = rejecting

    done = run(*IMPORT, file)

    assert done.exit_code == 1
    assert done.stdout.splitlines()[1:] == [
        "3     pc-9  b@b.c  rejected  HOST_NOT_FOUND  eng has no host pc-9"
    ]
    assert "IMPORT_REJECTED" in done.stderr
    assert [one.validate_only for one in service.requests("ImportAssignments")] == [False, True]


def test_what_the_rows_say_is_not_said_again_as_an_error(
    run: Run, file: str, service: StubService
) -> None:
    rejected = errors.InvalidArgument(
        "1 of 2 rows is rejected",
        reason="IMPORT_REJECTED",
        violations=(errors.FieldViolation("content[3]", BAD.message),),
    )
    verdicts = ImportAssignmentsResponse(rows=[GOOD, BAD], rejected_count=1)
    service.answers["ImportAssignments"] = [rejected, verdicts]

    done = run(*IMPORT, file)

    assert BAD.message in done.stdout
    assert BAD.message not in done.stderr


def test_an_empty_file_is_refused_before_it_is_sent(
    run: Run, file: str, service: StubService
) -> None:
    Path(file).write_bytes(b"")

    done = run(*IMPORT, file)

    assert done.exit_code == 2
    assert f"{file} is empty" in done.stderr
    assert service.seen == []


def test_in_json_every_row_is_printed(run: Run, file: str, service: StubService) -> None:
    service.answers["ImportAssignments"] = rejecting

    done = run(*IMPORT, file, "-o", "json")

    assert done.exit_code == 1
    assert [row["line"] for row in json.loads(done.stdout)["rows"]] == [2, 3]


def test_the_plan_of_a_bad_file_is_exit_code_1_and_of_a_good_one_0(
    run: Run, file: str, service: StubService
) -> None:
    service.answers["ImportAssignments"] = [rejecting, ImportAssignmentsResponse(rows=[GOOD])]

    assert run(*IMPORT, file, "--validate-only").exit_code == 1
    assert run(*IMPORT, file, "--validate-only").exit_code == 0
    assert all(one.validate_only for one in service.requests("ImportAssignments"))


def test_another_failure_is_not_taken_for_rejected_rows(
    run: Run, file: str, service: StubService
) -> None:
    service.answers["ImportAssignments"] = errors.InvalidArgument.of_field("content", "is empty")

    assert run(*IMPORT, file).exit_code == 2
    assert len(service.seen) == 1


def test_a_file_that_is_not_there_is_wrong_usage(run: Run, service: StubService) -> None:
    assert run(*IMPORT, "/nowhere/at-all.csv").exit_code == 2
    assert service.seen == []


def test_on_a_terminal_an_import_shows_that_it_goes_on(
    run_on_terminal: RunOnTerminal, file: str, service: StubService
) -> None:
    service.answers["ImportAssignments"] = ImportAssignmentsResponse(rows=[GOOD], assigned_count=1)

    shown = run_on_terminal(*IMPORT, file)

    assert shown.code == 0
    assert "importing" in shown.terminal
    assert "importing" not in shown.stdout


def test_an_export_replaces_the_file_as_a_whole(
    run: Run, file: str, service: StubService, tmp_path: Path
) -> None:
    service.answers["ExportAssignments"] = ExportAssignmentsResponse(content=b"new\n", row_count=0)

    assert run(*EXPORT, file).exit_code == 0

    assert Path(file).read_bytes() == b"new\n"
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_a_failed_export_leaves_the_file_as_it_was(
    run: Run, file: str, service: StubService
) -> None:
    service.answers["ExportAssignments"] = errors.PermissionDenied("no")

    assert run(*EXPORT, file).exit_code == 4

    assert Path(file).read_bytes() == CONTENT


def test_an_export_to_a_dash_is_the_bytes_on_stdout(run: Run, service: StubService) -> None:
    service.answers["ExportAssignments"] = ExportAssignmentsResponse(content=b"a\nb\n")

    done = run(*EXPORT, "-")

    assert (done.exit_code, done.stdout_bytes, done.stderr) == (0, b"a\nb\n", "")
