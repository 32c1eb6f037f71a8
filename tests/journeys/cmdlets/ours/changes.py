"""What changes at the broker, as it changes."""

from __future__ import annotations

from tests.journeys.cmdlets.answers import Follows
from tests.journeys.cmdlets.cases import Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.sessions import ALICE, report


def a_change_of_each_kind(desk: Desk) -> dict[str, str]:
    """After a position, in a tenant of its own, where nothing else happens.

    Nothing is changed twice, because such changes may come as one.
    """
    tenant, host = desk.new("tenant"), desk.new("pc")
    parent = f"tenantGroups/default/tenants/{tenant}"
    desk.client.create_scope(f"/{parent}")
    made = desk.client.create_collection(parent, "eng", type="personal", host_ids=[host])
    position = next(desk.client.watch_resources(parent)).position
    desk.client.update_collection(made.name, description="new")
    desk.client.update_app_group(f"{made.name}/appGroups/desktop", description="new")
    desk.client.set_assignment(made.name, user=ALICE, host_id=host)
    desk.client.report_hosts(made.name, [report(host, "second")])
    return {
        "tenant": tenant,
        "name": made.name,
        "host": host,
        "alice": ALICE,
        "position": position,
    }


HOST = "{name}/hosts/{host}"


def _changed(kind: str, name: str, **resource: object) -> dict[str, object]:
    return {"change": {"kind": f"RESOURCE_KIND_{kind}", "name": name, **resource}}


TABLES = (
    Table(
        a_change_of_each_kind,
        {
            "watch": Follows(
                "--tenant {tenant} --from {position}",
                [
                    _changed("COLLECTION", "{name}", collection={"description": "new"}),
                    _changed(
                        "APP_GROUP", "{name}/appGroups/desktop", app_group={"description": "new"}
                    ),
                    _changed("ASSIGNMENT", f"{HOST}/assignment", assignment={"user": "{alice}"}),
                    _changed("HOST", HOST, host={"assigned_user": "{alice}"}),
                    _changed("SESSION", f"{HOST}/sessions/1", session={"user": "{alice}"}),
                ],
                then="assignment remove: --tenant {tenant} --collection eng --host {host} --yes",
                next=_changed("ASSIGNMENT", f"{HOST}/assignment"),
            ),
        },
    ),
)
