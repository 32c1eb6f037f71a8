"""RoleDefinitionService: message in, message out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from deskhold.api.rbac.v1 import role_definitions_pb2 as pb
from deskhold.api.rbac.v1 import role_definitions_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Commit, Mutations
from deskhold.chassis.paging import Pager
from deskhold.errors import InvalidArgument
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.access.queries import Queries
from rbac_service.messages import Messages
from rbac_service.roles.catalogue import ACTIONS
from rbac_service.roles.messages import finding_message, role_draft, role_message
from rbac_service.roles.usecases import MASKABLE, Roles, page_key


class RoleDefinitionServicer(role_definitions_pb2_grpc.RoleDefinitionServiceServicer):
    """Makes, shows, changes and deletes role definitions.

    Args:
        roles: The use cases.
        queries: Looks through the whole policy.
        messages: Knows who the author of a call is.
        mutations: Runs the transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        roles: Roles,
        *,
        queries: Queries,
        messages: Messages,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._roles = roles
        self._queries = queries
        self._messages = messages
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def GetRoleDefinition(
        self, request: pb.GetRoleDefinitionRequest, context: Any
    ) -> pb.RoleDefinition:
        """Return one role definition."""
        return role_message(await self._roles.get(request.name))

    async def ListRoleDefinitions(
        self, request: pb.ListRoleDefinitionsRequest, context: Any
    ) -> pb.ListRoleDefinitionsResponse:
        """Return a page of role definitions."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._roles.list_page(
            page, scope=request.scope or DEPLOYMENT_SCOPE, show_deleted=request.show_deleted
        )
        shown, token = self._pager.close(request, caller.key, page, rows, page_key)
        return pb.ListRoleDefinitionsResponse(
            role_definitions=[role_message(role) for role in shown], next_page_token=token
        )

    async def ListRoleDefinitionVersions(
        self, request: pb.ListRoleDefinitionVersionsRequest, context: Any
    ) -> pb.ListRoleDefinitionVersionsResponse:
        """Return a page of what a role was."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._roles.list_versions(request.name, page)
        shown, token = self._pager.close(
            request, caller.key, page, rows, lambda role: str(role.version)
        )
        return pb.ListRoleDefinitionVersionsResponse(
            versions=[role_message(role) for role in shown], next_page_token=token
        )

    async def CreateRoleDefinition(
        self, request: pb.CreateRoleDefinitionRequest, context: Any
    ) -> pb.RoleDefinition:
        """Create a custom role."""
        return await self._roles.create(
            request.role_definition_id.lower() or str(uuid.uuid4()),
            role_draft(request.role_definition),
            author=self._messages.author_of(current()),
            now_us=self._clock_us(),
            commit=self._commit(request),
        )

    async def UpdateRoleDefinition(
        self, request: pb.UpdateRoleDefinitionRequest, context: Any
    ) -> pb.RoleDefinition:
        """Change a custom role."""
        return await self._roles.update(
            request.role_definition.name,
            role_draft(request.role_definition),
            mask=_mask(request.update_mask.paths),
            etag=request.role_definition.etag,
            within=request.scope or DEPLOYMENT_SCOPE,
            author=self._messages.author_of(current()),
            now_us=self._clock_us(),
            commit=self._commit(request),
        )

    async def DeleteRoleDefinition(
        self, request: pb.DeleteRoleDefinitionRequest, context: Any
    ) -> pb.RoleDefinition:
        """Delete a custom role."""
        return await self._roles.delete(
            request.name,
            etag=request.etag,
            within=request.scope or DEPLOYMENT_SCOPE,
            author=self._messages.author_of(current()),
            now_us=self._clock_us(),
            commit=self._commit(request),
        )

    async def UndeleteRoleDefinition(
        self, request: pb.UndeleteRoleDefinitionRequest, context: Any
    ) -> pb.RoleDefinition:
        """Bring a deleted role back."""
        return await self._roles.undelete(
            request.name,
            within=request.scope or DEPLOYMENT_SCOPE,
            author=self._messages.author_of(current()),
            now_us=self._clock_us(),
            commit=self._commit(request),
        )

    async def ListActions(
        self, request: pb.ListActionsRequest, context: Any
    ) -> pb.ListActionsResponse:
        """Return the catalogue."""
        return pb.ListActionsResponse(
            actions=[
                pb.Action(
                    name=action.name,
                    description=action.description,
                    explicit_only=action.explicit_only,
                )
                for action in ACTIONS
            ]
        )

    async def ListGrantableRoles(
        self, request: pb.ListGrantableRolesRequest, context: Any
    ) -> pb.ListGrantableRolesResponse:
        """Return the roles that the caller may assign."""
        author = self._messages.author_of(current())
        roles = await self._roles.list_grantable(
            request.scope, author=author, now_us=self._clock_us()
        )
        return pb.ListGrantableRolesResponse(
            role_definitions=[role_message(role) for role in roles]
        )

    async def LintPolicy(
        self, request: pb.LintPolicyRequest, context: Any
    ) -> pb.LintPolicyResponse:
        """Return what is legal but probably not meant."""
        findings = await self._queries.lint()
        return pb.LintPolicyResponse(findings=[finding_message(one) for one in findings])

    def _commit(self, request: Any) -> Commit[pb.RoleDefinition]:
        return self._mutations.commit(current(), request, pb.RoleDefinition, role_message)


def _mask(paths: Sequence[str]) -> Sequence[str]:
    if not paths or list(paths) == ["*"]:
        return sorted(MASKABLE)
    for number, path in enumerate(paths):
        if path not in MASKABLE:
            raise InvalidArgument.of_field(
                f"update_mask.paths[{number}]",
                f"{path!r} cannot be changed; what can: {', '.join(sorted(MASKABLE))}",
            )
    return paths
