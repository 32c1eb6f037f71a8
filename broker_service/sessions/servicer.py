"""SessionService: message in, message out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from broker_service.messages import author_of, timestamp
from broker_service.sessions.commands import SessionCommands
from broker_service.sessions.messages import command_message, session_message, session_states
from broker_service.sessions.rdp import encoded
from broker_service.sessions.reported import CommandKind
from broker_service.sessions.rules import AdministratorRights
from broker_service.sessions.usecases import Sessions, Wish
from deskhold import names
from deskhold.api.broker.v1 import sessions_pb2 as pb
from deskhold.api.broker.v1 import sessions_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from deskhold.errors import InvalidArgument
from deskhold.identities import PrincipalKind
from deskhold.names import Kind


class SessionServicer(sessions_pb2_grpc.SessionServiceServicer):
    """Shows users the way in, and administrators who is there.

    Args:
        sessions: The use cases of the way in.
        commands: The use cases of sessions that are there.
        mutations: Runs their transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        sessions: Sessions,
        clock_us: Callable[[], int],
        *,
        commands: SessionCommands,
        mutations: Mutations,
        pager: Pager,
    ) -> None:
        self._sessions = sessions
        self._clock_us = clock_us
        self._commands = commands
        self._mutations = mutations
        self._pager = pager

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
            Wish(request.host_id, request.application_id, request.validate_only),
        )
        return pb.ConnectResponse(
            host=way.host.name,
            address=way.target.address,
            port=way.target.port,
            user=way.user,
            newly_assigned=way.is_new,
            administrator=way.rights is AdministratorRights.APPLIED,
            rdp_file=way.rdp,
            rdp_file_content=encoded(way.rdp),
            administrator_rights=pb.AdministratorRights.Value(
                f"ADMINISTRATOR_RIGHTS_{way.rights.value}"
            ),
            session=way.session,
            routing_token=way.routing_token,
            routing_token_expire_time=timestamp(way.expires_us) if way.expires_us else None,
        )

    async def ResolveRoutingToken(
        self, request: pb.ResolveRoutingTokenRequest, context: Any
    ) -> pb.ResolveRoutingTokenResponse:
        """Return where a routing token leads."""
        host, route = await self._sessions.resolve(request.parent, request.token, self._clock_us())
        return pb.ResolveRoutingTokenResponse(
            host=host.name,
            address=host.reachable_at,
            port=host.port,
            user=host.hold.user if host.hold is not None else "",
            expire_time=timestamp(route.expires_us),
        )

    async def GetPublisher(self, request: pb.GetPublisherRequest, context: Any) -> pb.Publisher:
        """Return the certificate that signs `.rdp` files."""
        publisher = self._sessions.publisher
        return pb.Publisher(
            subject=publisher.subject,
            sha1_thumbprint=publisher.sha1_thumbprint,
            sha256_thumbprint=publisher.sha256_thumbprint,
            expire_time=timestamp(publisher.expires_us),
            certificates=publisher.certificates,
        )

    async def GetSession(self, request: pb.GetSessionRequest, context: Any) -> pb.Session:
        """Return one session."""
        return session_message(await self._commands.get(names.parse(request.name, Kind.SESSION)))

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Any
    ) -> pb.ListSessionsResponse:
        """Return a page of sessions."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._commands.list_page(
            names.parse(request.parent, Kind.COLLECTION, Kind.TENANT, field="parent"),
            page,
            host_id=request.host_id,
            user=request.user,
            states=session_states(request.states),
        )
        shown, token = self._pager.close(request, caller.key, page, rows, lambda one: one.page_key)
        return pb.ListSessionsResponse(sessions=map(session_message, shown), next_page_token=token)

    async def DisconnectSession(
        self, request: pb.DisconnectSessionRequest, context: Any
    ) -> pb.SessionCommand:
        """Have a session disconnected."""
        return await self._command(request, CommandKind.DISCONNECT)

    async def LogOffSession(
        self, request: pb.LogOffSessionRequest, context: Any
    ) -> pb.SessionCommand:
        """Have a session logged off."""
        return await self._command(request, CommandKind.LOG_OFF)

    async def SendSessionMessage(
        self, request: pb.SendSessionMessageRequest, context: Any
    ) -> pb.SessionCommand:
        """Have a message shown in a session."""
        return await self._command(
            request, CommandKind.MESSAGE, title=request.title, body=request.body
        )

    async def GetSessionCommand(
        self, request: pb.GetSessionCommandRequest, context: Any
    ) -> pb.SessionCommand:
        """Return one command."""
        name = names.parse(request.name, Kind.COMMAND)
        return command_message(await self._commands.get_command(name))

    async def _command(
        self, request: Any, kind: CommandKind, *, title: str = "", body: str = ""
    ) -> pb.SessionCommand:
        call = current()
        return await self._commands.command(
            names.parse(request.name, Kind.SESSION),
            kind,
            command_id=str(uuid.uuid4()),
            author=call.authenticated.key,
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, pb.SessionCommand, command_message),
            title=title,
            body=body,
        )
