"""The tree of scopes, and whether the broker agrees with it."""

from __future__ import annotations

from deskhold.identities import Principal, PrincipalKind
from tests.journeys.cmdlets.answers import Tells
from tests.journeys.cmdlets.cases import Change, Refusal, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.role_assignments import READ, READER

GROUP = "/tenantGroups/{group}"
TENANT = f"{GROUP}/tenants/hr"
COLLECTION = f"{TENANT}/collections/eng"


def a_tenant_with_a_collection_and_a_reader(desk: Desk) -> dict[str, str]:
    names = {"group": desk.new("group"), "user": f"{desk.new('anna')}@contoso.com"}
    for scope in (GROUP, TENANT):
        desk.client.create_scope(scope.format_map(names))
    desk.client.create_collection(TENANT.format_map(names)[1:], "eng", type="personal")
    reader = Principal(PrincipalKind.USER, names["user"])
    desk.client.create_role_assignment(TENANT.format_map(names), reader, READER)
    return names


def a_tenant_that_was_removed_and_made_anew(desk: Desk) -> dict[str, str]:
    """The broker still has its collection; rbac's scopes for it went with the tenant."""
    names = a_tenant_with_a_collection_and_a_reader(desk)
    desk.client.delete_scope(TENANT.format_map(names), force=True)
    desk.client.create_scope(TENANT.format_map(names))
    return names


IN_GROUP = "--tenant-group {group}"
IN_TENANT = f"{IN_GROUP} --tenant hr"
LISTED = f"scope list: {IN_GROUP}"
BELOW = [
    {"name": TENANT, "kind": "SCOPE_KIND_TENANT"},
    {"name": COLLECTION, "kind": "SCOPE_KIND_COLLECTION"},
    {"name": f"{COLLECTION}/appGroups/desktop", "kind": "SCOPE_KIND_APP_GROUP"},
    {"name": f"{TENANT}/diagnostics", "kind": "SCOPE_KIND_DIAGNOSTICS"},
]
MISSING = [
    {"scope": COLLECTION, "kind": "SCOPE_MISMATCH_KIND_NOT_REGISTERED"},
    {"scope": f"{COLLECTION}/appGroups/desktop", "kind": "SCOPE_MISMATCH_KIND_NOT_REGISTERED"},
]

TABLES = (
    Table(
        a_tenant_that_was_removed_and_made_anew,
        {
            "doctor": (
                Tells(IN_TENANT, MISSING, code=1),
                Change(f"{IN_TENANT} --repair", None, LISTED, BELOW),
                Change(f"{IN_TENANT} --repair", None, f"doctor: {IN_TENANT}", []),
            ),
        },
    ),
    Table(
        a_tenant_with_a_collection_and_a_reader,
        {
            "scope create": (
                Change(
                    f"{IN_GROUP}-2 --display-name Second",
                    None,
                    f"scope delete: {IN_GROUP}-2 --what-if",
                    [{"name": f"{GROUP}-2", "display_name": "Second"}],
                ),
                Change(
                    f"{IN_GROUP} --tenant it --display-name IT",
                    None,
                    f"scope list: {IN_GROUP} --tenant it",
                    [{"name": f"{GROUP}/tenants/it/diagnostics"}],
                ),
            ),
            "scope list": Tells(IN_GROUP, BELOW),
            "scope delete": (
                Change(f"{IN_TENANT} --force", None, LISTED, []),
                Change(f"{IN_TENANT} --force", None, f"where-can: {READ} --user {{user}}", []),
                Refusal(f"{IN_TENANT} --yes", None, "SCOPE_NOT_EMPTY", LISTED),
            ),
        },
    ),
)
