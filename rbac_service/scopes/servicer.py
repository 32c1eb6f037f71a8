"""ScopeService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty

from deskhold import names
from deskhold.api.rbac.v1 import scopes_pb2 as pb
from deskhold.api.rbac.v1 import scopes_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from deskhold.names import Kind
from rbac_service.messages import Messages, timestamp
from rbac_service.scopes.rules import Scope
from rbac_service.scopes.usecases import Scopes

_KINDS = {
    Kind.DEPLOYMENT: pb.SCOPE_KIND_DEPLOYMENT,
    Kind.TENANT_GROUP: pb.SCOPE_KIND_TENANT_GROUP,
    Kind.TENANT: pb.SCOPE_KIND_TENANT,
    Kind.COLLECTION: pb.SCOPE_KIND_COLLECTION,
    Kind.APP_GROUP: pb.SCOPE_KIND_APP_GROUP,
    Kind.DIAGNOSTICS: pb.SCOPE_KIND_DIAGNOSTICS,
    Kind.TENANT_DIAGNOSTICS: pb.SCOPE_KIND_DIAGNOSTICS,
}


class ScopeServicer(scopes_pb2_grpc.ScopeServiceServicer):
    """Makes, shows and removes scopes.

    Args:
        scopes: The use cases.
        messages: Knows who the author of a call is.
        mutations: Runs the transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        scopes: Scopes,
        *,
        messages: Messages,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._scopes = scopes
        self._messages = messages
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def CreateScope(self, request: pb.CreateScopeRequest, context: Any) -> pb.Scope:
        """Register a scope."""
        call = current()
        return await self._scopes.create(
            names.parse_scope(request.scope.name, field="scope.name"),
            display_name=request.scope.display_name,
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, pb.Scope, _message),
        )

    async def GetScope(self, request: pb.GetScopeRequest, context: Any) -> pb.Scope:
        """Return one scope."""
        return _message(await self._scopes.get(request.name))

    async def ListScopes(
        self, request: pb.ListScopesRequest, context: Any
    ) -> pb.ListScopesResponse:
        """Return a page of scopes."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._scopes.list_below(request.parent, page)
        shown, token = self._pager.close(request, caller.key, page, rows, lambda scope: scope.path)
        return pb.ListScopesResponse(
            scopes=[_message(scope) for scope in shown], next_page_token=token
        )

    async def DeleteScope(self, request: pb.DeleteScopeRequest, context: Any) -> Empty:
        """Remove a scope."""
        call = current()
        return await self._scopes.delete(
            names.parse_scope(request.name, field="name"),
            force=request.force,
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, Empty, lambda _: Empty()),
        )


def _message(scope: Scope) -> pb.Scope:
    return pb.Scope(
        name=scope.path,
        display_name=scope.display_name,
        kind=_KINDS[names.parse_scope(scope.path).kind],
        create_time=timestamp(scope.created_us),
        etag=scope.etag,
    )
