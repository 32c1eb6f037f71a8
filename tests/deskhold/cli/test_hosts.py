"""host: changing, draining, moving; what is shown of one."""

from __future__ import annotations

import pytest

from deskhold.api.broker.v1 import hosts_pb2 as pb
from tests.deskhold.cli.conftest import Run
from tests.deskhold.stub_service import StubService

TENANT = "tenantGroups/default/tenants/default"
ENG = f"{TENANT}/collections/eng"
PC_1 = pb.Host(
    name=f"{ENG}/hosts/pc-1",
    status=pb.HOST_STATUS_NEEDS_ASSISTANCE,
    new_connections=pb.NEW_CONNECTIONS_NOT_UNTIL_REBOOT,
    health_checks=[
        pb.HealthCheck(
            check="Clock", result=pb.HEALTH_CHECK_RESULT_WARNING, message="two seconds off"
        )
    ],
)


@pytest.fixture(autouse=True)
def answers(service: StubService) -> None:
    service.answers["UpdateHost"] = PC_1
    service.answers["GetHost"] = PC_1
    service.answers["BatchUpdateHosts"] = pb.BatchUpdateHostsResponse(hosts=[PC_1])
    service.answers["MoveHosts"] = pb.MoveHostsResponse(hosts=[PC_1])
    service.answers["BatchCreateHosts"] = pb.BatchCreateHostsResponse(hosts=[PC_1])
    service.answers["ListHosts"] = pb.ListHostsResponse(hosts=[PC_1])


def test_hosts_are_added_with_what_is_decided_of_them(run: Run, service: StubService) -> None:
    done = run(
        *("host", "add", "--collection", "eng", "pc-1", "pc-2", "--weight", "50"),
        *("--friendly-name", "Lab", "--new-connections", "no", "--session-limit", "3"),
    )

    (request,) = service.requests("BatchCreateHosts")
    assert done.exit_code == 0
    assert [one.host_id for one in request.hosts] == ["pc-1", "pc-2"]
    assert {one.host.SerializeToString() for one in request.hosts} == {
        pb.Host(
            friendly_name="Lab",
            new_connections=pb.NEW_CONNECTIONS_NO,
            relative_weight=50,
            session_limit=3,
        ).SerializeToString()
    }


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("drain",), pb.NEW_CONNECTIONS_NO),
        (("drain", "--until-reboot"), pb.NEW_CONNECTIONS_NOT_UNTIL_REBOOT),
        (("undrain",), pb.NEW_CONNECTIONS_YES),
        (("update", "--new-connections", "yes"), pb.NEW_CONNECTIONS_YES),
        (
            ("update", "--new-connections", "not-until-reboot"),
            pb.NEW_CONNECTIONS_NOT_UNTIL_REBOOT,
        ),
        (("update", "--new-connections", "no"), pb.NEW_CONNECTIONS_NO),
    ],
    ids=["drain", "until reboot", "undrain", "yes", "not until reboot", "no"],
)
def test_hosts_are_drained_and_undrained(
    run: Run, service: StubService, words: tuple[str, ...], value: int
) -> None:
    done = run("host", *words, "--collection", "eng", "pc-1", "-", "-o", "name", stdin="pc-2\n")

    (request,) = service.requests("BatchUpdateHosts")
    assert (done.exit_code, done.stdout) == (0, f"{PC_1.name}\n")
    assert request.names == [f"{ENG}/hosts/pc-1", f"{ENG}/hosts/pc-2"]
    assert (request.host.new_connections, request.update_mask.paths) == (value, ["new_connections"])


def test_many_hosts_are_changed_in_calls_of_ten_thousand(run: Run, service: StubService) -> None:
    stdin = "\n".join(f"pc-{number}" for number in range(10_001))

    run("host", "update", "--collection", "eng", "-", "--session-limit", "0", stdin=stdin)

    sizes = [len(one.names) for one in service.requests("BatchUpdateHosts")]
    assert sizes == [10_000, 1]


def test_what_is_of_one_host_goes_by_its_own_call(run: Run, service: StubService) -> None:
    done = run(
        *("host", "update", "--collection", "eng", "pc-1", "--address", "10.0.0.1"),
        *("--port", "3390", "--friendly-name", "Lab", "--weight", "7"),
    )

    (request,) = service.requests("UpdateHost")
    assert done.exit_code == 0
    assert request.host.name == f"{ENG}/hosts/pc-1"
    assert sorted(request.update_mask.paths) == [
        "address",
        "friendly_name",
        "port",
        "relative_weight",
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("update", "pc-1"),
        ("update", "pc-1", "pc-2", "--port", "3390"),
        ("update", "pc-1", "--weight", "0"),
        ("update", "pc-1", "--new-connections", "maybe"),
        ("move", "pc-1"),
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_wrong_usage(
    run: Run, service: StubService, words: tuple[str, ...]
) -> None:
    assert run("host", *words, "--collection", "eng").exit_code == 2
    assert service.seen == []


@pytest.mark.parametrize("to", ["lab", f"{TENANT}/collections/lab"])
def test_hosts_move_within_their_tenant(run: Run, service: StubService, to: str) -> None:
    done = run("host", "move", "--collection", "eng", "pc-1", "pc-2", "--to", to)

    (request,) = service.requests("MoveHosts")
    assert done.exit_code == 0
    assert (request.parent, request.destination) == (ENG, f"{TENANT}/collections/lab")
    assert request.names == [f"{ENG}/hosts/pc-1", f"{ENG}/hosts/pc-2"]


def test_a_short_name_is_of_the_tenant_of_the_hosts(run: Run, service: StubService) -> None:
    run("host", "move", "--tenant", "hr", "--collection", "eng", "pc-1", "--to", "lab")

    (request,) = service.requests("MoveHosts")
    assert request.destination == "tenantGroups/default/tenants/hr/collections/lab"


@pytest.mark.parametrize(
    "name", sorted(set(pb.HostCondition.keys()) - {"HOST_CONDITION_UNSPECIFIED"})
)
def test_every_condition_has_a_flag(run: Run, service: StubService, name: str) -> None:
    flag = "--" + name.removeprefix("HOST_CONDITION_").lower().replace("_", "-")

    assert run("host", "list", "--collection", "eng", flag).exit_code == 0

    (request,) = service.requests("ListHosts")
    assert [pb.HostCondition.Name(one) for one in request.conditions] == [name]


def test_a_host_is_shown_with_what_its_agent_says(run: Run) -> None:
    shown = run("host", "show", "--collection", "eng", "pc-1").stdout

    assert "needs_assistance" in shown
    assert "not_until_reboot" in shown
    assert "Clock warning (two seconds off)" in shown
