"""The roles that are part of the product.

The first four are the originals of Windows Virtual Desktop's delegated access, with their ids;
`Microsoft.RDS.Resources` and `Microsoft.RDS.Diagnostics` are called `deskhold.resources` and
`deskhold.diagnostics` here. The others are ours.
"""

from __future__ import annotations

from typing import Final

from rbac_service.roles.rules import Permission, RoleDefinition

OWNER_ID: Final = "3b14baea-8d82-4610-f5da-08d623dd1cc4"
ENFORCEMENT_POINT_ID: Final = "5fc3e4fb-2e43-5a3f-8f5a-0f6f4b7b1c01"


def _role(role_id: str, name: str, description: str, *actions: str) -> RoleDefinition:
    return RoleDefinition(role_id, name, description, (Permission(actions),), built_in=True)


BUILT_IN_ROLES: Final = (
    _role(OWNER_ID, "RDS Owner", "Manages everything, including access to resources.", "*"),
    _role(
        "f5dc85e1-b94d-48f0-f5dc-08d623dd1cc4",
        "RDS Contributor",
        "Manages everything but access to resources.",
        "deskhold.resources/*",
        "deskhold.diagnostics/*",
    ),
    _role(
        "2ea11dc0-46e3-4ee8-f5db-08d623dd1cc4",
        "RDS Reader",
        "Views everything but cannot make any changes.",
        "*/read",
    ),
    _role(
        "827a079d-aa89-4d0d-f5dd-08d623dd1cc4",
        "RDS Operator",
        "Views diagnostic activities.",
        "deskhold.diagnostics/read",
    ),
    _role(
        "8a0f4d52-7c1b-5d0e-9f0b-6f1f6ad0a302",
        "RDS User",
        "Connects to desktops and apps.",
        "deskhold.resources/appGroups/connect/action",
    ),
    _role(
        "d3a7f0c4-91d2-5b8e-8c34-2b9f5e6f7a03",
        "RDS Host Operator",
        "Adds, drains and removes hosts, and sees who holds them.",
        "deskhold.resources/collections/read",
        "deskhold.resources/hosts/*",
        "deskhold.resources/assignments/read",
    ),
    _role(
        "1b6c9e3d-4f58-5a7c-b1d0-7e2a8c9d0b04",
        "RDS Session Operator",
        "Sees, messages, disconnects and logs off sessions.",
        "deskhold.resources/collections/read",
        "deskhold.resources/hosts/read",
        "deskhold.resources/assignments/read",
        "deskhold.resources/sessions/*",
    ),
    _role(
        "e7b4d2c9-3a16-5f80-8d21-9c0f4a5b7e06",
        "RDS Host Agent",
        "Reports how hosts are; for the agents on them.",
        "deskhold.resources/agents/report/action",
    ),
    _role(
        "a9c6e1f3-5d27-5b94-9e32-0d1a5b6c8f07",
        "RDS Gateway",
        "Resolves routing tokens; for gateways and redirectors.",
        "deskhold.resources/gateways/resolve/action",
    ),
    _role(
        "c2f1a7d8-6e3b-5c49-9a7d-4d1e8b2f6c05",
        "Access Administrator",
        "Manages who may do what, and nothing else: assigns roles it holds or is delegated.",
        "deskhold.authorization/*/read",
        "deskhold.authorization/roleAssignments/*",
        "deskhold.authorization/roleDefinitions/*",
        "deskhold.authorization/groups/*",
    ),
    _role(
        ENFORCEMENT_POINT_ID,
        "Policy Enforcement Point",
        "Asks about others, and registers the resources it guards; for services.",
        "deskhold.authorization/checkAccess/action",
        "deskhold.authorization/scopes/*",
    ),
)
