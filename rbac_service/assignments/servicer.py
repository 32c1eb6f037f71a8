"""RoleAssignmentService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty

from deskhold import names
from deskhold.api.rbac.v1 import role_assignments_pb2 as pb
from deskhold.api.rbac.v1 import role_assignments_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from rbac_service.assignments.messages import assignment_draft, assignment_message
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.messages import Messages, principal_of


class RoleAssignmentServicer(role_assignments_pb2_grpc.RoleAssignmentServiceServicer):
    """Assigns roles, shows who holds them, takes them away.

    Args:
        assignments: The use cases.
        role_name: Tells the display name of a role id.
        messages: Knows who the author of a call is.
        mutations: Runs the transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        assignments: RoleAssignments,
        *,
        role_name: Callable[[str], str],
        messages: Messages,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._assignments = assignments
        self._role_name = role_name
        self._messages = messages
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def CreateRoleAssignment(
        self, request: pb.CreateRoleAssignmentRequest, context: Any
    ) -> pb.RoleAssignment:
        """Assign a role."""
        call = current()
        return await self._assignments.create(
            assignment_draft(
                request.role_assignment,
                scope=names.parse_scope(request.scope).scope,
                assignment_id=request.role_assignment_id,
            ),
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, pb.RoleAssignment, self._message),
        )

    async def GetRoleAssignment(
        self, request: pb.GetRoleAssignmentRequest, context: Any
    ) -> pb.RoleAssignment:
        """Return one role assignment."""
        return self._message(await self._assignments.get(request.name))

    async def ListRoleAssignments(
        self, request: pb.ListRoleAssignmentsRequest, context: Any
    ) -> pb.ListRoleAssignmentsResponse:
        """Return a page of role assignments."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._assignments.list_page(
            request.scope,
            page,
            principal=principal_of(request.principal) if request.HasField("principal") else None,
            through_groups=request.through_groups,
            role=request.role_definition,
            at_scope_only=request.at_scope_only,
        )
        shown, token = self._pager.close(
            request, caller.key, page, rows, lambda row: f"{row.scope} {row.id}"
        )
        return pb.ListRoleAssignmentsResponse(
            role_assignments=[self._message(row) for row in shown], next_page_token=token
        )

    async def DeleteRoleAssignment(
        self, request: pb.DeleteRoleAssignmentRequest, context: Any
    ) -> Empty:
        """Take a role away."""
        call = current()
        return await self._assignments.delete(
            request.name,
            etag=request.etag,
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, Empty, lambda _: Empty()),
        )

    def _message(self, assignment: RoleAssignment) -> pb.RoleAssignment:
        return assignment_message(assignment, self._role_name)
