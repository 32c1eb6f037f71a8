"""What is asked of roles beside what they are."""

from __future__ import annotations

from deskhold.api.rbac.v1.role_assignments_pb2 import Delegation
from deskhold.api.rbac.v1.role_definitions_pb2 import Permission
from deskhold.identities import Principal, PrincipalKind
from rbac_service.roles.catalogue import ACTIONS
from tests.journeys.cmdlets.answers import Among, Tells
from tests.journeys.cmdlets.cases import Change, Look, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.role_assignments import (
    IN_TENANT,
    READER,
    TENANT,
    principals_without_roles,
)
from tests.journeys.cmdlets.roles import HOSTS, ROLE_SHOWN, SESSIONS, a_custom_role_and_a_file


def a_deleted_role(desk: Desk) -> dict[str, str]:
    names = a_custom_role_and_a_file(desk)
    desk.client.delete_role_definition(f"roleDefinitions/{names['id']}")
    return names


def a_role_that_was_changed(desk: Desk) -> dict[str, str]:
    names = a_custom_role_and_a_file(desk)
    desk.client.update_role_definition(
        f"roleDefinitions/{names['id']}", permissions=[Permission(actions=[SESSIONS])]
    )
    return names


def who_may_only_assign_readers(desk: Desk) -> dict[str, str]:
    names = principals_without_roles(desk)
    desk.client.create_role_assignment(
        TENANT.format_map(names),
        Principal(PrincipalKind.USER, names["user"]),
        "Access Administrator",
        delegation=Delegation(role_definitions=[READER]),
    )
    return names


TABLES = (
    Table(
        a_deleted_role,
        {
            "role undelete": Change(
                "{role}",
                None,
                ROLE_SHOWN,
                {"display_name": "{role}", "permissions": [{"actions": [HOSTS]}]},
            ),
        },
    ),
    Table(
        a_role_that_was_changed,
        {
            "role versions": Tells(
                "{role}",
                [
                    {"version": 2, "permissions": [{"actions": [SESSIONS]}]},
                    {"version": 1, "permissions": [{"actions": [HOSTS]}]},
                ],
            ),
        },
    ),
    Table(
        who_may_only_assign_readers,
        {
            "role grantable": Look(
                f"--token-file {{token}} {IN_TENANT}",
                None,
                [{"display_name": READER}],
                unlike=IN_TENANT,
            ),
        },
    ),
    Table(
        a_custom_role_and_a_file,
        {
            "role actions": Tells(
                "", [{"name": one.name, "description": one.description} for one in ACTIONS]
            ),
            "role lint": Among(
                "",
                has=[
                    {
                        "kind": "LINT_KIND_UNREACHABLE_ROLE",
                        "subject": "roleDefinitions/{id}",
                        "message": "nobody holds {role}",
                    }
                ],
                lacks=[],
            ),
        },
    ),
)
