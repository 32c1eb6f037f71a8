"""RoleDefinitionService: message in, message out."""

from __future__ import annotations

from typing import Any

from deskhold.api.rbac.v1 import role_definitions_pb2 as pb
from deskhold.api.rbac.v1 import role_definitions_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.paging import Pager
from rbac_service.roles.rules import Catalogue, RoleDefinition
from rbac_service.roles.usecases import get_role, list_roles


class RoleDefinitionServicer(role_definitions_pb2_grpc.RoleDefinitionServiceServicer):
    """Answers about role definitions.

    Args:
        catalogue: The roles in force.
        pager: Issues page tokens.
    """

    def __init__(self, catalogue: Catalogue, pager: Pager) -> None:
        self._catalogue = catalogue
        self._pager = pager

    async def GetRoleDefinition(
        self, request: pb.GetRoleDefinitionRequest, context: Any
    ) -> pb.RoleDefinition:
        """Return one role definition."""
        return _message(get_role(self._catalogue, request.name))

    async def ListRoleDefinitions(
        self, request: pb.ListRoleDefinitionsRequest, context: Any
    ) -> pb.ListRoleDefinitionsResponse:
        """Return a page of role definitions."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = list_roles(self._catalogue, page)
        shown, token = self._pager.close(
            request, caller.key, page, rows, lambda role: role.display_name.lower()
        )
        return pb.ListRoleDefinitionsResponse(
            role_definitions=[_message(role) for role in shown], next_page_token=token
        )


def _message(role: RoleDefinition) -> pb.RoleDefinition:
    return pb.RoleDefinition(
        name=role.name,
        display_name=role.display_name,
        description=role.description,
        permissions=[
            pb.Permission(actions=block.actions, not_actions=block.not_actions)
            for block in role.permissions
        ],
        built_in=role.built_in,
        etag=role.etag,
    )
