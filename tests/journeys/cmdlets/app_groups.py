"""App groups and the applications in them."""

from __future__ import annotations

from typing import Any

from tests.journeys.cmdlets.cases import Change, Look, Preview, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import TENANT

HERE = f"{TENANT}/collections"
OFFICE = f"{HERE}/{{mine}}/appGroups/office"
SHOW = "app-group show: office --collection {mine}"


def office_in_two_collections(desk: Desk) -> dict[str, str]:
    """The same app group of applications in each, beside the desktop that every collection has."""
    names = {"mine": desk.new("eng"), "other": desk.new("lab")}
    for one in names.values():
        made = desk.client.create_collection(TENANT, one, type="pooled")
        desk.client.create_app_group(made.name, "office", type="remote_app", description="old")
    return names


def _created(words: str, carries: object, shows: dict[str, Any]) -> Change:
    return Change(
        f"tools --collection {{mine}} {words}",
        carries,
        "app-group show: tools --collection {mine}",
        shows,
    )


def _added(words: str, carries: object, shows: dict[str, str]) -> Change:
    return Change(
        f"word --collection {{mine}} --app-group office {words}",
        carries,
        SHOW,
        {"applications": [{"application_id": "word"} | shows]},
    )


ADD_TO_TOOLS = "app-group application add: word --collection {mine} --app-group tools --path w.exe"
TABLES = {
    "New-RdsAppGroup": Table(
        office_in_two_collections,
        {
            "-HostPoolName": Change(
                "tools {it} {other} --type desktop",
                f"{HERE}/{{other}}",
                "app-group show: tools --collection {other}",
                {"name": f"{HERE}/{{other}}/appGroups/tools"},
            ),
            "-Name": _created(
                "--type desktop", "tools", {"name": f"{HERE}/{{mine}}/appGroups/tools"}
            ),
            "-ResourceType: Desktop": Change(
                "tools --collection {mine} {it}", None, ADD_TO_TOOLS, "FIELD_VIOLATION"
            ),
            "-ResourceType: RemoteApp": Change(
                "tools --collection {mine} {it}",
                None,
                ADD_TO_TOOLS,
                {"applications": [{"application_id": "word"}]},
            ),
            "-FriendlyName": _created(
                "--type desktop {it} Tools", "Tools", {"display_name": "Tools"}
            ),
            "-Description": _created("--type desktop {it} new", "new", {"description": "new"}),
        },
    ),
    "Get-RdsAppGroup": Table(
        office_in_two_collections,
        {
            "-HostPoolName": Look(
                "office {it} {mine}",
                OFFICE,
                prints={"name": OFFICE},
                unlike="office --collection {other}",
            ),
            "-Name": Look(
                "office --collection {mine}",
                OFFICE,
                prints={"name": OFFICE},
                unlike="desktop --collection {mine}",
            ),
        },
    ),
    "Set-RdsAppGroup": Table(
        office_in_two_collections,
        {
            "-HostPoolName": Change(
                "office {it} {mine} --description new", OFFICE, SHOW, {"description": "new"}
            ),
            "-Name": Change(
                "office --collection {mine} --description new", OFFICE, SHOW, {"description": "new"}
            ),
            "-FriendlyName": Change(
                "office --collection {mine} {it} Office", "Office", SHOW, {"display_name": "Office"}
            ),
            "-Description": Change(
                "office --collection {mine} {it} new", "new", SHOW, {"description": "new"}
            ),
        },
    ),
    "Remove-RdsAppGroup": Table(
        office_in_two_collections,
        {
            "-HostPoolName": Change(
                "office {it} {mine} --yes", OFFICE, SHOW, "APP_GROUP_NOT_FOUND"
            ),
            "-Name": Change(
                "office --collection {mine} --yes", OFFICE, SHOW, "APP_GROUP_NOT_FOUND"
            ),
            "-WhatIf": Preview(
                "office --collection {mine} {it}", SHOW, unlike="office --collection {mine} --yes"
            ),
        },
    ),
    "New-RdsRemoteApp": Table(
        office_in_two_collections,
        {
            "-HostPoolName": Change(
                "word {it} {mine} --app-group office --path w.exe",
                OFFICE,
                SHOW,
                {"applications": [{"application_id": "word"}]},
            ),
            "-AppGroupName": Change(
                "word --collection {mine} {it} office --path w.exe",
                OFFICE,
                SHOW,
                {"applications": [{"application_id": "word"}]},
            ),
            "-Name": _added("--path w.exe", "word", {}),
            "-FilePath": _added("{it} w.exe", "w.exe", {"file_path": "w.exe"}),
            "-FriendlyName": _added("--path w.exe {it} Word", "Word", {"display_name": "Word"}),
            "-RequiredCommandLine": _added("--path w.exe {it} /q", "/q", {"arguments": "/q"}),
            "-IconPath": _added("--path w.exe {it} w.ico", "w.ico", {"icon_path": "w.ico"}),
        },
    ),
}
