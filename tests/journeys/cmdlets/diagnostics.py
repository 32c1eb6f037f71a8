"""Diagnostics: which activities each filter finds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGCONT, SIGSTOP

import pytest

from deskhold.api.broker.v1 import agents_pb2
from deskhold.errors import DeskholdError, NotFound, PermissionDenied
from tests.journeys.cmdlets.cases import Look, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import Pair

# Long enough for the broker to say that rbac does not answer, before the caller gives up.
_PATIENCE_SECONDS = 1.0
# What is done in a tenant, in this order.
DONE = ("made", "made_other", "registered", "assigned", "connected", "denied", "refused", "failed")


def a_tenant_where_much_was_done(desk: Desk) -> dict[str, str]:
    """Each of `DONE` by its name, the request of one, and the time of another."""
    tenant_id, user = desk.new("tenant"), f"{desk.new('carol')}@contoso.com"
    tenant = f"tenantGroups/default/tenants/{tenant_id}"
    host, client = desk.new("pc"), desk.client
    client.create_scope(f"/{tenant}")
    eng = client.create_collection(tenant, "eng", type="personal", host_ids=[host])
    lab = client.create_collection(tenant, "lab", type="personal")
    client.report_hosts(eng.name, [agents_pb2.HostReport(host_id=host, boot_id="1")])
    client.set_assignment(eng.name, user=user, host_id=host)
    client.connect(eng.name, user=user)
    with pytest.raises(PermissionDenied), desk.pair.blocking_client(user) as stranger:
        stranger.get_collection(lab.name)
    with pytest.raises(NotFound):
        client.get_host(f"{lab.name}/hosts/absent")
    impatient = desk.pair.blocking_client(timeout_seconds=_PATIENCE_SECONDS)
    with _rbac_asleep(desk.pair), pytest.raises(DeskholdError), impatient:
        impatient.get_collection(lab.name)

    newest_first = list(client.list_activities(f"{tenant}/diagnostics"))
    found = dict(zip(DONE, reversed(newest_first), strict=True))
    return {name: one.name.rpartition("/")[2] for name, one in found.items()} | {
        "tenant": tenant_id,
        "tenant_name": tenant,
        "user": user,
        "host": host,
        "request": found["assigned"].request_id,
        "time": found["connected"].start_time.ToJsonString(),
    }


@contextmanager
def _rbac_asleep(pair: Pair) -> Iterator[None]:
    process = int(pair.home.process_id("rbac"))
    os.kill(process, SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, SIGCONT)


IN_TENANT = "--tenant {tenant}"


def _named(parent: str, *activities: str) -> list[dict[str, str]]:
    """Return activities as they are listed, the newest first, given as they were done."""
    return [{"name": f"{parent}/activities/{{{one}}}"} for one in reversed(activities)]


def _found(words: str, carries: object, *activities: str, unlike: str = IN_TENANT) -> Look:
    return Look(words, carries, _named("{tenant_name}/diagnostics", *activities), unlike)


TABLES = {
    "Get-RdsDiagnosticActivities": Table(
        a_tenant_where_much_was_done,
        {
            "-Deployment": Look(
                "{it} --user {user}",
                "diagnostics",
                _named("diagnostics", "assigned", "connected", "denied"),
                unlike="--user {user}",
            ),
            "-TenantName": _found(
                "{it} {tenant} --tenant-group default",
                "{tenant_name}/diagnostics",
                *DONE,
                unlike="--tenant-group default",
            ),
            "-UserName": _found(
                f"{IN_TENANT} {{it}} {{user}}", "{user}", "assigned", "connected", "denied"
            ),
            "-ActivityType Management": _found(
                f"{IN_TENANT} {{it}}",
                None,
                *("made", "made_other", "assigned", "denied", "refused", "failed"),
            ),
            "-ActivityType Connection": _found(f"{IN_TENANT} {{it}}", None, "connected"),
            "-ActivityType HostRegistration": _found(f"{IN_TENANT} {{it}}", None, "registered"),
            "-Outcome Success": _found(f"{IN_TENANT} {{it}}", None, *DONE[:5]),
            "-Outcome Failure": tuple(
                _found(f"{IN_TENANT} {{it}} {outcome}", None, outcome)
                for outcome in ("denied", "refused", "failed")
            ),
            "-ActivityId": _found(f"{IN_TENANT} {{it}} {{request}}", "{request}", "assigned"),
            "-StartTime": _found(f"{IN_TENANT} {{it}} {{time}}", "{time}", *DONE[4:]),
            "-EndTime": _found(f"{IN_TENANT} {{it}} {{time}}", "{time}", *DONE[:4]),
            "-Detailed": Look(
                f"{IN_TENANT} --request {{request}} {{it}}",
                None,
                [{"action": "deskhold.resources/assignments/write", "code": "OK"}],
                unlike=f"{IN_TENANT} --request {{request}} -o table",
            ),
            "--collection": _found(
                f"{IN_TENANT} {{it}} lab",
                "{tenant_name}/collections/lab",
                *("made_other", "denied", "refused", "failed"),
            ),
            "--host": _found(
                f"{IN_TENANT} {{it}} {{host}}", "{host}", "registered", "assigned", "connected"
            ),
        },
    ),
}
