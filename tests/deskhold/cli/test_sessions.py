"""session: lists, and commands to sessions."""

from __future__ import annotations

import pytest

from deskhold.api.broker.v1 import sessions_pb2 as pb
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

TENANT = "tenantGroups/default/tenants/default"
ENG = f"{TENANT}/collections/eng"
NAME = f"{ENG}/hosts/pc-1/sessions/3"
ALICE = pb.Session(
    name=NAME,
    user="CONTOSO\\alice",
    state=pb.SESSION_STATE_DISCONNECTED,
    claim=pb.SESSION_CLAIM_OTHER_USER,
)
TOLD = pb.SessionCommand(
    name=f"{ENG}/hosts/pc-1/commands/c1",
    session=NAME,
    kind=pb.SESSION_COMMAND_KIND_LOG_OFF,
    state=pb.SESSION_COMMAND_STATE_PENDING,
)
AT = ("--collection", "eng", "--host", "pc-1", "3")


@pytest.fixture(autouse=True)
def answers(service: StubService) -> None:
    service.answers["ListSessions"] = pb.ListSessionsResponse(sessions=[ALICE])
    service.answers["GetSession"] = ALICE
    service.answers["GetSessionCommand"] = TOLD
    for method in ("DisconnectSession", "LogOffSession", "SendSessionMessage"):
        service.answers[method] = TOLD


def test_the_sessions_of_a_collection_are_listed(run: Run, service: StubService) -> None:
    done = run(
        *("session", "list", "--collection", "eng", "--host", "pc-1", "--user", "a@b.c"),
        *("--state", "active", "--state", "disconnected"),
    )

    (request,) = service.requests("ListSessions")
    assert (request.parent, request.host_id, request.user) == (ENG, "pc-1", "a@b.c")
    assert request.states == [pb.SESSION_STATE_ACTIVE, pb.SESSION_STATE_DISCONNECTED]
    assert "pc-1  3   CONTOSO\\alice  disconnected  other_user" in done.stdout


def test_without_a_collection_it_is_the_whole_tenant(run: Run, service: StubService) -> None:
    run("session", "list")
    run("session", "list", "--tenant", "hr")

    parents = [one.parent for one in service.requests("ListSessions")]
    assert parents == [TENANT, "tenantGroups/default/tenants/hr"]


@pytest.mark.parametrize(
    "words",
    [
        ("list", "--host", "pc-1"),
        ("list", "--state", "asleep"),
        ("show", "--collection", "eng", "--host", "pc-1", "x"),
        ("show", "--collection", "eng", "3"),
        ("message", *AT, "--title", "t"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_wrong_usage(
    run: Run, service: StubService, words: tuple[str, ...]
) -> None:
    assert run("session", *words).exit_code == 2
    assert service.seen == []


def test_every_state_can_be_asked_for(run: Run, service: StubService) -> None:
    names = sorted(set(pb.SessionState.keys()) - {"SESSION_STATE_UNSPECIFIED"})
    for name in names:
        run("session", "list", "--state", name.removeprefix("SESSION_STATE_").lower())

    asked = [one.states[0] for one in service.requests("ListSessions")]
    assert [pb.SessionState.Name(one) for one in asked] == names


def test_a_session_is_shown(run: Run, service: StubService) -> None:
    assert "CONTOSO\\alice" in run("session", "show", *AT).stdout
    assert [one.name for one in service.requests("GetSession")] == [NAME]


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
@pytest.mark.parametrize(
    ("words", "method"),
    [
        (("disconnect",), "DisconnectSession"),
        (("log-off",), "LogOffSession"),
        (("message", "--title", "Tonight", "--body", "We update."), "SendSessionMessage"),
    ],
    ids=["disconnect", "log-off", "message"],
)
def test_away_from_a_terminal_nobody_is_asked(
    run: Run, service: StubService, words: tuple[str, ...], method: str, force: tuple[str, ...]
) -> None:
    done = run("session", *words, *AT, *(force if words[0] != "message" else ()), "-o", "name")

    (request,) = service.requests(method)
    assert (done.exit_code, done.stdout) == (0, f"{TOLD.name}\n")
    assert request.name == NAME
    assert [one.method for one in service.seen] == [method]


def test_a_message_has_a_title_and_a_body(run: Run, service: StubService) -> None:
    run("session", "message", *AT, "--title", "Tonight", "--body", "We update.")

    (request,) = service.requests("SendSessionMessage")
    assert (request.title, request.body) == ("Tonight", "We update.")


@pytest.mark.parametrize(("answer", "made"), [("y\n", 1), ("n\n", 0)], ids=["yes", "no"])
def test_on_a_terminal_logging_off_asks(
    run_on_terminal: RunOnTerminal, service: StubService, answer: str, made: int
) -> None:
    shown = run_on_terminal("session", "log-off", *AT, answer=answer)

    assert "Log CONTOSO\\alice off pc-1?" in shown.terminal
    assert len(service.requests("LogOffSession")) == made
    assert shown.code == (0 if made else 1)


@pytest.mark.parametrize("words", [("log-off", "--force"), ("disconnect",)], ids=" ".join)
def test_with_force_and_where_nothing_is_lost_nobody_is_asked(
    run_on_terminal: RunOnTerminal, service: StubService, words: tuple[str, ...]
) -> None:
    shown = run_on_terminal("session", *words, *AT)

    assert shown.code == 0
    assert "?" not in shown.terminal
    assert "next report" in shown.terminal


def test_how_far_a_command_is_can_be_asked(run: Run, service: StubService) -> None:
    assert "pending" in run("session", "command", TOLD.name).stdout
    assert [one.name for one in service.requests("GetSessionCommand")] == [TOLD.name]
