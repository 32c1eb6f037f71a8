"""app-group, doctor, and what is changed of a collection: what they send, and what they print."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.empty_pb2 import Empty

from deskhold import errors
from deskhold.api.broker.v1 import app_groups_pb2 as pb
from deskhold.api.broker.v1.collections_pb2 import (
    LOAD_BALANCING_DEPTH_FIRST,
    RELEASE_POLICY_QUARANTINE,
    Collection,
)
from deskhold.api.broker.v1.registration_pb2 import (
    SCOPE_MISMATCH_KIND_NOT_REGISTERED,
    SCOPE_MISMATCH_KIND_ORPHANED,
    CompareScopesResponse,
    RepairScopesResponse,
    ScopeMismatch,
)
from deskhold.api.broker.v1.sessions_pb2 import Publisher
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

ENG = "tenantGroups/default/tenants/default/collections/eng"
OFFICE = f"{ENG}/appGroups/office"
WORD = pb.Application(application_id="word", file_path="C:\\word.exe")
EXCEL = pb.Application(application_id="excel", file_path="C:\\excel.exe")
GROUP = pb.AppGroup(
    name=OFFICE, type=pb.APP_GROUP_TYPE_REMOTE_APP, applications=[WORD, EXCEL], etag="e-1"
)
AT = ("--collection", "eng", "--app-group", "office")


def updated(request: pb.UpdateAppGroupRequest) -> pb.AppGroup:
    return request.app_group


def test_a_collection_is_created_with_all_its_settings(run: Run, service: StubService) -> None:
    service.answers["CreateCollection"] = Collection(name=ENG)

    done = run(
        *("collection", "create", "eng", "--type", "personal", "--display-name", "Engineering"),
        *("--description", "for all", "--max-desktops", "2", "--release-policy", "quarantine"),
        *("--load-balancing", "depth-first", "--max-sessions-per-host", "8"),
        *("--active-session-limit", "1", "--disconnected-session-limit", "2"),
        *("--idle-session-limit", "3"),
        *("--rdp-property", "audiomode:i:0", "--rdp-property", "use multimon:i:1"),
    )

    assert done.exit_code == 0
    (request,) = service.requests("CreateCollection")
    sent = request.collection
    assert (sent.display_name, sent.description) == ("Engineering", "for all")
    assert sent.max_desktops_per_user == 2
    assert sent.release_policy == RELEASE_POLICY_QUARANTINE
    assert sent.load_balancing == LOAD_BALANCING_DEPTH_FIRST
    assert sent.max_sessions_per_host == 8
    assert sent.active_session_limit_minutes == 1
    assert sent.disconnected_session_limit_minutes == 2
    assert sent.idle_session_limit_minutes == 3
    assert sent.custom_rdp_properties == "audiomode:i:0\nuse multimon:i:1"


def test_only_what_is_given_is_changed(run: Run, service: StubService) -> None:
    service.answers["UpdateCollection"] = Collection(name=ENG)

    words = ("--description", "", "--idle-session-limit", "0", "--etag", "e-1")
    assert run("collection", "update", "eng", *words, "--validate-only").exit_code == 0
    assert run("collection", "update", "eng", "--no-rdp-properties").exit_code == 0

    one, other = service.requests("UpdateCollection")
    assert list(one.update_mask.paths) == ["description", "idle_session_limit_minutes"]
    assert (one.collection.name, one.collection.etag, one.validate_only) == (ENG, "e-1", True)
    assert list(other.update_mask.paths) == ["custom_rdp_properties"]


@pytest.mark.parametrize(
    "words",
    [
        ("collection", "update", "eng"),
        ("collection", "update", "eng", "--no-rdp-properties", "--rdp-property", "a:i:1"),
        ("app-group", "update", "office", "--collection", "eng"),
        ("app-group", "show", "off/ice", "--collection", "eng"),
        ("app-group", "delete", "office", "--collection", "eng"),
    ],
)
def test_wrong_usage_sends_nothing(run: Run, service: StubService, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
    assert service.seen == []


def test_an_app_group_is_created_shown_and_listed(run: Run, service: StubService) -> None:
    service.answers["CreateAppGroup"] = GROUP
    service.answers["GetAppGroup"] = GROUP
    service.answers["ListAppGroups"] = pb.ListAppGroupsResponse(app_groups=[GROUP])

    words = ("app-group", "create", "office", "--collection", "eng", "--type", "remote-app")
    assert run(*words, "--display-name", "Office", "-o", "name").stdout == f"{OFFICE}\n"
    shown = run("app-group", "show", "office", "--collection", "eng")
    listed = run("app-group", "list", "--collection", "eng", "-o", "json")

    (request,) = service.requests("CreateAppGroup")
    assert (request.parent, request.app_group_id) == (ENG, "office")
    assert request.app_group.type == pb.APP_GROUP_TYPE_REMOTE_APP
    assert request.app_group.display_name == "Office"
    assert "word, excel" in shown.stdout
    assert json.loads(listed.stdout)[0]["applications"][0]["application_id"] == "word"


def test_an_app_group_is_changed_and_deleted(run: Run, service: StubService) -> None:
    service.answers["UpdateAppGroup"] = updated
    service.answers["GetAppGroup"] = GROUP
    service.answers["DeleteAppGroup"] = Empty()

    at = ("--collection", "eng")
    assert run("app-group", "update", "office", *at, "--description", "x").exit_code == 0
    assert run("app-group", "delete", "office", *at, "--yes").exit_code == 0
    assert run("app-group", "delete", "office", *at, "--force").exit_code == 0
    assert run("app-group", "delete", "office", *at, "--what-if").exit_code == 0

    (update,) = service.requests("UpdateAppGroup")
    assert list(update.update_mask.paths) == ["description"]
    deleted = [(one.etag, one.validate_only) for one in service.requests("DeleteAppGroup")]
    assert deleted == [("e-1", False), ("", False), ("e-1", True)]


def test_an_application_is_added_to_the_version_that_was_read(
    run: Run, service: StubService
) -> None:
    service.answers["GetAppGroup"] = GROUP
    service.answers["UpdateAppGroup"] = updated

    done = run(
        *("app-group", "application", "add", "Word", *AT, "--path", "D:\\word.exe"),
        *("--display-name", "Word", "--arguments", "/q", "--icon", "D:\\word.ico"),
    )

    assert done.exit_code == 0
    (request,) = service.requests("UpdateAppGroup")
    assert request.app_group.etag == "e-1"
    assert list(request.update_mask.paths) == ["applications"]
    # The one of that name, case aside, is replaced.
    assert [one.application_id for one in request.app_group.applications] == ["excel", "Word"]
    assert request.app_group.applications[1] == pb.Application(
        application_id="Word",
        display_name="Word",
        file_path="D:\\word.exe",
        arguments="/q",
        icon_path="D:\\word.ico",
    )


def test_an_application_is_removed(run: Run, service: StubService) -> None:
    service.answers["GetAppGroup"] = GROUP
    service.answers["UpdateAppGroup"] = updated
    remove = ("app-group", "application", "remove")

    assert run(*remove, "WORD", *AT, "--yes").exit_code == 0
    absent = run(*remove, "access", *AT, "--yes")

    (request,) = service.requests("UpdateAppGroup")
    assert [one.application_id for one in request.app_group.applications] == ["excel"]
    assert absent.exit_code == 3
    assert "APPLICATION_NOT_FOUND" in absent.stderr


@pytest.fixture(autouse=True)
def publisher(service: StubService) -> Publisher:
    """The certificate that signs `.rdp` files, which lasts long enough."""
    answer = Publisher(subject="CN=us", sha1_thumbprint="AB", certificates="PEM\n")
    answer.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=100))
    service.answers["GetPublisher"] = answer
    return answer


MISMATCHES = [
    ScopeMismatch(scope=f"/{OFFICE}", kind=SCOPE_MISMATCH_KIND_NOT_REGISTERED),
    ScopeMismatch(scope=f"/{ENG}x", kind=SCOPE_MISMATCH_KIND_ORPHANED),
]


def test_the_doctor_says_what_differs_and_fails(run: Run, service: StubService) -> None:
    service.answers["CompareScopes"] = CompareScopesResponse(
        mismatches=MISMATCHES, mismatch_count=2, compared_count=9
    )

    done = run("doctor", "--tenant", "hr", "--verbose")

    assert done.exit_code == 1
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:]] == [
        "not_registered",
        "orphaned",
    ]
    assert "compared 9: 2 differences" in done.stderr
    (request,) = service.requests("CompareScopes")
    assert request.scope == "/tenantGroups/default/tenants/hr"


def test_the_doctor_is_content_with_stores_in_step(run: Run, service: StubService) -> None:
    service.answers["CompareScopes"] = CompareScopesResponse(compared_count=9)

    for flags in ([], ["--repair"]):
        done = run("doctor", *flags)
        assert (done.exit_code, done.stdout) == (0, "9 compared, nothing differs\n")
    assert json.loads(run("doctor", "-o", "json").stdout) == []

    assert [one.scope for one in service.requests("CompareScopes")] == ["/", "/", "/"]
    assert service.requests("RepairScopes") == []


def test_the_doctor_asks_before_it_removes(
    run: Run, run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    service.answers["CompareScopes"] = CompareScopesResponse(
        mismatches=MISMATCHES, mismatch_count=2
    )
    service.answers["RepairScopes"] = RepairScopesResponse(repaired=MISMATCHES)

    assert run("doctor", "--repair").exit_code == 2
    refused = run_on_terminal("doctor", "--repair", answer="n\n")
    assert "Remove 1 scope with all role assignments there?" in refused.terminal
    assert service.requests("RepairScopes") == []

    agreed = run_on_terminal("doctor", "--repair", answer="y\n")
    assert (agreed.code, "orphaned" in agreed.stdout) == (0, True)
    assert run("doctor", "--repair", "--yes", "-o", "name").stdout.splitlines() == [
        f"/{OFFICE}",
        f"/{ENG}x",
    ]


def test_registering_is_done_without_a_question(run: Run, service: StubService) -> None:
    service.answers["CompareScopes"] = CompareScopesResponse(
        mismatches=MISMATCHES[:1], mismatch_count=1
    )
    service.answers["RepairScopes"] = RepairScopesResponse(repaired=MISMATCHES[:1])

    assert run("doctor", "--repair").exit_code == 0


def test_the_doctor_warns_of_files_that_are_not_signed(run: Run, service: StubService) -> None:
    service.answers["CompareScopes"] = CompareScopesResponse(compared_count=9)
    service.answers["GetPublisher"] = errors.NotFound("not signed", reason="PUBLISHER_NOT_FOUND")

    done = run("doctor")

    assert (done.exit_code, done.stdout) == (0, "9 compared, nothing differs\n")
    assert done.stderr == "warning: not signed\n"


@pytest.mark.parametrize(("days", "verb"), [(59, "expires"), (-2, "expired")])
def test_the_doctor_warns_of_a_signature_that_ends_soon(
    run: Run, service: StubService, publisher: Publisher, days: int, verb: str
) -> None:
    service.answers["CompareScopes"] = CompareScopesResponse(compared_count=9)
    end = datetime.now(UTC) + timedelta(days=days)
    publisher.expire_time.FromDatetime(end)

    done = run("doctor")

    assert done.exit_code == 0
    assert f"the certificate that signs .rdp files {verb} on {end:%Y-%m-%d}" in done.stderr


def test_the_publisher_is_shown_with_its_thumbprint(run: Run, service: StubService) -> None:
    assert "SHA-1 THUMBPRINT:    AB\n" in run("publisher").stdout
    assert run("publisher", "-o", "pem").stdout == "PEM\n"
    assert run("publisher", "-o", "name").stdout == "AB\n"
    assert [one.scope for one in service.requests("GetPublisher")] == ["/", "/", "/"]


def test_a_doctor_without_the_authority_is_unavailable(run: Run, service: StubService) -> None:
    service.answers["CompareScopes"] = errors.Unavailable("away", reason="AUTHORITY_UNAVAILABLE")

    assert run("doctor").exit_code == 5
