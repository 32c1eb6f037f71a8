"""Sessions: listed, and told what to do."""

from __future__ import annotations

from typing import Any

from deskhold.api.broker.v1 import agents_pb2
from deskhold.api.broker.v1 import sessions_pb2 as pb
from tests.journeys.cmdlets.cases import Change, Look, Scene, Table, Unasked
from tests.journeys.cmdlets.desk import Desk

ALICE = "CONTOSO\\alice"
BOB = "bob@contoso.com"
HERE = "{tenant_name}/collections/{mine}"


def sessions_on_three_hosts(desk: Desk) -> dict[str, str]:
    """In a tenant of its own: two hosts of a collection, and one of another.

    Alice is active as 1 on each, Bob disconnected as 2 on the first.
    """
    tenant = desk.new("tenant")
    names = {"tenant": tenant, "tenant_name": f"tenantGroups/default/tenants/{tenant}"}
    desk.client.create_scope(f"/{names['tenant_name']}")
    hosts = {one: desk.new("vm") for one in ("first", "second", "third")}
    places = {"mine": ["first", "second"], "other": ["third"]}
    for collection, members in places.items():
        made = desk.client.create_collection(
            names["tenant_name"],
            collection,
            type="pooled",
            host_ids=[hosts[one] for one in members],
        )
        desk.client.report_hosts(made.name, [report(hosts[one], one) for one in members])
    return names | hosts | {"mine": "mine", "other": "other", "alice": ALICE, "bob": BOB}


def report(host: str, called: str) -> agents_pb2.HostReport:
    sessions = [(1, ALICE, pb.SESSION_STATE_ACTIVE), (2, BOB, pb.SESSION_STATE_DISCONNECTED)]
    return agents_pb2.HostReport(
        host_id=host,
        boot_id="1",
        sessions=[
            agents_pb2.ReportedSession(session_id=number, user=user, state=state)
            for number, user, state in (sessions if called == "first" else sessions[:1])
        ],
    )


def heard(scene: Scene) -> Any:
    """Return what the agent of the first host is told to do, as the command line shows it."""
    parent, host = HERE.format_map(scene.names), scene.names["first"]
    answer = scene.desk.client.report_hosts(parent, [report(host, "first")])
    return [scene.ask(f"session command: {one.name}") for one in answer.results[0].commands]


def _session(host: str, number: int) -> str:
    collection = "other" if host == "third" else "mine"
    return f"{{tenant_name}}/collections/{{{collection}}}/hosts/{{{host}}}/sessions/{number}"


FIRST, DISCONNECTED = {"name": _session("first", 1)}, {"name": _session("first", 2)}
SECOND, THIRD = {"name": _session("second", 1)}, {"name": _session("third", 1)}
MINE = "--tenant {tenant} --collection {mine}"
TO_FIRST = f"{MINE} --host {{first}}"


def _told(words: str, carries: object, **shows: str) -> Change:
    return Change(words, carries, heard, [shows])


TABLES = {
    "Get-RDUserSession": Table(
        sessions_on_three_hosts,
        {
            "-CollectionName": Look(
                "--tenant {tenant} {it} {mine}",
                HERE,
                [FIRST, DISCONNECTED, SECOND],
                unlike="--tenant {tenant}",
            ),
            "without it": Look(
                "{it} {tenant}",
                "{tenant_name}",
                [FIRST, DISCONNECTED, SECOND, THIRD],
                unlike=MINE,
            ),
            "--host": Look(f"{MINE} {{it}} {{second}}", "{second}", [SECOND], unlike=MINE),
            "--user": Look(f"{MINE} {{it}} {{bob}}", "{bob}", [DISCONNECTED], unlike=MINE),
            "--state": Look(
                f"{MINE} {{it}} disconnected",
                ["SESSION_STATE_DISCONNECTED"],
                [DISCONNECTED],
                unlike=MINE,
            ),
        },
    ),
    "Disconnect-RDUser": Table(
        sessions_on_three_hosts,
        {
            "-HostServer": _told(
                f"{MINE} {{it}} {{first}} 1",
                _session("first", 1),
                session=_session("first", 1),
                kind="SESSION_COMMAND_KIND_DISCONNECT",
            ),
            "-UnifiedSessionID": _told(
                f"{TO_FIRST} 2",
                _session("first", 2),
                session=_session("first", 2),
                kind="SESSION_COMMAND_KIND_DISCONNECT",
            ),
            "-Force": _told(f"{TO_FIRST} 1 {{it}}", None, kind="SESSION_COMMAND_KIND_DISCONNECT"),
        },
    ),
    "Invoke-RDUserLogoff": Table(
        sessions_on_three_hosts,
        {
            "-HostServer": _told(
                f"{MINE} {{it}} {{first}} 1",
                _session("first", 1),
                session=_session("first", 1),
                kind="SESSION_COMMAND_KIND_LOG_OFF",
            ),
            "-UnifiedSessionID": _told(
                f"{TO_FIRST} 2",
                _session("first", 2),
                session=_session("first", 2),
                kind="SESSION_COMMAND_KIND_LOG_OFF",
            ),
            "-Force": Unasked(
                f"{TO_FIRST} 1 {{it}}",
                heard,
                [{"kind": "SESSION_COMMAND_KIND_LOG_OFF"}],
                unlike=f"{TO_FIRST} 1",
            ),
        },
    ),
    "Send-RDUserMessage": Table(
        sessions_on_three_hosts,
        {
            "-HostServer": _told(
                f"{MINE} {{it}} {{first}} 1 --title Tonight --body 'We update.'",
                _session("first", 1),
                session=_session("first", 1),
                kind="SESSION_COMMAND_KIND_MESSAGE",
            ),
            "-UnifiedSessionID": _told(
                f"{TO_FIRST} 2 --title Tonight --body 'We update.'",
                _session("first", 2),
                session=_session("first", 2),
                kind="SESSION_COMMAND_KIND_MESSAGE",
            ),
            "-MessageTitle": _told(
                f"{TO_FIRST} 1 {{it}} Tonight --body 'We update.'", "Tonight", title="Tonight"
            ),
            "-MessageBody": _told(
                f"{TO_FIRST} 1 --title Tonight {{it}} 'We update.'", "We update.", body="We update."
            ),
        },
    ),
}
