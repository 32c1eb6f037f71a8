"""The policy as a file: written, read back, and tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from deskhold.identities import Principal, PrincipalKind
from tests.journeys.cmdlets.answers import Tells
from tests.journeys.cmdlets.cases import Change, Refusal, Scene, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.role_assignments import OPERATOR, READ, READER

WRITE = "deskhold.resources/hosts/write"
GROUP = "/tenantGroups/{group}"


TENANT = f"{GROUP}/tenants/hr"


def a_tenant_group_and_files_for_it(desk: Desk) -> dict[str, str]:
    """Anna reads the tenant group, ben a tenant in it; one of the files cannot be."""
    names = {"group": desk.new("group"), "anna": "anna@contoso.com", "ben": "ben@contoso.com"}
    scope = GROUP.format_map(names)
    for place, who in ((scope, "anna"), (TENANT.format_map(names), "ben")):
        desk.client.create_scope(place)
        user = Principal(PrincipalKind.USER, names[who])
        desk.client.create_role_assignment(place, user, READER)
    return (
        names
        | {called: _written(desk, content) for called, content in _files(names).items()}
        | {
            "out": str(desk.pair.home.path / f"{desk.new('out')}.yaml"),
            "revision": str(desk.client.verify_log().verified_count),
        }
    )


def _files(names: dict[str, str]) -> dict[str, list[Any] | dict[str, Any]]:
    scope = GROUP.format_map(names)
    held = [_held(OPERATOR, "anna", names), _held(READER, "ben", names)]
    return {
        "file": {"role_assignments": held},
        "bad": {"role_assignments": [*held, _held("No Such Role", "ben", names)]},
        "tests": [
            {"may": names["anna"], "do": READ, "at": scope},
            {"may-not": names["anna"], "do": WRITE, "at": scope},
        ],
        "wrong": [{"may": names["ben"], "do": READ, "at": scope}],
    }


def _held(role: str, who: str, names: dict[str, str]) -> dict[str, str]:
    return {"role": role, "user": names[who], "scope": GROUP.format_map(names)}


def _written(desk: Desk, content: Any) -> str:
    file = desk.pair.home.path / f"{desk.new('in')}.yaml"
    file.write_text(yaml.safe_dump(content))
    return str(file)


def what_was_exported(scene: Scene) -> Any:
    file = Path(scene.names["out"])
    return yaml.safe_load(file.read_text()) if file.exists() else None


HERE = "--tenant-group {group}"


def what_is_held(scene: Scene) -> Any:
    """Return the role assignments of the tenant group, by the names of their users."""
    whole = yaml.safe_load(scene.ask(f"policy export: {HERE}"))
    return sorted(whole["role_assignments"], key=lambda one: one["user"])


LOGGED = "audit log: --after {revision}"
READS = "{anna} may deskhold.diagnostics/read at " + GROUP

TABLES = (
    Table(
        a_tenant_group_and_files_for_it,
        {
            "policy export": Change(
                f"{HERE} {{out}}",
                None,
                what_was_exported,
                {
                    "roles": [],
                    "groups": [],
                    "role_assignments": [
                        {"role": READER, "user": "{anna}", "scope": GROUP},
                        {"role": READER, "user": "{ben}", "scope": TENANT},
                    ],
                },
            ),
            "policy import": (
                Change(
                    f"{HERE} --replace --yes {{file}}",
                    None,
                    what_is_held,
                    [
                        {"role": OPERATOR, "user": "{anna}", "scope": GROUP},
                        {"role": READER, "user": "{ben}", "scope": GROUP},
                    ],
                ),
                Change(
                    f"{HERE} --replace --yes {{file}}",
                    None,
                    LOGGED,
                    [
                        {
                            "actor": "user:admin@contoso.com",
                            "changes": [
                                {"kind": "add_role_assignment"},
                                {"kind": "add_role_assignment"},
                                {"kind": "remove_role_assignment"},
                                {"kind": "remove_role_assignment"},
                            ],
                        }
                    ],
                ),
                Refusal(f"{HERE} {{bad}}", None, "ROLE_DEFINITION_NOT_FOUND", LOGGED),
            ),
            "policy test": (
                Tells(
                    "{tests}",
                    [{"outcome": "passed", "assertion": READS}, {"outcome": "passed"}],
                ),
                Tells("{wrong}", [{"outcome": "failed"}], code=1),
            ),
        },
    ),
)
