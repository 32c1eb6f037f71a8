"""Collections: made, shown, changed and deleted."""

from __future__ import annotations

from tests.journeys.cmdlets.cases import Change, Look, Preview, Refusal, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import TENANT

ALICE = "CONTOSO\\alice"
HERE = f"{TENANT}/collections"


def a_name_and_two_machines(desk: Desk) -> dict[str, str]:
    return {
        "new": desk.new("made"),
        "host": desk.new("pc"),
        "other": desk.new("pc"),
        "alice": ALICE,
    }


def two_collections(desk: Desk) -> dict[str, str]:
    """A personal one and a pooled one, each with a host; alice holds that of the personal one."""
    mine, pool, held = desk.new("eng"), desk.new("pool"), desk.new("pc")
    made = desk.client.create_collection(
        TENANT, mine, type="personal", host_ids=[held], custom_rdp_properties="audiomode:i:2"
    )
    desk.client.create_collection(TENANT, pool, type="pooled", host_ids=[desk.new("vm")])
    desk.client.set_assignment(made.name, user=ALICE, host_id=held)
    found = desk.client.get_collection(made.name)
    return {"mine": mine, "pool": pool, "held": held, "etag": found.etag}


def an_empty_one_and_one_with_a_host(desk: Desk) -> dict[str, str]:
    empty, full = desk.new("empty"), desk.new("full")
    desk.client.create_collection(TENANT, empty, type="personal")
    desk.client.create_collection(TENANT, full, type="personal", host_ids=[desk.new("pc")])
    return {"empty": empty, "full": full}


ASSIGN_IN_NEW = "assignment set: --collection {new} --user {alice} --host {host}"
CONNECT_TO_NEW = "connect: {new} --user {alice}"
GET = Table(
    two_collections,
    {
        "-CollectionName": Look(
            "{mine}", f"{HERE}/{{mine}}", prints={"name": f"{HERE}/{{mine}}"}, unlike="{pool}"
        ),
    },
)


def _change(words: str, carries: object, shows: dict[str, object], of: str = "mine") -> Change:
    return Change(f"{{{of}}} {words}", carries, f"collection show: {{{of}}}", shows)


def _rdp(line: str) -> Change:
    return _change("{it}", line, {"custom_rdp_properties": line})


TABLES = {
    "New-RDSessionCollection": Table(
        a_name_and_two_machines,
        {
            "-CollectionName": Change(
                "{new} --type personal",
                "{new}",
                "collection show: {new}",
                {"name": f"{HERE}/{{new}}"},
            ),
            "-PersonalUnmanaged": Change(
                "{new} {it} --host {host}", None, ASSIGN_IN_NEW, {"assignment": {"user": ALICE}}
            ),
            "without it": Change(
                "{new} {it} --host {host}", None, ASSIGN_IN_NEW, "COLLECTION_NOT_PERSONAL"
            ),
            "-GrantAdministrativePrivilege": Change(
                "{new} --type personal {it} --host {host}",
                True,
                f"{ASSIGN_IN_NEW} && host show: --collection {{new}} {{host}}",
                {"administrator": ALICE},
            ),
            "-AutoAssignUser": Change(
                "{new} --type personal {it} --host {host}",
                True,
                CONNECT_TO_NEW,
                {"host": f"{HERE}/{{new}}/hosts/{{host}}"},
            ),
            "-SessionHost": Change(
                "{new} --type personal {it} {host} {it} {other}",
                ["{host}", "{other}"],
                "host list: --collection {new}",
                [{"name": f"{HERE}/{{new}}/hosts/{{{one}}}"} for one in ("host", "other")],
            ),
            "-CollectionDescription": Change(
                "{new} --type personal {it} 'For engineers'",
                "For engineers",
                "collection show: {new}",
                {"description": "For engineers"},
            ),
        },
    ),
    "Get-RDSessionCollection": GET,
    "Get-RDSessionCollectionConfiguration": GET,
    "Set-RDSessionCollectionConfiguration": Table(
        two_collections,
        {
            "-CollectionName": _change(
                "--description new", f"{HERE}/{{mine}}", {"description": "new"}
            ),
            "-CollectionDescription": _change("{it} new", "new", {"description": "new"}),
            "-CustomRdpProperty": (
                _change(
                    "{it} audiomode:i:0 {it} compression:i:1",
                    "audiomode:i:0\ncompression:i:1",
                    {"custom_rdp_properties": "audiomode:i:0\ncompression:i:1"},
                ),
                _change("--no-rdp-properties", [], {"custom_rdp_properties": ""}),
            ),
            "-ActiveSessionLimitMin": _change(
                "{it} 480", 480, {"active_session_limit_minutes": 480}
            ),
            "-DisconnectedSessionLimitMin": _change(
                "{it} 60", 60, {"disconnected_session_limit_minutes": 60}
            ),
            "-IdleSessionLimitMin": _change("{it} 30", 30, {"idle_session_limit_minutes": 30}),
            "-ClientDeviceRedirectionOptions": _rdp("redirectclipboard:i:1"),
            "-ClientPrinterRedirected": _rdp("redirectprinters:i:1"),
            "-LoadBalancing": _change(
                "{it} depth-first",
                "LOAD_BALANCING_DEPTH_FIRST",
                {"load_balancing": "LOAD_BALANCING_DEPTH_FIRST"},
                of="pool",
            ),
            "--max-sessions-per-host": _change(
                "{it} 12", 12, {"max_sessions_per_host": 12}, of="pool"
            ),
            "--max-desktops": _change("{it} 3", 3, {"max_desktops_per_user": 3}),
            "--release-policy": _change(
                "{it} quarantine",
                "RELEASE_POLICY_QUARANTINE",
                {"release_policy": "RELEASE_POLICY_QUARANTINE"},
            ),
            "--display-name": _change(
                "{it} Engineering", "Engineering", {"display_name": "Engineering"}
            ),
            "--etag": (
                _change("{it} {etag} --description new", "{etag}", {"description": "new"}),
                Refusal(
                    "{mine} {it} outdated --description new",
                    "outdated",
                    "ETAG_MISMATCH",
                    "collection show: {mine}",
                ),
            ),
            "-WhatIf": Preview(
                "{mine} --description new {it}",
                "collection show: {mine}",
                unlike="{mine} --description new",
            ),
        },
    ),
    "Remove-RDSessionCollection": Table(
        an_empty_one_and_one_with_a_host,
        {
            "-CollectionName": Change(
                "{empty} --yes",
                f"{HERE}/{{empty}}",
                "collection show: {empty}",
                "COLLECTION_NOT_FOUND",
            ),
            "-Force": Change(
                "{full} {it}",
                True,
                "collection show: {full}",
                "COLLECTION_NOT_FOUND",
                not_by="{full} --yes",
            ),
            "-WhatIf": Preview("{empty} {it}", "collection show: {empty}", unlike="{empty} --yes"),
        },
    ),
}
