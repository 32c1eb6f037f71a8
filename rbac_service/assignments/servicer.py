"""RoleAssignmentService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty

from deskhold import names
from deskhold.api.rbac.v1 import role_assignments_pb2 as pb
from deskhold.api.rbac.v1 import role_assignments_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.paging import Pager
from deskhold.chassis.replay import Mutations
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.messages import author_of, principal_message, principal_of, timestamp
from rbac_service.roles.rules import Catalogue


class RoleAssignmentServicer(role_assignments_pb2_grpc.RoleAssignmentServiceServicer):
    """Assigns roles, shows who holds them, takes them away.

    Args:
        assignments: The use cases.
        catalogue: The roles, for their display names.
        mutations: Runs the transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        assignments: RoleAssignments,
        catalogue: Catalogue,
        *,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._assignments = assignments
        self._catalogue = catalogue
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def CreateRoleAssignment(
        self, request: pb.CreateRoleAssignmentRequest, context: Any
    ) -> pb.RoleAssignment:
        """Assign a role."""
        call = current()
        wanted = request.role_assignment
        return await self._assignments.create(
            names.parse_scope(request.scope).scope,
            principal=principal_of(wanted.principal),
            role=wanted.role_definition,
            assignment_id=request.role_assignment_id,
            author=author_of(call),
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
        wanted = self._assignments.filter(
            request.scope,
            principal=principal_of(request.principal) if request.HasField("principal") else None,
            role=request.role_definition,
            at_scope_only=request.at_scope_only,
        )
        rows = await self._assignments.list_page(wanted, page)
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
            author=author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, Empty, lambda _: Empty()),
        )

    def _message(self, assignment: RoleAssignment) -> pb.RoleAssignment:
        role = self._catalogue.find(assignment.role_id)
        return pb.RoleAssignment(
            name=assignment.name,
            principal=principal_message(assignment.principal),
            role_definition=f"roleDefinitions/{assignment.role_id}",
            role_display_name=role.display_name if role else "",
            scope=assignment.scope,
            create_time=timestamp(assignment.created_us),
            created_by=assignment.created_by,
            etag=assignment.etag,
        )
