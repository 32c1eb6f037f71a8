"""What the roles of the source let somebody do, and what not."""

from __future__ import annotations

from fnmatch import fnmatchcase

from deskhold.api.rbac.v1.role_definitions_pb2 import Permission
from deskhold.identities import Principal, PrincipalKind
from rbac_service.roles.catalogue import ACTIONS
from tests.docs.cmdlets import DOCUMENT
from tests.docs.tables import codes, table
from tests.journeys.cmdlets.cases import Change, Scene, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.promises.rows import PROMISES
from tests.journeys.cmdlets.promises.tenants import (
    IN_TENANT,
    READER,
    TENANT,
    a_user_without_roles,
)

OPERATOR = "RDS Operator"
HOSTS = "deskhold.resources/hosts/read"
OWNS = "An Owner manages everything, including access to resources"
CONTRIBUTES = "A Contributor manages everything but access to resources"
READS = "A Reader views everything but makes no changes"
OPERATES = "An Operator views diagnostic activities"
_EVERYTHING, *_ = PROMISES[OWNS]
_ACCESS, *_ = PROMISES[CONTRIBUTES]
_VIEWS, *_ = PROMISES[READS]
_VIEWS_DIAGNOSTICS, _LISTS_THEM = PROMISES[OPERATES]
DEEDS = {
    "list diagnostics": f"{_LISTS_THEM.removeprefix('deskhold ')}: {IN_TENANT}",
    "list hosts": f"host list: {IN_TENANT} --collection eng",
    "list role assignments": f"role-assignment list: {IN_TENANT}",
    "make a collection": f"collection create: {IN_TENANT} {{new}} --type pooled",
    "delete a collection": f"collection delete: {IN_TENANT} {{old}} --yes",
    "give a role": f"role-assignment create: {IN_TENANT} --role '{READER}' --user {{friend}}",
    "take a role away": (
        f"role-assignment remove: {IN_TENANT} --role '{OPERATOR}' --user {{friend}} --yes"
    ),
}
VIEWING = {"list diagnostics", "list hosts", "list role assignments"}
ACCESS = {"list role assignments", "give a role", "take a role away"}
BUILT_IN = {row["Role"]: codes(row["Actions"]) for row in table(DOCUMENT, "Built-in roles").rows}


def a_user_without_roles_and_a_custom_role(desk: Desk) -> dict[str, str]:
    """Their friend is an operator, and there is a collection that can be deleted."""
    names = a_user_without_roles(desk)
    tenant = TENANT.format_map(names)
    friend = Principal(PrincipalKind.USER, names["friend"])
    desk.client.create_role_assignment(tenant, friend, OPERATOR)
    custom = desk.new("Host Reader")
    desk.client.create_role_definition(custom, [Permission(actions=[HOSTS])], [tenant])
    old = desk.new("old")
    desk.client.create_collection(tenant[1:], old, type="pooled")
    return names | {"custom": custom, "old": old}


def what_the_user_may_do(scene: Scene) -> dict[str, str]:
    """Return what became of each deed."""
    found = {deed: scene.ask(f"{words} --token-file {{token}}") for deed, words in DEEDS.items()}
    return {deed: one if isinstance(one, str) else "done" for deed, one in found.items()}


def _may(role: str, deeds: set[str]) -> Change:
    return Change(
        f"--role '{role}' --user {{user}} {IN_TENANT}",
        None,
        what_the_user_may_do,
        {one: "done" if one in deeds else "ACTION_DENIED" for one in DEEDS},
    )


def _holds(role: str, actions: list[str]) -> Change:
    """Of everything that the services declare, a role allows these actions."""
    return Change(
        f"--role '{role}' --user {{user}} {IN_TENANT}",
        None,
        f"permissions: {IN_TENANT} --user {{user}}",
        [{"actions": actions}],
    )


def _matching(*patterns: str) -> list[str]:
    return [
        one.name
        for one in ACTIONS
        if not one.explicit_only and any(fnmatchcase(one.name, pattern) for pattern in patterns)
    ]


TABLE = Table(
    a_user_without_roles_and_a_custom_role,
    {
        "Role definition: built-in roles": (
            *(_holds(role, _matching(*patterns)) for role, patterns in BUILT_IN.items()),
            _holds("{custom}", [HOSTS]),
        ),
        OWNS: (
            _may("RDS Owner", set(DEEDS)),
            _holds("RDS Owner", _matching(_EVERYTHING)),
        ),
        CONTRIBUTES: (
            _may("RDS Contributor", DEEDS.keys() - ACCESS),
            _holds(
                "RDS Contributor",
                [one for one in _matching("*") if not one.startswith(f"{_ACCESS}/")],
            ),
        ),
        READS: (
            _may("RDS Reader", VIEWING),
            _holds("RDS Reader", _matching(_VIEWS)),
        ),
        OPERATES: (
            _may("RDS Operator", {"list diagnostics"}),
            _holds("RDS Operator", _matching(_VIEWS_DIAGNOSTICS)),
        ),
    },
)
