"""Role assignments that are there already: found and removed."""

from __future__ import annotations

from deskhold.identities import Principal, PrincipalKind
from tests.journeys.cmdlets.cases import Change, Look, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.role_assignments import (
    APP_GROUP,
    COLLECTION,
    DIAGNOSTICS,
    GROUP,
    IN_TENANT,
    OPERATOR,
    READER,
    TENANT,
    principals_without_roles,
)


def _principals(names: dict[str, str]) -> dict[str, Principal]:
    return {
        "user": Principal(PrincipalKind.USER, names["user"]),
        "app": Principal(PrincipalKind.SERVICE_PRINCIPAL, names["app"]),
        "foreign": Principal(PrincipalKind.SERVICE_PRINCIPAL, names["app"], "fabrikam"),
        "team": Principal(PrincipalKind.GROUP, names["team"]),
    }


# Who holds what where; each differs from another in only one of the three.
HOLDS = {
    "everywhere": ("user", READER, "/"),
    "in_all_diagnostics": ("user", READER, "/diagnostics"),
    "in_group": ("user", READER, GROUP),
    "in_tenant": ("user", READER, TENANT),
    "in_collection": ("user", READER, COLLECTION),
    "in_app_group": ("user", READER, APP_GROUP),
    "in_diagnostics": ("user", READER, DIAGNOSTICS),
    "operator": ("user", OPERATOR, TENANT),
    "of_app": ("app", READER, TENANT),
    "of_foreign": ("foreign", READER, TENANT),
    "of_team": ("team", READER, TENANT),
}


def many_that_differ_in_one_thing(desk: Desk) -> dict[str, str]:
    """Each of `HOLDS`, by its name."""
    names = principals_without_roles(desk)
    principals = _principals(names)
    return names | {
        called: desk.client.create_role_assignment(
            scope.format_map(names), principals[who], role
        ).name
        for called, (who, role, scope) in HOLDS.items()
    }


def _listed(words: str, carries: object, *held: str) -> Look:
    return Look(
        f"{words} {IN_TENANT}",
        carries,
        [{"name": f"{{{one}}}"} for one in held],
        unlike=IN_TENANT,
    )


def _listed_at(words: str, scope: str, unlike: str = "--infrastructure") -> Look:
    """List what the user holds at a scope, above it and below it, and which of the three it is."""
    prints = [
        {"name": f"{{{called}}}", "placement": placement}
        for called, (who, role, where) in HOLDS.items()
        if (who, role) == ("user", READER) and (placement := _placement(scope, where))
    ]
    whose = f"--role '{READER}' --user {{user}}"
    return Look(f"{whose} {words}", scope, prints, unlike=f"{whose} {unlike}")


def _placement(scope: str, where: str) -> str:
    if scope == where:
        return "here"
    if scope.startswith(where):
        return "inherited"
    return "below" if where.startswith(scope) else ""


def _removed(words: str, held: str) -> Change:
    return Change(
        f"{words} --yes",
        f"{{{held}}}",
        f"role-assignment remove: {{{held}}} --what-if",
        "ROLE_ASSIGNMENT_NOT_FOUND",
    )


def _removed_at(words: str, held: str) -> Change:
    return _removed(f"--role '{READER}' --user {{user}} {words}", held)


TABLES = {
    "Get-RdsRoleAssignment": Table(
        many_that_differ_in_one_thing,
        {
            "-RoleDefinitionName": _listed(
                f"{{it}} '{OPERATOR}' --user {{user}}", OPERATOR, "operator"
            ),
            "-SignInName": _listed(
                f"--role '{OPERATOR}' {{it}} {{user}}",
                {"kind": "PRINCIPAL_KIND_USER", "id": "{user}"},
                "operator",
            ),
            "-ServerPrincipleName": _listed(
                "{it} {app}", {"kind": "PRINCIPAL_KIND_SERVICE_PRINCIPAL", "id": "{app}"}, "of_app"
            ),
            "-GroupObjectId": _listed(
                "{it} {team}", {"kind": "PRINCIPAL_KIND_GROUP", "id": "{team}"}, "of_team"
            ),
            "-AadTenantId": _listed(
                "--service-principal {app} {it} fabrikam", "fabrikam", "of_foreign"
            ),
            "-Infrastructure": _listed_at("{it}", "/", unlike=IN_TENANT),
            "-TenantGroupName": _listed_at("{it} {group}", GROUP),
            "-TenantName": _listed_at("--tenant-group {group} {it} hr", TENANT),
            "-HostPoolName": _listed_at(f"{IN_TENANT} {{it}} eng", COLLECTION),
            "-AppGroupName": _listed_at(f"{IN_TENANT} --collection eng {{it}} desktop", APP_GROUP),
            "-Diagnostics": (
                _listed_at(f"{IN_TENANT} {{it}}", DIAGNOSTICS),
                _listed_at("--infrastructure {it}", "/diagnostics"),
            ),
        },
    ),
    "Remove-RdsRoleAssignment": Table(
        many_that_differ_in_one_thing,
        {
            "-RoleDefinitionName": _removed(
                f"{{it}} '{OPERATOR}' --user {{user}} {IN_TENANT}", "operator"
            ),
            "-SignInName": _removed(f"--role '{READER}' {{it}} {{user}} {IN_TENANT}", "in_tenant"),
            "-ServerPrincipleName": _removed(
                f"--role '{READER}' {{it}} {{app}} {IN_TENANT}", "of_app"
            ),
            "-GroupObjectId": _removed(f"--role '{READER}' {{it}} {{team}} {IN_TENANT}", "of_team"),
            "-AadTenantId": _removed(
                f"--role '{READER}' --service-principal {{app}} {{it}} fabrikam {IN_TENANT}",
                "of_foreign",
            ),
            "-Infrastructure": _removed_at("{it}", "everywhere"),
            "-TenantGroupName": _removed_at("{it} {group}", "in_group"),
            "-TenantName": _removed_at("--tenant-group {group} {it} hr", "in_tenant"),
            "-HostPoolName": _removed_at(f"{IN_TENANT} {{it}} eng", "in_collection"),
            "-AppGroupName": _removed_at(
                f"{IN_TENANT} --collection eng {{it}} desktop", "in_app_group"
            ),
            "-Diagnostics": (
                _removed_at(f"{IN_TENANT} {{it}}", "in_diagnostics"),
                _removed_at("--infrastructure {it}", "in_all_diagnostics"),
            ),
        },
    ),
}
