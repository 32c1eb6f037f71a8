"""Between the values of agents and their messages."""

from __future__ import annotations

from broker_service.agents.rules import Answer, CommandResult, HostReport
from broker_service.hosts.messages import NEW_CONNECTIONS, health_check
from broker_service.sessions.messages import command_message, session_state
from broker_service.sessions.reported import Sighting
from deskhold import names
from deskhold.api.broker.v1 import agents_pb2 as pb
from deskhold.errors import DeskholdError, InvalidArgument
from deskhold.identities import Domains
from deskhold.names import Kind


def report_of(message: pb.HostReport, domains: Domains, field: str) -> HostReport | InvalidArgument:
    """Return a report as a value, or why it cannot be one: the others are none the worse for it.

    Args:
        message: The report.
        domains: The deployment's domains.
        field: Where it lies in the request.
    """
    try:
        return HostReport(
            host_id=message.host_id,
            boot_id=message.boot_id,
            agent_version=message.agent_version,
            checks=tuple(map(health_check, message.health_checks)),
            sessions=tuple(
                _sighting(one, domains, f"{field}.sessions[{number}].user")
                for number, one in enumerate(message.sessions)
            ),
            administrators=tuple(message.administrators),
            administrator_keys=tuple(
                sorted(
                    domains.user_key(user, field=f"{field}.administrators[{number}]")
                    for number, user in enumerate(message.administrators)
                )
            ),
            results=tuple(
                _result(one, f"{field}.command_results[{number}].command")
                for number, one in enumerate(message.command_results)
            ),
        )
    except InvalidArgument as error:
        return error


def result_message(answer: Answer | DeskholdError) -> pb.HostReportResult:
    """Return the answer to a report as a message."""
    if isinstance(answer, DeskholdError):
        return pb.HostReportResult(reason=answer.reason, message=answer.message)
    desired = answer.desired
    return pb.HostReportResult(
        host=answer.host,
        desired=pb.DesiredState(
            administrator=desired.administrator,
            new_connections=NEW_CONNECTIONS[desired.new_connections],
            active_session_limit_minutes=desired.session_limits.active,
            disconnected_session_limit_minutes=desired.session_limits.disconnected,
            idle_session_limit_minutes=desired.session_limits.idle,
        ),
        commands=map(command_message, answer.commands),
        remarks=answer.remarks,
    )


def _sighting(message: pb.ReportedSession, domains: Domains, field: str) -> Sighting:
    has_begun = message.HasField("create_time")
    return Sighting(
        session_id=message.session_id,
        user=message.user,
        user_key=domains.user_key(message.user, field=field),
        state=session_state(message.state),
        created_us=message.create_time.ToMicroseconds() if has_begun else None,
        idle_us=message.idle_duration.ToMicroseconds(),
        client_name=message.client_name,
        client_address=message.client_address,
        application_id=message.application_id,
    )


def _result(message: pb.CommandResult, field: str) -> CommandResult:
    # Its host may have had another collection when the command was given: the id is enough.
    name = names.parse(message.command, Kind.COMMAND, field=field)
    return CommandResult(name.id, message.done, message.message)
