"""group: groups and who is in them."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty

from deskhold.api.rbac.v1.groups_pb2 import (
    Group,
    GroupMember,
    ListGroupMembersResponse,
    ListGroupsResponse,
)
from deskhold.api.rbac.v1.principals_pb2 import (
    PRINCIPAL_KIND_GROUP,
    PRINCIPAL_KIND_USER,
    Principal,
)
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

STAFF = Group(name="groups/staff", display_name="Staff", member_count=2, etag="v1")
BOB = Principal(kind=PRINCIPAL_KIND_USER, id="bob@contoso.com")


@pytest.fixture(autouse=True)
def there(service: StubService) -> None:
    service.answers["GetGroup"] = service.answers["CreateGroup"] = STAFF
    service.answers["ListGroups"] = ListGroupsResponse(groups=[STAFF])
    service.answers["AddGroupMember"] = GroupMember(group=STAFF.name, member=BOB)
    service.answers["RemoveGroupMember"] = service.answers["DeleteGroup"] = Empty()


@pytest.mark.parametrize("name", ["staff", "groups/staff"])
def test_a_group_is_given_by_id_or_by_name(name: str, run: Run, service: StubService) -> None:
    run("group", "create", name, "--display-name", "Staff")
    run("group", "show", name)

    (made,) = service.requests("CreateGroup")
    assert (made.group_id, made.group.display_name) == ("staff", "Staff")
    assert service.requests("GetGroup")[0].name == "groups/staff"


def test_groups_and_members_are_listed(run: Run, service: StubService) -> None:
    service.answers["ListGroupMembers"] = ListGroupMembersResponse(
        members=[GroupMember(group=STAFF.name, member=BOB)]
    )

    assert run("group", "list", "-o", "name").stdout == "groups/staff\n"
    assert "staff  bob@contoso.com  user" in run("group", "members", "staff").stdout


def test_a_group_may_be_in_a_group(run: Run, service: StubService) -> None:
    assert run("group", "add", "staff", "--group", "l2").exit_code == 0

    (request,) = service.requests("AddGroupMember")
    assert request.member == Principal(kind=PRINCIPAL_KIND_GROUP, id="l2")


@pytest.mark.parametrize("verb", ["add", "remove"])
def test_a_member_must_be_named(verb: str, run: Run, service: StubService) -> None:
    assert run("group", verb, "staff").exit_code == 2
    assert service.seen == []


def test_taking_a_member_out_asks_first(
    run: Run, run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    words = ("group", "remove", "staff", "--user", "bob@contoso.com")

    assert run(*words).exit_code == 2
    assert run(*words, "--what-if").exit_code == 0
    asked = run_on_terminal(*words, answer="y\n")

    assert "Take user:bob@contoso.com out of staff?" in asked.terminal
    sent = [one.validate_only for one in service.requests("RemoveGroupMember")]
    assert sent == [True, True, False]


def test_deleting_a_group_asks_first_and_deletes_what_was_shown(
    run: Run, run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    words = ("group", "delete", "staff")

    assert run(*words).exit_code == 2
    assert "with 2 members?" in run_on_terminal(*words, answer="y\n").terminal
    assert run(*words, "--force").exit_code == 0

    sent = [(one.validate_only, one.etag) for one in service.requests("DeleteGroup")]
    assert sent == [(True, "v1"), (False, "v1"), (False, "")]
