"""The actions that services declare, for building roles; others work too, they are opaque here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rbac_service.roles.patterns import EXPLICIT_ONLY


@dataclass(frozen=True, slots=True)
class Action:
    """An action that a service declares.

    Attributes:
        name: `provider/resource/.../verb`.
        description: What it is for.
    """

    name: str
    description: str

    @property
    def explicit_only(self) -> bool:
        """Whether `*` does not imply it."""
        return self.name.lower() in EXPLICIT_ONLY


ACTIONS: Final = tuple(
    Action(name, description)
    for name, description in sorted(
        {
            "deskhold.authorization/checkAccess/action": "Ask whether others may.",
            "deskhold.authorization/groups/delete": "Delete groups.",
            "deskhold.authorization/groups/read": "See groups and their members.",
            "deskhold.authorization/groups/write": "Make groups, change who is in them.",
            "deskhold.authorization/log/read": "Read and verify the revision log and decisions.",
            "deskhold.authorization/roleAssignments/bind/action": "Assign what one does not hold.",
            "deskhold.authorization/roleAssignments/delete": "Take roles away.",
            "deskhold.authorization/roleAssignments/read": "See who holds which role.",
            "deskhold.authorization/roleAssignments/write": "Assign roles that one holds.",
            "deskhold.authorization/roleDefinitions/delete": "Delete custom roles.",
            "deskhold.authorization/roleDefinitions/escalate/action": (
                "Make roles that allow what one does not hold."
            ),
            "deskhold.authorization/roleDefinitions/read": "See role definitions.",
            "deskhold.authorization/roleDefinitions/write": "Make and change custom roles.",
            "deskhold.authorization/scopes/delete": "Remove scopes of collections.",
            "deskhold.authorization/scopes/read": "See scopes.",
            "deskhold.authorization/scopes/write": "Register scopes of collections.",
            "deskhold.diagnostics/read": "See diagnostic activities.",
            "deskhold.resources/agents/report/action": "Report how hosts are.",
            "deskhold.resources/appGroups/chooseHost/action": "Choose the host when connecting.",
            "deskhold.resources/appGroups/connect/action": "Connect to desktops and apps.",
            "deskhold.resources/appGroups/connectOnBehalf/action": "Connect for another user.",
            "deskhold.resources/appGroups/delete": "Delete app groups.",
            "deskhold.resources/appGroups/read": "See app groups.",
            "deskhold.resources/appGroups/write": "Create and change app groups.",
            "deskhold.resources/assignments/confirmRelease/action": "Confirm that hosts are clean.",
            "deskhold.resources/assignments/delete": "End assignments of hosts.",
            "deskhold.resources/assignments/read": "See who holds which host.",
            "deskhold.resources/assignments/write": "Assign hosts to users.",
            "deskhold.resources/collections/delete": "Delete collections.",
            "deskhold.resources/collections/read": "See collections.",
            "deskhold.resources/collections/write": "Create and change collections.",
            "deskhold.resources/gateways/resolve/action": "Resolve routing tokens.",
            "deskhold.resources/hosts/delete": "Remove hosts.",
            "deskhold.resources/hosts/read": "See hosts.",
            "deskhold.resources/hosts/write": "Add and change hosts.",
            "deskhold.resources/publishers/read": "See which certificate signs `.rdp` files.",
            "deskhold.resources/registration/read": "Compare collections with their scopes.",
            "deskhold.resources/registration/write": "Repair the scopes of collections.",
            "deskhold.resources/sessions/disconnect/action": "Disconnect sessions.",
            "deskhold.resources/sessions/logOff/action": "Log sessions off.",
            "deskhold.resources/sessions/read": "See sessions.",
            "deskhold.resources/sessions/sendMessage/action": "Show messages in sessions.",
            "deskhold.resources/tenantGroups/delete": "Remove tenant groups.",
            "deskhold.resources/tenantGroups/write": "Make tenant groups.",
            "deskhold.resources/tenants/delete": "Remove tenants.",
            "deskhold.resources/tenants/write": "Make tenants.",
        }.items()
    )
)
