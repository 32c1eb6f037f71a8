"""SessionService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from broker_service.messages import author_of
from broker_service.sessions.usecases import Sessions
from deskhold import names
from deskhold.api.broker.v1 import sessions_pb2 as pb
from deskhold.api.broker.v1 import sessions_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.errors import InvalidArgument
from deskhold.identities import PrincipalKind
from deskhold.names import Kind


class SessionServicer(sessions_pb2_grpc.SessionServiceServicer):
    """Shows users the way in.

    Args:
        sessions: The use cases.
        clock_us: Microseconds since the epoch.
    """

    def __init__(self, sessions: Sessions, clock_us: Callable[[], int]) -> None:
        self._sessions = sessions
        self._clock_us = clock_us

    async def Connect(self, request: pb.ConnectRequest, context: Any) -> pb.ConnectResponse:
        """Find or claim the user's host."""
        call = current()
        caller = call.authenticated.principal
        if not request.user and caller.kind is not PrincipalKind.USER:
            raise InvalidArgument.of_field(
                "user", f"is needed: {caller} is no user and has no desktop of its own"
            )
        way = await self._sessions.connect(
            names.parse(request.name, Kind.COLLECTION, Kind.APP_GROUP),
            request.user or caller.id,
            author_of(call, self._clock_us()),
        )
        return pb.ConnectResponse(
            host=way.host.name,
            address=way.host.reachable_at,
            port=way.host.port,
            user=way.user,
            newly_assigned=way.is_new,
            administrator=way.is_administrator,
            rdp_file=way.rdp,
        )
