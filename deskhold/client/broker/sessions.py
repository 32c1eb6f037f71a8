"""The way in, and sessions."""

from __future__ import annotations

from collections.abc import Iterable

from deskhold.api.broker.v1 import sessions_pb2
from deskhold.client.calls import PAGE_SIZE, Call, Listing, new_request_id


def connect(
    name: str,
    *,
    user: str = "",
    host_id: str = "",
    application_id: str = "",
    validate_only: bool = False,
) -> Call[sessions_pb2.ConnectResponse]:
    """Find the caller's host in a collection or app group, or claim one; return the `.rdp` file.

    Args:
        name: The collection, which stands for its app group `desktop`, or the app group.
        user: For whom; empty for the caller.
        host_id: Where to, if it is to be this host: one that the user holds, or a free one.
        application_id: Which application of an app group of several.
        validate_only: Say what would be, claim nothing.

    Raises:
        NotFound: There is no such collection, app group, application or host.
        FailedPrecondition: No host is assigned, and the collection does not assign by itself; or
            the user's host, or the one that is named, cannot be had.
        ResourceExhausted: No host is free; its obstacles say why of the first ones.
    """
    return Call(
        sessions_pb2.ConnectRequest(
            name=name,
            user=user,
            host_id=host_id,
            application_id=application_id,
            validate_only=validate_only,
        ),
        sessions_pb2.ConnectResponse,
    )


def resolve_routing_token(
    parent: str, token: str
) -> Call[sessions_pb2.ResolveRoutingTokenResponse]:
    """Return where a routing token leads, for gateways and redirectors.

    Args:
        parent: The tenant whose collections the gateway serves.
        token: As the client sent it.

    Raises:
        InvalidArgument: It was not issued for this tenant, is too old, or leads nowhere any more.
    """
    return Call(
        sessions_pb2.ResolveRoutingTokenRequest(parent=parent, token=token),
        sessions_pb2.ResolveRoutingTokenResponse,
    )


def get_publisher(scope: str) -> Call[sessions_pb2.Publisher]:
    """Return the certificate that signs `.rdp` files.

    Args:
        scope: Where the caller holds the right to ask: `/` or a tenant's scope.

    Raises:
        NotFound: Files are not signed.
    """
    return Call(sessions_pb2.GetPublisherRequest(scope=scope), sessions_pb2.Publisher)


def get_session(name: str) -> Call[sessions_pb2.Session]:
    """Return one session.

    Raises:
        NotFound: There is no such collection, host or session.
    """
    return Call(sessions_pb2.GetSessionRequest(name=name), sessions_pb2.Session)


def list_sessions(
    parent: str,
    *,
    host_id: str = "",
    user: str = "",
    states: Iterable[sessions_pb2.SessionState.ValueType] = (),
    page_size: int = PAGE_SIZE,
) -> Listing[sessions_pb2.Session]:
    """Iterate over the sessions of a collection or a tenant, by host and number.

    Args:
        parent: The collection, or the tenant: all its collections.
        host_id: Only on this host of the collection.
        user: Only this user's.
        states: Only in one of these.
        page_size: How many a call returns.
    """
    request = sessions_pb2.ListSessionsRequest(
        parent=parent, host_id=host_id, user=user, states=states, page_size=page_size
    )
    return Listing(Call(request, sessions_pb2.ListSessionsResponse), lambda page: page.sessions)


def disconnect_session(
    name: str, *, request_id: str | None = None, validate_only: bool = False
) -> Call[sessions_pb2.SessionCommand]:
    """Have a session disconnected; its programs go on. The command is done when its state says so.

    Raises:
        NotFound: There is no such collection, host or session.
        FailedPrecondition: No agent is there to do it.
    """
    request = sessions_pb2.DisconnectSessionRequest(
        name=name, request_id=request_id or new_request_id(), validate_only=validate_only
    )
    return Call(request, sessions_pb2.SessionCommand)


def log_off_session(
    name: str, *, request_id: str | None = None, validate_only: bool = False
) -> Call[sessions_pb2.SessionCommand]:
    """Have a session logged off; its programs end. Raises as `disconnect_session`."""
    request = sessions_pb2.LogOffSessionRequest(
        name=name, request_id=request_id or new_request_id(), validate_only=validate_only
    )
    return Call(request, sessions_pb2.SessionCommand)


def send_session_message(
    name: str,
    *,
    title: str,
    body: str,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[sessions_pb2.SessionCommand]:
    """Have a message shown in a session. Raises as `disconnect_session`."""
    request = sessions_pb2.SendSessionMessageRequest(
        name=name,
        title=title,
        body=body,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, sessions_pb2.SessionCommand)


def get_session_command(name: str) -> Call[sessions_pb2.SessionCommand]:
    """Return a command, to see whether the host has carried it out.

    Raises:
        NotFound: There is no such collection, host or command; they are kept for a day.
    """
    return Call(sessions_pb2.GetSessionCommandRequest(name=name), sessions_pb2.SessionCommand)
