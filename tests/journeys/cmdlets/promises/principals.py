"""Who can hold a role: users, and programs."""

from __future__ import annotations

from typing import Any

from deskhold.embedded.authority import identity_of
from deskhold.errors import PermissionDenied
from tests.journeys.cmdlets.cases import Change, Scene, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.promises.tenants import (
    COLLECTION,
    IN_TENANT,
    READER,
    TENANT,
    a_user_without_roles,
)


def a_user_and_a_program_without_roles(desk: Desk) -> dict[str, str]:
    program = desk.new("app")
    return a_user_without_roles(desk) | {"program": program, "identity": identity_of(program)}


def what_the_program_sees(scene: Scene) -> Any:
    """Return the tenant as the program reads it, with nothing but its certificate."""
    with scene.desk.pair.service_client(scene.names["program"]) as client:
        try:
            return {"name": client.get_scope(TENANT.format_map(scene.names)).name}
        except PermissionDenied as error:
            return error.reason


TABLE = Table(
    a_user_and_a_program_without_roles,
    {
        "Security principal: users": Change(
            f"--role '{READER}' {{it}} {{user}} {IN_TENANT}",
            None,
            f"collection show: --token-file {{token}} {IN_TENANT} eng",
            {"name": COLLECTION[1:]},
        ),
        "Security principal: service principals": Change(
            f"--role '{READER}' {{it}} {{identity}} {IN_TENANT}",
            None,
            what_the_program_sees,
            {"name": TENANT},
        ),
    },
)
