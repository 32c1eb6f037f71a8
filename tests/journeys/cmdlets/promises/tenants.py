"""The tenant in which promises are kept, and how somebody is given a role there."""

from __future__ import annotations

from functools import cache

from tests.journeys.cmdlets.desk import Desk

GROUP = "/tenantGroups/{group}"
TENANT = f"{GROUP}/tenants/hr"
COLLECTION = f"{TENANT}/collections/eng"
IN_GROUP = "--tenant-group {group}"
IN_TENANT = f"{IN_GROUP} --tenant hr"
READER = "RDS Reader"


@cache
def _tenants(desk: Desk) -> str:
    group = desk.new("group")
    for scope in (GROUP, TENANT, f"{GROUP}/tenants/it"):
        desk.client.create_scope(scope.format(group=group))
    for collection in ("eng", "lab"):
        desk.client.create_collection(TENANT.format(group=group)[1:], collection, type="personal")
    eng = COLLECTION.format(group=group)[1:]
    desk.client.create_app_group(eng, "office", type="remote_app")
    return group


def a_user_without_roles(desk: Desk) -> dict[str, str]:
    """Who can call; beside a tenant with two collections and another tenant, for all scenes."""
    user = f"{desk.new('anna')}@contoso.com"
    return {
        "group": _tenants(desk),
        "user": user,
        "token": str(desk.pair.token_file(user)),
        "friend": f"{desk.new('ben')}@contoso.com",
        "new": desk.new("made"),
    }
