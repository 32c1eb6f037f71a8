"""Reports and commands over the wire, by an agent that may report and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from deskhold.api.broker.v1 import agents_pb2 as pb
from deskhold.api.broker.v1 import hosts_pb2, sessions_pb2
from deskhold.client import Client
from deskhold.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from tests.broker_service.calls import EVERYTHING, READS, broken
from tests.broker_service.pair import Eng, Pair

ACTIVE = sessions_pb2.SESSION_STATE_ACTIVE


@pytest.fixture
def agent(pair: Pair, eng: Eng) -> Client:
    pair.grant("agent@contoso.com", "RDS Host Agent", f"/{eng.name}")
    return pair.client("agent@contoso.com")


@pytest.fixture(autouse=True)
def goodbye(owner: Client, eng: Eng) -> Any:
    """What is unavailable in the end, the monitor leaves alone while other tests look."""
    yield
    owner.report_hosts(eng.name, [broken(host) for host in ("pc-1", "pc-2", "pc-3")])


def report(host_id: str = "pc-1", *sessions: pb.ReportedSession, **more: Any) -> pb.HostReport:
    return pb.HostReport(host_id=host_id, boot_id="b1", sessions=sessions, **more)


def seen(number: int = 1, user: str = "CONTOSO\\bob") -> pb.ReportedSession:
    session = pb.ReportedSession(session_id=number, user=user, state=ACTIVE, client_name="thin")
    session.create_time.FromSeconds(1_700_000_000)
    session.idle_duration.FromSeconds(90)
    return session


def test_an_agent_reports_and_hears_what_is_wanted(owner: Client, eng: Eng, agent: Client) -> None:
    owner.update_hosts(eng.name, ["pc-1"], new_connections=hosts_pb2.NEW_CONNECTIONS_NO)

    (result,) = agent.report_hosts(eng.name, [report()]).results

    assert result.host == f"{eng.name}/hosts/pc-1"
    assert result.desired == pb.DesiredState(new_connections=hosts_pb2.NEW_CONNECTIONS_NO)
    host = owner.get_host(result.host)
    assert host.status == hosts_pb2.HOST_STATUS_AVAILABLE


def test_an_agent_may_do_nothing_else(pair: Pair, eng: Eng, agent: Client) -> None:
    for name, build in (EVERYTHING | READS).items():
        if name != "ReportHosts":
            with pytest.raises(PermissionDenied):
                agent.send(build(eng))


def test_an_agent_of_another_collection_is_not_heard(
    pair: Pair, owner: Client, eng: Eng, agent: Client
) -> None:
    lab = owner.create_collection(eng.tenant, "lab", type="pooled", host_ids=["lab-1"]).name

    with pytest.raises(PermissionDenied):
        agent.report_hosts(lab, [report("lab-1")])


def test_each_report_has_its_own_verdict(owner: Client, eng: Eng) -> None:
    twice = report("pc-3", seen(1), seen(1))

    results = owner.report_hosts(
        eng.name,
        [
            report("pc-9"),
            report("pc-1", seen(user="nobody")),
            report("pc-2"),
            report("PC-2"),
            twice,
            report("pc-3", administrators=["nobody"]),
            report("pc-3", command_results=[pb.CommandResult(command="x")]),
        ],
    ).results

    assert [one.reason for one in results] == [
        "HOST_NOT_FOUND",
        "FIELD_VIOLATION",
        "",
        "FIELD_VIOLATION",
        "FIELD_VIOLATION",
        "FIELD_VIOLATION",
        "FIELD_VIOLATION",
    ]
    assert [one.message.partition(":")[0] for one in results[1:]] == [
        "reports[1].sessions[0].user",
        "",
        "reports[3].host_id",
        "reports[4].sessions[1]",
        "reports[5].administrators[0]",
        "reports[6].command_results[0].command",
    ]
    assert [bool(one.host) for one in results] == [False, False, True, False, False, False, False]


@pytest.mark.parametrize(
    ("reports", "field"),
    [
        ([], "reports"),
        ([report()] * 501, "reports"),
        ([pb.HostReport(host_id="pc-1")], "reports[0].boot_id"),
        ([report("pc-1", pb.ReportedSession(user="a@b.c"))], "reports[0].sessions[0].state"),
    ],
    ids=["none", "too many", "no boot id", "no state"],
)
def test_a_wrong_field_is_named(owner: Client, eng: Eng, reports: Any, field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.report_hosts(eng.name, reports)

    assert caught.value.metadata["field"] == field


def test_reports_need_a_collection(owner: Client, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        owner.report_hosts(f"{tenant}/collections/none", [report()])

    assert caught.value.reason == "COLLECTION_NOT_FOUND"


def test_a_session_is_shown_as_it_was_reported(owner: Client, eng: Eng, agent: Client) -> None:
    agent.report_hosts(eng.name, [report("pc-1", seen(3))])

    (found,) = owner.list_sessions(eng.name)

    assert found == owner.get_session(f"{eng.name}/hosts/pc-1/sessions/3")
    assert (found.user, found.state, found.client_name) == ("CONTOSO\\bob", ACTIVE, "thin")
    # alice holds the host: whose session it is, is said and not hidden.
    assert found.claim == sessions_pb2.SESSION_CLAIM_OTHER_USER
    assert (found.create_time.seconds, found.idle_duration.seconds) == (1_700_000_000, 90)
    assert found.report_time == owner.get_host(f"{eng.name}/hosts/pc-1").heartbeat_time
    assert not found.HasField("disconnect_time")
    assert list(owner.list_sessions(eng.tenant, user="bob@contoso.com")) == [found]
    assert list(owner.list_sessions(eng.tenant, user="alice@contoso.com")) == []


def test_any_state_is_no_state(owner: Client, eng: Eng) -> None:
    with pytest.raises(InvalidArgument) as caught:
        list(owner.list_sessions(eng.name, states=[sessions_pb2.SESSION_STATE_UNSPECIFIED]))

    assert caught.value.metadata == {"field": "states[0]"}


def test_a_command_goes_to_the_agent_and_its_result_comes_back(
    owner: Client, eng: Eng, agent: Client
) -> None:
    agent.report_hosts(eng.name, [report("pc-1", seen(3))])
    name = f"{eng.name}/hosts/pc-1/sessions/3"
    told = [
        owner.send_session_message(name, title="Tonight", body="We update at ten."),
        owner.disconnect_session(name),
        owner.log_off_session(name),
    ]

    (result,) = agent.report_hosts(eng.name, [report("pc-1", seen(3))]).results
    ends = [
        pb.CommandResult(command=one.name, done=number != 1, message=f"result {number}")
        for number, one in enumerate(result.commands)
    ]
    agent.report_hosts(eng.name, [report("pc-1", command_results=ends)])

    assert list(result.commands) == told
    assert [one.author for one in told] == ["user:admin@contoso.com"] * 3
    done = [owner.get_session_command(one.name) for one in told]
    assert [sessions_pb2.SessionCommandState.Name(one.state)[22:] for one in done] == [
        "DONE",
        "FAILED",
        "DONE",
    ]
    assert [one.result for one in done] == ["result 0", "result 1", "result 2"]
    assert all(one.HasField("end_time") for one in done)


def test_without_an_agent_nothing_is_commanded(owner: Client, eng: Eng) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        owner.log_off_session(f"{eng.name}/hosts/pc-2/sessions/1")

    assert caught.value.reason == "HOST_UNAVAILABLE"
    assert caught.value.metadata == {"host": "pc-2", "status": "UNMONITORED"}
