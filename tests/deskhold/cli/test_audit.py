"""audit: the log, its verification, the decisions, and following it."""

from __future__ import annotations

import json

from deskhold import errors
from deskhold.api.rbac.v1.audit_pb2 import (
    DecisionEntry,
    ListDecisionsResponse,
    ListLogEntriesResponse,
    LogChange,
    LogEntry,
    VerifyLogResponse,
)
from deskhold.api.rbac.v1.watch_pb2 import Checkpoint, WatchResponse
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService


def change(kind: str, **row: str) -> LogChange:
    made = LogChange(kind=kind)
    made.row.update(row)
    return made


def entry(revision: int, *changes: LogChange) -> LogEntry:
    return LogEntry(revision=revision, actor="user:alice@contoso.com", changes=changes)


CHANGES = (
    change("add_role_assignment", principal_key="user:bob", scope="/"),
    change("remove_group_member", group_key="group:staff", member_key="user:bob"),
    change("add_group", group_key="group:staff"),
    change("add_scope", path="/tenantGroups/g"),
)


def test_the_log_says_in_words_what_changed(run: Run, service: StubService) -> None:
    service.answers["ListLogEntries"] = ListLogEntriesResponse(entries=[entry(7, *CHANGES)])

    done = run("audit", "log", "--after", "6", "--actor", "user:alice@contoso.com")
    whole = json.loads(run("audit", "log", "-o", "json").stdout)

    assert (
        "+ role assignment user:bob at /, - group member user:bob in group:staff, + group staff,"
        " and 1 more"
    ) in done.stdout
    assert len(whole[0]["changes"]) == 4
    request = service.requests("ListLogEntries")[0]
    assert (request.after_revision, request.actor) == (6, "user:alice@contoso.com")


def test_the_log_of_a_time_and_at_most_so_many(run: Run, service: StubService) -> None:
    service.answers["ListLogEntries"] = ListLogEntriesResponse(
        entries=[entry(1), entry(2), entry(3)]
    )

    done = run(
        *("audit", "log", "--since", "2030-01-01", "--before", "2030-01-02T00:00+01:00"),
        *("--limit", "2", "-o", "name"),
    )

    assert done.stdout == "1\n2\n"
    request = service.requests("ListLogEntries")[0]
    assert request.end_time.seconds - request.start_time.seconds == 23 * 3600


def test_a_log_that_fits_is_intact(run: Run, service: StubService) -> None:
    service.answers["VerifyLog"] = VerifyLogResponse(verified_count=9, head_hash=b"\xab\xcd")

    done = run("audit", "verify")

    assert done.exit_code == 0
    assert "INTACT:               yes" in done.stdout
    assert "HEAD:                 abcd" in done.stdout


def test_a_broken_log_is_exit_code_1_and_names_the_entry(run: Run, service: StubService) -> None:
    service.answers["VerifyLog"] = VerifyLogResponse(
        verified_count=4, first_bad_revision=5, problem="its hash does not fit"
    )

    done = run("audit", "verify", "-o", "json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["intact"] is False
    assert done.stderr == "the log is broken at revision 5: its hash does not fit\n"


def test_decisions_are_filtered_by_the_service(run: Run, service: StubService) -> None:
    service.answers["ListDecisions"] = ListDecisionsResponse(
        decisions=[DecisionEntry(decision_id="d-1"), DecisionEntry(decision_id="d-2")]
    )

    words = ("--denied", "--principal", "user:bob", "--decision", "d-1", "--limit", "1")
    done = run("audit", "decisions", *words, "-o", "name")

    assert done.stdout == "d-1\n"
    (request,) = service.requests("ListDecisions")
    assert (request.denied_only, request.principal, request.decision_id) == (
        True,
        "user:bob",
        "d-1",
    )


def test_watching_prints_a_line_of_json_for_each_entry(run: Run, service: StubService) -> None:
    service.streams = [
        [
            WatchResponse(entry=entry(6, CHANGES[0])),
            WatchResponse(checkpoint=Checkpoint(revision=6)),
            errors.Unavailable("away"),
        ],
        [WatchResponse(entry=entry(7)), errors.PermissionDenied("no longer")],
    ]

    done = run("audit", "watch", "--after", "5")

    assert done.exit_code == 4
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["revision"] for one in entries] == ["6", "7"]
    assert entries[0]["changes"][0]["row"]["principal_key"] == "user:bob"
    assert [one.after_revision for one in service.requests("Watch")] == [5, 6]


def test_watching_begins_with_what_comes_unless_a_revision_is_given(
    run: Run, service: StubService
) -> None:
    service.streams = [[errors.PermissionDenied("no")], [errors.PermissionDenied("no")]]

    run("audit", "watch")
    run("audit", "watch", "--after", "0")

    assert [one.from_now for one in service.requests("Watch")] == [True, False]
