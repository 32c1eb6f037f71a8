"""Between the values of sessions and their messages."""

from __future__ import annotations

from collections.abc import Iterable

from broker_service.sessions.reported import Command, Session, SessionState
from deskhold.api.broker.v1 import sessions_pb2 as pb
from deskhold.errors import InvalidArgument


def session_message(session: Session) -> pb.Session:
    """Return a session as a message."""
    seen = session.seen
    message = pb.Session(
        name=session.name,
        user=seen.user,
        state=pb.SessionState.Value(f"SESSION_STATE_{seen.state.value}"),
        claim=pb.SessionClaim.Value(f"SESSION_CLAIM_{session.claim.value}"),
        client_name=seen.client_name,
        client_address=seen.client_address,
        application_id=seen.application_id,
    )
    if seen.created_us is not None:
        message.create_time.FromMicroseconds(seen.created_us)
    if session.disconnected_us is not None:
        message.disconnect_time.FromMicroseconds(session.disconnected_us)
    message.idle_duration.FromMicroseconds(seen.idle_us)
    message.report_time.FromMicroseconds(session.reported_us)
    return message


def command_message(command: Command) -> pb.SessionCommand:
    """Return a command as a message."""
    message = pb.SessionCommand(
        name=command.name,
        session=command.session,
        kind=pb.SessionCommandKind.Value(f"SESSION_COMMAND_KIND_{command.kind.value}"),
        title=command.title,
        body=command.body,
        state=pb.SessionCommandState.Value(f"SESSION_COMMAND_STATE_{command.state.value}"),
        result=command.result,
        author=command.author,
    )
    message.create_time.FromMicroseconds(command.created_us)
    if command.ended_us is not None:
        message.end_time.FromMicroseconds(command.ended_us)
    return message


def session_state(number: int) -> SessionState:
    """Return a state that is not UNSPECIFIED."""
    name = pb.SessionState.Name(pb.SessionState.ValueType(number))
    return SessionState(name.removeprefix("SESSION_STATE_"))


def session_states(numbers: Iterable[int]) -> list[SessionState]:
    """Return the states of a list's filter.

    Raises:
        InvalidArgument: One is UNSPECIFIED.
    """
    states = []
    for place, number in enumerate(numbers):
        if number == pb.SESSION_STATE_UNSPECIFIED:
            raise InvalidArgument.of_field(f"states[{place}]", "says none; leave it out for any")
        states.append(session_state(number))
    return states
