"""Role assignments: made at every kind of scope, for every kind of principal."""

from __future__ import annotations

from functools import cache

from tests.journeys.cmdlets.cases import Case, Change, Table
from tests.journeys.cmdlets.desk import Desk

READER, OPERATOR = "RDS Reader", "RDS Operator"
GROUP = "/tenantGroups/{group}"
TENANT = f"{GROUP}/tenants/hr"
COLLECTION = f"{TENANT}/collections/eng"
APP_GROUP = f"{COLLECTION}/appGroups/desktop"
DIAGNOSTICS = f"{TENANT}/diagnostics"
IN_TENANT = "--tenant-group {group} --tenant hr"
SCOPES = (GROUP, TENANT, COLLECTION, APP_GROUP, DIAGNOSTICS)
READ = "deskhold.diagnostics/read"


@cache
def _a_tenant_with_a_collection(desk: Desk) -> str:
    group = desk.new("group")
    for scope in (GROUP, TENANT):
        desk.client.create_scope(scope.format(group=group))
    desk.client.create_collection(TENANT.format(group=group)[1:], "eng", type="personal")
    return group


def principals_without_roles(desk: Desk) -> dict[str, str]:
    """Two users, a program and a group, beside a tenant that all scenes share."""
    user = f"{desk.new('anna')}@contoso.com"
    return {
        "group": _a_tenant_with_a_collection(desk),
        "user": user,
        "friend": f"{desk.new('ben')}@contoso.com",
        "app": desk.new("app"),
        "team": desk.new("team"),
        "token": str(desk.pair.token_file(user)),
    }


def _readable_from(scope: str) -> list[dict[str, str]]:
    return [{"scope": one} for one in SCOPES if one.startswith(scope)]


def _at(words: str, scope: str) -> Change:
    """Give the user a role at a scope, from where on they may then read."""
    return Change(
        f"--role '{READER}' --user {{user}} {words}",
        scope,
        f"where-can: {READ} --user {{user}}",
        _readable_from(scope),
    )


def _to(words: str, carries: str, whose: str) -> Change:
    """Give somebody a role, who may then read."""
    return Change(
        f"--role '{READER}' {words} {IN_TENANT}",
        carries,
        f"where-can: {READ} {whose}",
        _readable_from(TENANT),
    )


def _within(words: str, carries: str, shows: dict[str, str]) -> Change:
    return Change(
        f"--role '{READER}' --user {{user}} {IN_TENANT} {words}",
        carries,
        f"role-assignment list: --user {{user}} {IN_TENANT}",
        [shows],
    )


DELEGATE = f"--role 'Access Administrator' --user {{user}} {IN_TENANT} --delegate-role '{READER}'"
HAND_OUT = f"role-assignment create: --token-file {{token}} --role '{READER}' {IN_TENANT}"


def _limited(words: str, carries: object, *, allowed: str, refused: str) -> tuple[Case, ...]:
    """Delegate, so that the holder may hand out one thing and not another."""
    return (
        Change(
            f"{DELEGATE} {words}", carries, f"{HAND_OUT} {allowed}", {"role_display_name": READER}
        ),
        Change(f"{DELEGATE} {words}", carries, f"{HAND_OUT} {refused}", "ESCALATION"),
    )


TABLES = {
    "New-RdsRoleAssignment": Table(
        principals_without_roles,
        {
            "-RoleDefinitionName": Change(
                f"{{it}} '{OPERATOR}' --user {{user}} {IN_TENANT}",
                OPERATOR,
                f"permissions: --user {{user}} {IN_TENANT}",
                [{"actions": ["deskhold.diagnostics/read"]}],
            ),
            "-SignInName": _to("{it} {user}", "{user}", "--user {user}"),
            "-ServerPrincipleName": _to("{it} {app}", "{app}", "--service-principal {app}"),
            "-GroupObjectId": _to("{it} {team}", "{team}", "--group {team}"),
            "-AadTenantId": _to(
                "--service-principal {app} {it} fabrikam",
                "fabrikam",
                "--service-principal {app} --directory fabrikam",
            ),
            "-Infrastructure": Change(
                f"--role '{READER}' --user {{user}} {{it}}",
                "/",
                f"can-i: {READ} --user {{user}} --infrastructure",
                {"allowed": True, "scope": "/"},
            ),
            "-TenantGroupName": _at("{it} {group}", GROUP),
            "-TenantName": _at("--tenant-group {group} {it} hr", TENANT),
            "-HostPoolName": _at(f"{IN_TENANT} {{it}} eng", COLLECTION),
            "-AppGroupName": _at(f"{IN_TENANT} --collection eng {{it}} desktop", APP_GROUP),
            "-Diagnostics": (
                _at(f"{IN_TENANT} {{it}}", DIAGNOSTICS),
                Change(
                    f"--role '{READER}' --user {{user}} --infrastructure {{it}}",
                    "/diagnostics",
                    f"where-can: {READ} --user {{user}}",
                    [{"scope": "/diagnostics"}],
                ),
            ),
            "--from": _within(
                "{it} 2099-01-01", "2099-01-01T00:00:00Z", {"start_time": "2099-01-01T00:00:00Z"}
            ),
            "--until": (
                _within(
                    "--until 2099-01-01",
                    "2099-01-01T00:00:00Z",
                    {"expire_time": "2099-01-01T00:00:00Z"},
                ),
                _within(
                    "--from 2099-01-01 --for 8h",
                    "2099-01-01T08:00:00Z",
                    {"expire_time": "2099-01-01T08:00:00Z"},
                ),
            ),
            "--delegate-role": Change(
                f"--role 'Access Administrator' --user {{user}} {IN_TENANT} {{it}} '{READER}'",
                [READER],
                f"role grantable: --token-file {{token}} {IN_TENANT}",
                [{"display_name": READER}],
            ),
            "--delegate-kind": _limited(
                "--delegate-kind group",
                ["PRINCIPAL_KIND_GROUP"],
                allowed="--group {team}",
                refused="--service-principal {app}",
            ),
            "--delegate-to-user": (
                *_limited(
                    "--delegate-to-user {friend}",
                    [{"kind": "PRINCIPAL_KIND_USER", "id": "{friend}"}],
                    allowed="--user {friend}",
                    refused="--user carol@contoso.com",
                ),
                *_limited(
                    "--delegate-to-group {team}",
                    [{"kind": "PRINCIPAL_KIND_GROUP", "id": "{team}"}],
                    allowed="--group {team}",
                    refused="--group others",
                ),
            ),
            "--delegate-for": _limited(
                "--delegate-for 8h",
                "28800s",
                allowed="--user {friend} --for 7h",
                refused="--user {friend} --for 9h",
            ),
        },
    ),
}
