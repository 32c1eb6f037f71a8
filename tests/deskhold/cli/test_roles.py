"""role: custom roles from flags and files, their versions, the catalogue, lint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deskhold import errors
from deskhold.api.rbac.v1.role_definitions_pb2 import (
    LINT_KIND_UNREACHABLE_ROLE,
    Action,
    CreateRoleDefinitionRequest,
    LintFinding,
    LintPolicyResponse,
    ListActionsResponse,
    ListGrantableRolesResponse,
    ListRoleDefinitionsResponse,
    ListRoleDefinitionVersionsResponse,
    Permission,
    RoleDefinition,
    UpdateRoleDefinitionRequest,
)
from tests.deskhold.cli.conftest import Run, RunOnTerminal
from tests.deskhold.stub_service import StubService

EXAMPLES = Path(__file__).parents[3] / "examples/roles"
KEEPER_ID = "5f0c1d2e-0000-4000-8000-000000000001"
KEEPER = RoleDefinition(
    name=f"roleDefinitions/{KEEPER_ID}",
    display_name="Host Keeper",
    permissions=[Permission(actions=["*/read"], not_actions=["a/read"])],
    assignable_scopes=["/"],
    etag="v1",
    version=2,
)
TWO_BLOCKS = RoleDefinition(
    name=KEEPER.name, permissions=[Permission(actions=["a/b"]), Permission(actions=["c/d"])]
)
NEW = ("role", "create", "--name", "Host Keeper", "--action", "*/read", "--assignable", "/")


def created(request: CreateRoleDefinitionRequest) -> RoleDefinition:
    return request.role_definition


def updated(request: UpdateRoleDefinitionRequest) -> RoleDefinition:
    return request.role_definition


@pytest.fixture(autouse=True)
def there(service: StubService) -> None:
    service.answers["ListRoleDefinitions"] = ListRoleDefinitionsResponse(role_definitions=[KEEPER])
    service.answers["CreateRoleDefinition"] = created
    service.answers["UpdateRoleDefinition"] = updated


def blocks(role: RoleDefinition) -> list[tuple[list[str], list[str]]]:
    return [(list(one.actions), list(one.not_actions)) for one in role.permissions]


def made(service: StubService) -> list[RoleDefinition]:
    return [one.role_definition for one in service.requests("CreateRoleDefinition")]


def test_a_role_is_made_of_flags(run: Run, service: StubService) -> None:
    words = ("--action", "a/*", "--not-action", "*/delete", "--assignable", "/tenantGroups/g")

    done = run(*NEW, *words, "--description", "Looks after hosts.")

    (role,) = made(service)
    assert (role.display_name, role.description) == ("Host Keeper", "Looks after hosts.")
    assert blocks(role) == [(["*/read", "a/*"], ["*/delete"])]
    assert role.assignable_scopes == ["/", "/tenantGroups/g"]
    assert "ALLOWS:         */read, a/* without */delete" in done.stdout


@pytest.mark.parametrize("missing", ["--name", "--action", "--assignable"])
def test_a_role_of_flags_needs_all_three(missing: str, run: Run, service: StubService) -> None:
    at = NEW.index(missing)

    assert run(*NEW[:at], *NEW[at + 2 :]).exit_code == 2
    assert service.seen == []


def test_azures_built_in_roles_are_taken_as_they_are(run: Run, service: StubService) -> None:
    done = run("role", "create", "--file", str(EXAMPLES / "azure-desktop-roles.json"), "-o", "json")

    roles = {role.display_name: role for role in made(service)}
    assert len(json.loads(done.stdout)) == len(roles) == 5
    contributor = roles["Contributor"]
    assert blocks(contributor)[0][0] == ["*"]
    assert "Microsoft.Authorization/*/Write" in blocks(contributor)[0][1]
    ids = [one.role_definition_id for one in service.requests("CreateRoleDefinition")]
    assert "b24988ac-6180-42a0-ab88-20f7382dd24c" in ids


def test_actions_on_data_become_a_block_of_their_own(run: Run, service: StubService) -> None:
    run("role", "create", "--file", str(EXAMPLES / "azure-several-blocks.json"))

    (role,) = made(service)
    assert role.display_name == "Support Desk Lead"
    assert [actions[-1] for actions, _ in blocks(role)] == [
        "Microsoft.Support/*",
        "Microsoft.DesktopVirtualization/*/usersessions/*",
        "Microsoft.DesktopVirtualization/applicationGroups/useApplications/action",
    ]
    assert [without for _, without in blocks(role)] == [
        ["Microsoft.Support/*/delete"],
        ["*/sendMessage/action"],
        [],
    ]


@pytest.mark.parametrize("file", ["azure-custom-role.json", "host-keeper.yaml"])
def test_assignable_replaces_the_scopes_of_a_file(
    file: str, run: Run, service: StubService
) -> None:
    run("role", "create", "--file", str(EXAMPLES / file))
    run("role", "create", "--file", str(EXAMPLES / file), "--assignable", "/tenantGroups/g")

    assert [list(role.assignable_scopes) for role in made(service)] == [["/"], ["/tenantGroups/g"]]


def test_what_role_show_prints_can_be_created_again(run: Run, service: StubService) -> None:
    shown = run("role", "show", "Host Keeper", "-o", "yaml").stdout

    run("role", "create", "--file", "-", "--validate-only", stdin=shown)

    (request,) = service.requests("CreateRoleDefinition")
    assert request.validate_only
    assert request.role_definition_id == KEEPER_ID
    assert blocks(request.role_definition) == blocks(KEEPER)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "neither YAML nor JSON"),
        ("[]", "holds no role"),
        ("just words", "is no role"),
        ('{"actions": ["a/b"]}', "has no name"),
        ('{"name": "X"}', "allows nothing"),
        ('[{"name": "X", "actions": ["a/b"]}, {"name": "Y", "actions": "a/b"}]', "role 2"),
        ('{"name": "X", "permissions": {"actions": []}}', "'permissions'"),
    ],
)
def test_a_file_that_holds_no_role_is_named_with_what_is_wrong(
    content: str, says: str, run: Run, service: StubService
) -> None:
    done = run("role", "create", "--file", "-", stdin=content)

    assert done.exit_code == 1
    assert says in done.stderr
    assert service.seen == []


def test_roles_made_before_one_is_refused_are_printed(run: Run, service: StubService) -> None:
    service.answers["CreateRoleDefinition"] = [
        RoleDefinition(name="roleDefinitions/1"),
        errors.AlreadyExists("it is there"),
    ]

    file = str(EXAMPLES / "azure-desktop-roles.json")
    done = run("role", "create", "--file", file, "-o", "name")

    assert (done.exit_code, done.stdout) == (1, "roleDefinitions/1\n")
    assert "error: Contributor: it is there" in done.stderr


def test_an_update_sends_what_is_given_and_the_version_it_saw(
    run: Run, service: StubService
) -> None:
    run("role", "update", "host keeper", "--description", "new", "--tenant-group", "g")

    (request,) = service.requests("UpdateRoleDefinition")
    assert list(request.update_mask.paths) == ["description"]
    assert (request.role_definition.name, request.role_definition.etag) == (KEEPER.name, "v1")
    assert request.scope == "/tenantGroups/g"
    assert service.requests("ListRoleDefinitions")[0].scope == "/tenantGroups/g"


def test_actions_left_out_alone_keep_the_actions(run: Run, service: StubService) -> None:
    run("role", "update", "Host Keeper", "--not-action", "*/delete")

    (request,) = service.requests("UpdateRoleDefinition")
    assert blocks(request.role_definition) == [(["*/read"], ["*/delete"])]
    assert list(request.update_mask.paths) == ["permissions"]


def test_a_role_of_several_blocks_is_changed_by_file(run: Run, service: StubService) -> None:
    service.answers["GetRoleDefinition"] = TWO_BLOCKS

    refused = run("role", "update", KEEPER_ID, "--action", "x/y")
    done = run("role", "update", KEEPER_ID, "--file", str(EXAMPLES / "host-keeper.yaml"))

    assert (refused.exit_code, done.exit_code) == (2, 0)
    assert "--file" in refused.stderr
    (request,) = service.requests("UpdateRoleDefinition")
    assert len(request.update_mask.paths) == 4


def test_a_file_of_another_role_is_refused(run: Run, service: StubService, tmp_path: Path) -> None:
    file = tmp_path / "role.json"
    text = run("role", "show", "Host Keeper", "-o", "json").output
    file.write_text(text)
    done = run("role", "update", "Host Keeper", "--file", str(file))
    file.write_text(text.replace(KEEPER_ID, KEEPER_ID[:-1] + "2"))
    refused = run("role", "update", "Host Keeper", "--file", str(file))

    assert (done.exit_code, refused.exit_code) == (0, 2)
    assert f"Host Keeper is {KEEPER.name}; name the other role" in " ".join(refused.output.split())
    assert len(service.requests("UpdateRoleDefinition")) == 1


def test_an_update_of_nothing_is_refused(run: Run, service: StubService) -> None:
    assert run("role", "update", "Host Keeper").exit_code == 2
    assert service.requests("UpdateRoleDefinition") == []


def test_a_role_is_deleted_after_asking(
    run: Run, run_on_terminal: RunOnTerminal, service: StubService
) -> None:
    service.answers["DeleteRoleDefinition"] = KEEPER
    words = ("role", "delete", "Host Keeper")

    assert run(*words).exit_code == 2
    assert run(*words, "--what-if").exit_code == 0
    assert "Delete role Host Keeper?" in run_on_terminal(*words, answer="y\n").terminal
    assert run(*words, "--force").exit_code == 0

    sent = [(one.validate_only, one.etag) for one in service.requests("DeleteRoleDefinition")]
    assert sent == [(True, "v1"), (True, "v1"), (False, "v1"), (False, "")]


def test_a_deleted_role_is_found_and_brought_back(run: Run, service: StubService) -> None:
    gone = RoleDefinition(name="roleDefinitions/gone", display_name="Host Keeper")
    gone.delete_time.FromSeconds(1)
    service.answers["ListRoleDefinitions"] = ListRoleDefinitionsResponse(role_definitions=[gone])
    service.answers["UndeleteRoleDefinition"] = KEEPER

    assert run("role", "undelete", "Host Keeper").exit_code == 0
    assert "1970-01-01" in run("role", "list", "--deleted").stdout

    assert service.requests("UndeleteRoleDefinition")[0].name == gone.name
    assert [one.show_deleted for one in service.requests("ListRoleDefinitions")] == [True, True]


def test_versions_actions_grantable_roles_and_findings_are_listed(
    run: Run, service: StubService
) -> None:
    service.answers["ListRoleDefinitionVersions"] = ListRoleDefinitionVersionsResponse(
        versions=[KEEPER]
    )
    service.answers["ListActions"] = ListActionsResponse(
        actions=[Action(name="a/read", description="Read it.", explicit_only=True)]
    )
    service.answers["ListGrantableRoles"] = ListGrantableRolesResponse(role_definitions=[KEEPER])
    finding = LintFinding(kind=LINT_KIND_UNREACHABLE_ROLE, subject=KEEPER.name, message="nobody")
    service.answers["LintPolicy"] = LintPolicyResponse(findings=[finding])

    assert run("role", "versions", "Host Keeper", "-o", "name").stdout == "2\n"
    assert "a/read  yes" in run("role", "actions").stdout
    assert run("role", "grantable", "--tenant", "t", "-o", "name").stdout == f"{KEEPER.name}\n"
    assert "unreachable_role  nobody" in run("role", "lint").stdout
    (asked,) = service.requests("ListGrantableRoles")
    assert asked.scope == "/tenantGroups/default/tenants/t"
