"""Removing: see, ask, then do; and never without somebody to answer."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty

from deskhold import errors
from deskhold.api.broker.v1.assignments_pb2 import (
    Assignment,
    CancelReservationResponse,
    RemoveAssignmentResponse,
)
from deskhold.api.broker.v1.collections_pb2 import Collection
from deskhold.api.broker.v1.hosts_pb2 import BatchDeleteHostsResponse, Host, Reservation
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

ENG = "tenantGroups/default/tenants/default/collections/eng"
ALICE = Assignment(
    name=f"{ENG}/hosts/pc-1/assignment", user="CONTOSO\\alice", host=f"{ENG}/hosts/pc-1"
)
PC_1 = Host(name=f"{ENG}/hosts/pc-1", assigned_user="CONTOSO\\alice")

# Each removal: its words, the RPC that makes it, and an answer.
REMOVALS = [
    pytest.param(
        ("assignment", "remove", "--collection", "eng", "--host", "pc-1"),
        "RemoveAssignment",
        RemoveAssignmentResponse(removed=[ALICE]),
        id="assignment",
    ),
    pytest.param(
        ("assignment", "cancel-reservation", "--collection", "eng", "--host", "pc-1"),
        "CancelReservation",
        CancelReservationResponse(reservation=Reservation(user="CONTOSO\\alice")),
        id="reservation",
    ),
    pytest.param(
        ("host", "remove", "--collection", "eng", "pc-1"),
        "BatchDeleteHosts",
        BatchDeleteHostsResponse(hosts=[PC_1]),
        id="host",
    ),
    pytest.param(("collection", "delete", "eng"), "DeleteCollection", None, id="collection"),
]


def prepare(service: StubService, method: str, answer: Any) -> None:
    service.answers["GetCollection"] = Collection(name=ENG, host_count=1, etag="v1")
    service.answers[method] = answer or Empty()


@pytest.mark.parametrize(("words", "method", "answer"), REMOVALS)
def test_what_if_only_says(
    words: tuple[str, ...], method: str, answer: Any, run: Run, service: StubService
) -> None:
    prepare(service, method, answer)

    done = run(*words, "--what-if", "-o", "json")

    assert done.exit_code == 0
    assert "eng" in done.stdout
    assert [one.validate_only for one in service.requests(method)] == [True]


@pytest.mark.parametrize(("words", "method", "answer"), REMOVALS)
@pytest.mark.parametrize("flag", ["--force", "--yes"])
def test_force_and_yes_do_not_ask_and_only_force_forces(
    words: tuple[str, ...],
    method: str,
    answer: Any,
    flag: str,
    run: Run,
    service: StubService,
) -> None:
    prepare(service, method, answer)

    assert run(*words, flag).exit_code == 0

    (request,) = service.requests(method)
    assert not request.validate_only
    if "force" in request.DESCRIPTOR.fields_by_name:
        assert request.force == (flag == "--force")


@pytest.mark.parametrize(("words", "method", "answer"), REMOVALS)
def test_without_a_terminal_and_without_force_nothing_is_removed(
    words: tuple[str, ...], method: str, answer: Any, run: Run, service: StubService
) -> None:
    prepare(service, method, answer)

    done = run(*words, stdin="y\n")

    assert done.exit_code == 2
    assert "--what-if" in done.stderr
    assert service.seen == []


@pytest.mark.parametrize(("words", "method", "answer"), REMOVALS)
def test_on_a_terminal_it_says_what_would_end_and_asks(
    words: tuple[str, ...],
    method: str,
    answer: Any,
    run_on_terminal: RunOnTerminal,
    service: StubService,
) -> None:
    prepare(service, method, answer)

    refused = run_on_terminal(*words, answer="n\n")
    assert refused.code == 1
    assert refused.stdout == ""
    assert "eng" in refused.terminal or "CONTOSO\\alice on pc-1" in refused.terminal
    assert [one.validate_only for one in service.requests(method)] == [True]

    assert run_on_terminal(*words, answer="y\n").code == 0
    assert [one.validate_only for one in service.requests(method)] == [True, True, False]


def test_a_removal_that_cannot_be_is_refused_before_it_asks(
    run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    prepare(service, "DeleteCollection", None)
    service.answers["DeleteCollection"] = errors.FailedPrecondition(
        "eng has 1 host; remove it first, or use force", reason="COLLECTION_NOT_EMPTY"
    )

    done = run_on_terminal("collection", "delete", "eng", answer="y\n")

    assert done.code == 1
    assert "[y/N]" not in done.terminal
    assert "COLLECTION_NOT_EMPTY" in done.terminal


def test_an_assignment_is_removed_by_user_or_by_host(run: Run, service: StubService) -> None:
    words = ("assignment", "remove", "--collection", "eng", "--force")

    assert run(*words).exit_code == 2
    assert run(*words, "--user", "a@b.c", "--host", "pc-1").exit_code == 2
    assert service.seen == []
