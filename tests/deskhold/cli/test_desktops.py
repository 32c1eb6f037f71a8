"""collection, host, assignment, connect: what they send, and what they print."""

from __future__ import annotations

import json

import pytest

from deskhold import errors
from deskhold.api.broker.v1 import sessions_pb2
from deskhold.api.broker.v1.assignments_pb2 import (
    Assignment,
    ListAssignmentsResponse,
    SetAssignmentResponse,
)
from deskhold.api.broker.v1.collections_pb2 import (
    COLLECTION_TYPE_PERSONAL,
    Collection,
    CreateCollectionRequest,
    ListCollectionsResponse,
)
from deskhold.api.broker.v1.hosts_pb2 import (
    HOST_STATUS_AVAILABLE,
    NEW_CONNECTIONS_NO,
    BatchCreateHostsRequest,
    BatchCreateHostsResponse,
    Host,
    ListHostsResponse,
)
from deskhold.api.broker.v1.sessions_pb2 import ConnectResponse, ResolveRoutingTokenResponse
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

TENANT = "tenantGroups/default/tenants/default"
ENG = f"{TENANT}/collections/eng"
ALICE = Assignment(
    name=f"{ENG}/hosts/pc-1/assignment", user="CONTOSO\\alice", host=f"{ENG}/hosts/pc-1"
)
PC_1 = Host(
    name=f"{ENG}/hosts/pc-1",
    assigned_user="CONTOSO\\alice",
    status=HOST_STATUS_AVAILABLE,
    new_connections=NEW_CONNECTIONS_NO,
    session_count=2,
)


def created(request: CreateCollectionRequest) -> Collection:
    made = Collection(name=f"{request.parent}/collections/{request.collection_id}")
    made.MergeFrom(request.collection)
    made.host_count = len(request.host_ids)
    return made


def added(request: BatchCreateHostsRequest) -> BatchCreateHostsResponse:
    hosts = [Host(name=f"{request.parent}/hosts/{one.host_id}") for one in request.hosts]
    return BatchCreateHostsResponse(hosts=hosts)


def test_a_collection_is_created_with_its_flags_and_hosts(run: Run, service: StubService) -> None:
    service.answers["CreateCollection"] = created

    done = run(
        *("collection", "create", "eng", "--type", "personal", "--auto-assign", "--grant-admin"),
        *("--host", "pc-1", "--host", "pc-2", "-o", "json"),
    )

    (request,) = service.requests("CreateCollection")
    assert (request.parent, request.collection_id) == (TENANT, "eng")
    assert request.collection.type == COLLECTION_TYPE_PERSONAL
    assert request.collection.auto_assign_user
    assert request.collection.grant_administrative_privilege
    assert request.host_ids == ["pc-1", "pc-2"]
    assert json.loads(done.stdout)["name"] == ENG
    assert done.exit_code == 0


def test_a_collection_is_created_in_the_tenant_that_is_named(
    run: Run, service: StubService
) -> None:
    service.answers["CreateCollection"] = created

    run("collection", "create", "a", "--type", "pooled", "--tenant-group", "g", "--tenant", "t")
    run("collection", "create", "tenantGroups/g/tenants/u/collections/b", "--type", "pooled")

    one, other = service.requests("CreateCollection")
    assert (one.parent, one.collection_id) == ("tenantGroups/g/tenants/t", "a")
    assert (other.parent, other.collection_id) == ("tenantGroups/g/tenants/u", "b")


def test_collections_are_listed(run: Run, service: StubService) -> None:
    service.answers["ListCollections"] = ListCollectionsResponse(collections=[Collection(name=ENG)])

    assert run("collection", "list", "-o", "name").stdout == f"{ENG}\n"
    assert run("collection", "list").stdout.splitlines()[1].startswith("eng ")


def test_an_absent_collection_is_exit_code_3(run: Run, service: StubService) -> None:
    service.answers["GetCollection"] = errors.NotFound("no eng", reason="COLLECTION_NOT_FOUND")

    done = run("collection", "show", "eng")

    assert done.exit_code == 3
    assert "COLLECTION_NOT_FOUND" in done.stderr


def test_hosts_come_from_arguments_and_from_stdin(run: Run, service: StubService) -> None:
    service.answers["BatchCreateHosts"] = added

    stdin = f"pc-2\r\n\n  pc-3\n{ENG}/hosts/pc-4\n"
    done = run("host", "add", "--host-pool", "eng", "pc-1", "-", "-o", "name", stdin=stdin)

    assert done.stdout.splitlines() == [f"{ENG}/hosts/pc-{number}" for number in range(1, 5)]


def test_many_hosts_go_in_calls_of_ten_thousand(run: Run, service: StubService) -> None:
    service.answers["BatchCreateHosts"] = added
    stdin = "\n".join(f"pc-{number}" for number in range(10_001))

    assert run("host", "add", "--collection", "eng", "-", stdin=stdin).exit_code == 0

    sizes = [len(one.hosts) for one in service.requests("BatchCreateHosts")]
    assert sizes == [10_000, 1]


def test_adding_no_host_is_wrong_usage(run: Run) -> None:
    assert run("host", "add", "--collection", "eng").exit_code == 2
    assert run("host", "add", "--collection", "eng", "-", stdin="\n").exit_code == 2


def test_a_host_of_another_collection_is_refused(run: Run, service: StubService) -> None:
    done = run("host", "remove", "--collection", "ops", f"{ENG}/hosts/pc-1", "--force")

    assert done.exit_code == 2
    assert service.seen == []


def test_hosts_are_listed_with_their_holders(run: Run, service: StubService) -> None:
    service.answers["ListHosts"] = ListHostsResponse(hosts=[PC_1])

    done = run("host", "list", "--collection", "eng", "-o", "csv")

    assert done.stdout.splitlines() == [
        "name,assigned_user,status,new_connections,session_count,address,port",
        f"{ENG}/hosts/pc-1,CONTOSO\\alice,HOST_STATUS_AVAILABLE,NEW_CONNECTIONS_NO,2,,0",
    ]


def test_an_assignment_is_set_and_what_it_displaced_is_shown(
    run: Run, service: StubService
) -> None:
    bob = Assignment(user="bob@contoso.com", host=f"{ENG}/hosts/pc-1")
    service.answers["SetAssignment"] = SetAssignmentResponse(assignment=ALICE, displaced=[bob])

    done = run(
        *("assignment", "set", "--collection", "eng", "--user", "CONTOSO\\alice"),
        *("--host", "pc-1", "--force"),
    )

    (request,) = service.requests("SetAssignment")
    assert (request.user, request.host_id, request.force) == ("CONTOSO\\alice", "pc-1", True)
    assert "bob@contoso.com on pc-1" in done.stdout


def test_assignments_are_asked_for_in_three_ways(run: Run, service: StubService) -> None:
    service.answers["ListAssignments"] = ListAssignmentsResponse(assignments=[ALICE])
    ask = ("assignment", "list", "--collection", "eng")

    assert "pc-1  CONTOSO\\alice" in run(*ask).stdout
    assert run(*ask, "--user", "CONTOSO\\alice").exit_code == 0
    assert run(*ask, "--host", "pc-1").exit_code == 0
    assert run(*ask, "--host", "pc-1", "--user", "a@b.c").exit_code == 2

    asked = [(one.user, one.host_id) for one in service.requests("ListAssignments")]
    assert asked == [("", ""), ("CONTOSO\\alice", ""), ("", "pc-1")]


def test_an_empty_list_is_an_empty_list_in_json(run: Run, service: StubService) -> None:
    service.answers["ListAssignments"] = ListAssignmentsResponse()

    assert run("assignment", "list", "--collection", "eng", "-o", "json").stdout == "[]\n"


FILE = "full address:s:pc-1\r\nx:s:ü\r\n"
CONTENT = b"\xff\xfe" + FILE.encode("utf-16-le")
WAY_IN = ConnectResponse(host=f"{ENG}/hosts/pc-1", rdp_file=FILE, rdp_file_content=CONTENT)


def test_connect_prints_the_bytes_of_the_rdp_file(run: Run, service: StubService) -> None:
    service.answers["Connect"] = WAY_IN

    done = run("connect", "eng", "-o", "rdp")

    assert done.stdout_bytes == CONTENT
    assert service.requests("Connect")[0].name == ENG


def test_on_a_terminal_connect_prints_the_rdp_file_as_text(
    run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    service.answers["Connect"] = WAY_IN

    assert "x:s:ü" in run_on_terminal("connect", "eng", "-o", "rdp", stdout_too=True).terminal


@pytest.mark.parametrize(
    ("rights", "shown"),
    [
        (sessions_pb2.ADMINISTRATOR_RIGHTS_NOT_GRANTED, "no"),
        (sessions_pb2.ADMINISTRATOR_RIGHTS_PENDING, "pending"),
        (sessions_pb2.ADMINISTRATOR_RIGHTS_APPLIED, "yes"),
        (sessions_pb2.ADMINISTRATOR_RIGHTS_UNMANAGED, "unmanaged"),
    ],
)
def test_connect_says_what_has_become_of_administrator_rights(
    run: Run,
    service: StubService,
    rights: sessions_pb2.AdministratorRights.ValueType,
    shown: str,
) -> None:
    service.answers["Connect"] = ConnectResponse(administrator_rights=rights)

    assert f"ADMINISTRATOR:   {shown}\n" in run("connect", "eng").stdout


def test_connect_takes_an_app_group_and_another_user(run: Run, service: StubService) -> None:
    service.answers["Connect"] = ConnectResponse(host=f"{ENG}/hosts/pc-1", user="b@c.d")

    done = run("connect", "eng", "--app-group", "office", "--user", "b@c.d", "-o", "name")

    (request,) = service.requests("Connect")
    assert (request.name, request.user) == (f"{ENG}/appGroups/office", "b@c.d")
    assert done.stdout == f"{ENG}/hosts/pc-1\n"


def test_connect_takes_a_host_and_an_application_and_may_only_say(
    run: Run, service: StubService
) -> None:
    session = f"{ENG}/hosts/pc-1/sessions/7"
    service.answers["Connect"] = ConnectResponse(host=f"{ENG}/hosts/pc-1", session=session)

    done = run("connect", "eng", "--host", "pc-1", "--application", "word", "--what-if")

    (request,) = service.requests("Connect")
    assert (request.host_id, request.application_id) == ("pc-1", "word")
    assert request.validate_only
    assert "SESSION:         7\n" in done.stdout


def test_resolve_says_where_a_token_leads(run: Run, service: StubService) -> None:
    service.answers["ResolveRoutingToken"] = ResolveRoutingTokenResponse(
        host=f"{ENG}/hosts/pc-1", address="10.0.0.1", port=3389, user="a@b.c"
    )

    done = run("resolve", "dh2.x ", "--tenant", "hr")

    (request,) = service.requests("ResolveRoutingToken")
    assert request.parent == "tenantGroups/default/tenants/hr"
    assert request.token == "dh2.x "
    assert "10.0.0.1" in done.stdout
    assert run("resolve", "dh2.x", "-o", "name").stdout == f"{ENG}/hosts/pc-1\n"


def test_on_a_terminal_it_talks_and_elsewhere_it_does_not(
    run: Run, run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    service.answers["CreateCollection"] = created
    words = ("collection", "create", "eng", "--type", "pooled", "-o", "name")

    assert run(*words).stderr == ""
    shown = run_on_terminal(*words)
    assert "created collection eng" in shown.terminal
    assert shown.stdout == f"{ENG}\n"


def test_a_table_on_a_terminal_is_drawn_and_on_a_dumb_one_without_escapes(
    run_on_terminal: RunOnTerminal, service: StubService, monkeypatch: pytest.MonkeyPatch
) -> None:
    bold = "\x1b[1m"
    service.answers["ListHosts"] = ListHostsResponse(hosts=[PC_1])
    monkeypatch.setenv("TERM", "xterm-256color")
    words = ("host", "list", "--collection", "eng")

    drawn = run_on_terminal(*words, stdout_too=True).terminal
    monkeypatch.setenv("TERM", "dumb")
    plain = run_on_terminal(*words, stdout_too=True).terminal

    assert "CONTOSO\\alice" in drawn and "CONTOSO\\alice" in plain
    assert bold in drawn
    assert "\x1b[" not in plain
