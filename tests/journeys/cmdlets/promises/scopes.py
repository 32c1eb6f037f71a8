"""Where a role counts: at the scope where it is held and below, not above and not beside."""

from __future__ import annotations

from tests.journeys.cmdlets.cases import Change, Scene, Table
from tests.journeys.cmdlets.promises.tenants import (
    COLLECTION,
    GROUP,
    IN_GROUP,
    IN_TENANT,
    READER,
    TENANT,
    a_user_without_roles,
)

APP_GROUP = f"{COLLECTION}/appGroups/desktop"
DENIED = "ACTION_DENIED"
# A look at something of each scope.
LOOKS = {
    "/": "scope list: --infrastructure",
    "/tenantGroups/default": "scope list: --tenant-group default",
    GROUP: f"scope list: {IN_GROUP}",
    f"{GROUP}/tenants/it": f"collection list: {IN_GROUP} --tenant it",
    TENANT: f"collection list: {IN_TENANT}",
    f"{TENANT}/collections/lab": f"collection show: {IN_TENANT} lab",
    COLLECTION: f"collection show: {IN_TENANT} eng",
    f"{COLLECTION}/appGroups/office": f"app-group show: {IN_TENANT} --collection eng office",
    APP_GROUP: f"app-group show: {IN_TENANT} --collection eng desktop",
}


def where_the_user_may_look(scene: Scene) -> dict[str, str]:
    """Return what became of a look at each scope."""
    found = {scope: scene.ask(f"{look} --token-file {{token}}") for scope, look in LOOKS.items()}
    return {scope: one if isinstance(one, str) else "seen" for scope, one in found.items()}


def _read_at(words: str, scope: str) -> Change:
    seen = {one for one in LOOKS if one == scope or one.startswith(f"{scope}/")}
    return Change(
        f"--role '{READER}' --user {{user}} {words}",
        None,
        where_the_user_may_look,
        {one: "seen" if one in seen else DENIED for one in LOOKS},
    )


TABLE = Table(
    a_user_without_roles,
    {
        "Scope: tenant groups": _read_at("{it} {group}", GROUP),
        "Scope: tenants": _read_at(f"{IN_GROUP} {{it}} hr", TENANT),
        "Scope: host pools": _read_at(f"{IN_TENANT} {{it}} eng", COLLECTION),
        "Scope: app groups": _read_at(f"{IN_TENANT} --collection eng {{it}} desktop", APP_GROUP),
    },
)
