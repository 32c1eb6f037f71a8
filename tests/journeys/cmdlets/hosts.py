"""Hosts: added, listed, changed and removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from deskhold.api.broker.v1 import agents_pb2, hosts_pb2
from tests.journeys.cmdlets.cases import Change, Look, Preview, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import TENANT

HERE = f"{TENANT}/collections/{{mine}}"
USER = "CONTOSO\\alice"
CONDITIONS = (
    *("assigned", "draining", "plain", "quarantined", "reserved"),
    *("rights_pending", "unhealthy", "unmonitored"),
)
BROKEN = hosts_pb2.HealthCheck(check="Disk", result=hosts_pb2.HEALTH_CHECK_RESULT_FAILED)


def two_hosts_of_which_one_is_held(desk: Desk) -> dict[str, str]:
    """A personal collection with them, another without any, and a name that no host has."""
    names = {"mine": desk.new("eng"), "other": desk.new("lab"), "new": desk.new("pc")}
    hosts = {"held": desk.new("pc"), "free": desk.new("pc")}
    made = desk.client.create_collection(
        TENANT, names["mine"], type="personal", host_ids=hosts.values()
    )
    desk.client.create_collection(TENANT, names["other"], type="personal")
    desk.client.set_assignment(made.name, user=USER, host_id=hosts["held"])
    return names | hosts


def a_host_that_is_drained(desk: Desk) -> dict[str, str]:
    names = two_hosts_of_which_one_is_held(desk)
    desk.client.update_hosts(
        HERE.format_map(names), [names["held"]], new_connections=hosts_pb2.NEW_CONNECTIONS_NO
    )
    return names | {"drained": names["held"]}


def a_host_in_each_condition(desk: Desk) -> dict[str, str]:
    """A host for each condition, called by it; `plain` is in none but free."""
    made = desk.client.create_collection(
        TENANT,
        desk.new("every"),
        type="personal",
        grant_administrative_privilege=True,
        max_desktops_per_user=4,
        release_policy="quarantine",
    )
    hosts = {one: desk.new(one.replace("_", "-")) for one in CONDITIONS}
    desk.client.add_hosts(made.name, hosts.values())
    for one in ("assigned", "quarantined", "rights_pending"):
        desk.client.set_assignment(made.name, user=USER, host_id=hosts[one])
    desk.client.remove_assignment(made.name, host_id=hosts["quarantined"])
    desk.client.update_hosts(
        made.name, [hosts["draining"]], new_connections=hosts_pb2.NEW_CONNECTIONS_NO
    )
    desk.client.reserve_host(
        made.name,
        host_id=hosts["reserved"],
        user=USER,
        until=datetime.now(UTC) + timedelta(days=1),
    )
    desk.client.report_hosts(
        made.name,
        [
            agents_pb2.HostReport(
                host_id=host,
                boot_id="1",
                administrators=[USER] if one == "assigned" else [],
                health_checks=[BROKEN] if one == "unhealthy" else [],
            )
            for one, host in hosts.items()
            if one != "unmonitored"
        ],
    )
    empty = desk.new("empty")
    desk.client.create_collection(TENANT, empty, type="pooled")
    return hosts | {"mine": made.name.rpartition("/")[2], "empty": empty}


def _named(*hosts: str) -> list[dict[str, str]]:
    return [{"name": f"{HERE}/hosts/{{{one}}}"} for one in hosts]


def _added(words: str, carries: object, shows: dict[str, object]) -> Change:
    return Change(
        f"--collection {{mine}} {{new}} {words}",
        carries,
        "host show: --collection {mine} {new}",
        shows,
    )


def _changed(words: str, carries: object, shows: dict[str, object], host: str = "free") -> Change:
    return Change(
        f"--collection {{mine}} {{{host}}} {words}",
        carries,
        f"host show: --collection {{mine}} {{{host}}}",
        shows,
    )


def _in_condition(*hosts: str) -> Look:
    return Look("--collection {mine} {it}", None, _named(*hosts), unlike="--collection {mine}")


TABLES = {
    "Add-RDSessionHost": Table(
        two_hosts_of_which_one_is_held,
        {
            "-CollectionName": Change(
                "{it} {other} {new}",
                f"{TENANT}/collections/{{other}}",
                "host list: --collection {other}",
                [{"name": f"{TENANT}/collections/{{other}}/hosts/{{new}}"}],
            ),
            "-SessionHost": Change(
                "--collection {mine} {new} {new}-2",
                ["{new}", "{new}-2"],
                "host list: --collection {mine}",
                [
                    *_named("new"),
                    {"name": f"{HERE}/hosts/{{new}}-2"},
                    *_named("held", "free"),
                ],
            ),
            "--address": _added("{it} 10.0.0.7", "10.0.0.7", {"address": "10.0.0.7"}),
            "--port": _added("{it} 3390", 3390, {"port": 3390}),
            "--friendly-name": _added("{it} Atlas", "Atlas", {"friendly_name": "Atlas"}),
            "--new-connections": _added(
                "{it} no", "NEW_CONNECTIONS_NO", {"new_connections": "NEW_CONNECTIONS_NO"}
            ),
            "--weight": _added("{it} 50", 50, {"relative_weight": 50}),
            "--session-limit": _added("{it} 8", 8, {"session_limit": 8}),
        },
    ),
    "Get-RDSessionHost": Table(
        a_host_in_each_condition,
        {
            "-CollectionName": Look(
                "{it} {mine}", HERE, _named(*CONDITIONS), unlike="--collection {empty}"
            ),
            "--assigned": _in_condition("assigned", "rights_pending"),
            "--free": _in_condition("plain", "unmonitored"),
            "--draining": _in_condition("draining"),
            "--unhealthy": _in_condition("unhealthy"),
            "--reserved": _in_condition("reserved"),
            "--quarantined": _in_condition("quarantined"),
            "--unmonitored": _in_condition("unmonitored"),
            "--rights-pending": _in_condition("rights_pending"),
        },
    ),
    "Set-RDSessionHost": Table(
        a_host_that_is_drained,
        {
            "-SessionHost": Change(
                "--collection {mine} {free} {held} --weight 50",
                [f"{HERE}/hosts/{{free}}", f"{HERE}/hosts/{{held}}"],
                "host list: --collection {mine}",
                [{"relative_weight": 50}, {"relative_weight": 50}],
            ),
            "-NewConnectionAllowed Yes": _changed(
                "{it}", None, {"new_connections": "NEW_CONNECTIONS_YES"}, host="drained"
            ),
            "-NewConnectionAllowed NotUntilReboot": _changed(
                "{it}", None, {"new_connections": "NEW_CONNECTIONS_NOT_UNTIL_REBOOT"}
            ),
            "-NewConnectionAllowed No": _changed(
                "{it}", None, {"new_connections": "NEW_CONNECTIONS_NO"}
            ),
            "--weight": _changed("{it} 50", 50, {"relative_weight": 50}),
            "--session-limit": _changed("{it} 8", 8, {"session_limit": 8}),
            "--collection": Change(
                "{it} {mine} {free} --weight 50",
                HERE,
                "host show: --collection {mine} {free}",
                {"relative_weight": 50},
                not_by="--collection {other} {free} --weight 50",
            ),
        },
    ),
    "Remove-RDSessionHost": Table(
        two_hosts_of_which_one_is_held,
        {
            "-SessionHost": Change(
                "--collection {mine} {free} --yes",
                f"{HERE}/hosts/{{free}}",
                "host list: --collection {mine}",
                _named("held"),
            ),
            "-Force": Change(
                "--collection {mine} {held} {it}",
                True,
                "host list: --collection {mine}",
                _named("free"),
                not_by="--collection {mine} {held} --yes",
            ),
            "-WhatIf": Preview(
                "--collection {mine} {free} {it}",
                "host list: --collection {mine}",
                unlike="--collection {mine} {free} --yes",
            ),
        },
    ),
}
