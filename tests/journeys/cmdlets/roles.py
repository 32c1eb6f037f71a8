"""Role definitions: shown, made, changed and deleted, from flags and from files."""

from __future__ import annotations

import json
from typing import Any

from deskhold.api.rbac.v1.role_definitions_pb2 import Permission
from tests.journeys.cmdlets.cases import Change, Look, Preview, Table
from tests.journeys.cmdlets.desk import Desk

DEFAULT = "/tenantGroups/default"
HOSTS, SESSIONS = "deskhold.resources/hosts/*", "deskhold.resources/sessions/*"
DELETING, WRITING = "*/delete", "*/write"
SAID = "Looks after sessions."
TENANT = f"{DEFAULT}/tenants/default"


def a_custom_role_and_a_file(desk: Desk) -> dict[str, str]:
    """A role for hosts, a name that no role has, and a file in the form of Azure with that name."""
    name = desk.new("Keeper")
    made = desk.client.create_role_definition(name, [Permission(actions=[HOSTS])], [DEFAULT])
    new = desk.new("Operator")
    file = desk.pair.home.path / f"{new}.json"
    content = {
        "Name": new,
        "Description": SAID,
        "Actions": [SESSIONS],
        "NotActions": [DELETING],
        "AssignableScopes": [DEFAULT],
    }
    file.write_text(json.dumps(content))
    return {
        "role": name,
        "id": made.name.rpartition("/")[2],
        "etag": made.etag,
        "new": new,
        "file": str(file),
    }


ROLE_SHOWN, NEW_SHOWN = "role show: {id}", "role show: {new}"
NEEDED = f"--name {{new}} --action '{HOSTS}' --assignable {DEFAULT}"
GONE = "ROLE_DEFINITION_NOT_FOUND"
OPERATOR = "'RDS Operator'"
CONTENT = {
    "display_name": "{new}",
    "description": SAID,
    "permissions": [{"actions": [SESSIONS], "not_actions": [DELETING]}],
    "assignable_scopes": [DEFAULT],
}


def _block(**lists: list[str]) -> dict[str, Any]:
    return {"permissions": [lists]}


TABLES = {
    "Get-RdsRoleDefinition": Table(
        a_custom_role_and_a_file,
        {
            "-Id": Look("{id}", "roleDefinitions/{id}", {"display_name": "{role}"}, OPERATOR),
            "-RoleDefinitionName": Look("{role}", None, {"name": "roleDefinitions/{id}"}, OPERATOR),
        },
    ),
    "New-RdsRoleDefinition": Table(
        a_custom_role_and_a_file,
        {
            "-InputFile": Change("{it} {file}", CONTENT, NEW_SHOWN, CONTENT),
            "Name in the file": (
                Change(
                    f"{{it}} {{new}}-2 --action '{SESSIONS}' --assignable {DEFAULT}",
                    "{new}-2",
                    "role show: {new}-2",
                    {"display_name": "{new}-2"},
                ),
                Change("--file {file}", "{new}", NEW_SHOWN, {"display_name": "{new}"}),
            ),
            "Description": (
                Change(f"{NEEDED} {{it}} new", "new", NEW_SHOWN, {"description": "new"}),
                Change("--file {file}", SAID, NEW_SHOWN, {"description": SAID}),
            ),
            "Actions": (
                Change(
                    f"{{it}} '{HOSTS}' --name {{new}} --assignable {DEFAULT}",
                    [HOSTS],
                    NEW_SHOWN,
                    _block(actions=[HOSTS]),
                ),
                Change("--file {file}", [SESSIONS], NEW_SHOWN, _block(actions=[SESSIONS])),
            ),
            "NotActions": (
                Change(
                    f"{NEEDED} {{it}} '{WRITING}'",
                    [WRITING],
                    NEW_SHOWN,
                    _block(not_actions=[WRITING]),
                ),
                Change("--file {file}", [DELETING], NEW_SHOWN, _block(not_actions=[DELETING])),
            ),
            "AssignableScopes": (
                Change(
                    f"{{it}} {TENANT} --name {{new}} --action '{HOSTS}'",
                    [TENANT],
                    NEW_SHOWN,
                    {"assignable_scopes": [TENANT]},
                ),
                Change("--file {file}", [DEFAULT], NEW_SHOWN, {"assignable_scopes": [DEFAULT]}),
            ),
        },
    ),
    "Set-RdsRoleDefinition": Table(
        a_custom_role_and_a_file,
        {
            "-InputFile": Change(
                "{id} {it} {file}",
                CONTENT | {"name": "roleDefinitions/{id}", "etag": "{etag}"},
                ROLE_SHOWN,
                CONTENT,
            ),
            "Id in the file": Change(
                "{id} --description new",
                "roleDefinitions/{id}",
                ROLE_SHOWN,
                {"description": "new"},
            ),
            "Name": (
                Change("{id} {it} {new}", "{new}", ROLE_SHOWN, {"display_name": "{new}"}),
                Change("{id} --file {file}", "{new}", ROLE_SHOWN, {"display_name": "{new}"}),
            ),
            "Actions": (
                Change(
                    f"{{id}} {{it}} '{DELETING}'",
                    [DELETING],
                    ROLE_SHOWN,
                    _block(actions=[DELETING]),
                ),
                Change("{id} --file {file}", [SESSIONS], ROLE_SHOWN, _block(actions=[SESSIONS])),
            ),
            "NotActions": (
                Change(
                    f"{{id}} {{it}} '{WRITING}'",
                    [WRITING],
                    ROLE_SHOWN,
                    _block(not_actions=[WRITING]),
                ),
                Change(
                    "{id} --file {file}", [DELETING], ROLE_SHOWN, _block(not_actions=[DELETING])
                ),
            ),
        },
    ),
    "Remove-RdsRoleDefinition": Table(
        a_custom_role_and_a_file,
        {
            "-Id": Change("{id} --yes", "roleDefinitions/{id}", ROLE_SHOWN, GONE),
            "-Force": (
                Change("{id} {it}", [], ROLE_SHOWN, GONE, not_by="{id}"),
                Change("{id} --yes", "{etag}", ROLE_SHOWN, GONE),
            ),
            "-WhatIf": Preview("{id} {it}", ROLE_SHOWN, unlike="{id} --yes"),
        },
    ),
}
