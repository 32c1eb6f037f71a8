"""Between the values of hosts and their messages."""

from __future__ import annotations

from typing import Any

from broker_service.collections.rules import RDP_PORT
from broker_service.hosts.rules import (
    DEFAULT_WEIGHT,
    CheckResult,
    Condition,
    HealthCheck,
    Host,
    NewConnections,
    NewHost,
    Status,
)
from broker_service.messages import timestamp
from deskhold.api.broker.v1 import hosts_pb2 as pb

NEW_CONNECTIONS = {
    NewConnections.YES: pb.NEW_CONNECTIONS_YES,
    NewConnections.NOT_UNTIL_REBOOT: pb.NEW_CONNECTIONS_NOT_UNTIL_REBOOT,
    NewConnections.NO: pb.NEW_CONNECTIONS_NO,
}
_NEW_CONNECTIONS = {number: value for value, number in NEW_CONNECTIONS.items()}
_STATUS = {
    Status.UNMONITORED: pb.HOST_STATUS_UNMONITORED,
    Status.AVAILABLE: pb.HOST_STATUS_AVAILABLE,
    Status.NEEDS_ASSISTANCE: pb.HOST_STATUS_NEEDS_ASSISTANCE,
    Status.UNAVAILABLE: pb.HOST_STATUS_UNAVAILABLE,
}
_RESULTS = {
    CheckResult.SUCCEEDED: pb.HEALTH_CHECK_RESULT_SUCCEEDED,
    CheckResult.WARNING: pb.HEALTH_CHECK_RESULT_WARNING,
    CheckResult.FAILED: pb.HEALTH_CHECK_RESULT_FAILED,
}
_RESULT_OF = {number: result for result, number in _RESULTS.items()}


def host_message(host: Host, now_us: int) -> pb.Host:
    """Return a host as a message; reservations that have run out by now are left out."""
    message = pb.Host(
        name=host.name,
        uid=host.uid,
        address=host.reachable_at,
        port=host.port,
        assigned_user=host.hold.user if host.hold else "",
        etag=host.etag,
        create_time=timestamp(host.created_us),
        update_time=timestamp(host.updated_us),
        friendly_name=host.friendly_name,
        new_connections=NEW_CONNECTIONS[host.new_connections],
        relative_weight=host.load.weight,
        session_limit=host.load.limit,
        status=_STATUS[host.status],
        session_count=host.load.sessions,
        sign_in_count=host.load.sign_ins,
        administrator=host.administrator,
    )
    if host.report is not None:
        message.heartbeat_time.FromMicroseconds(host.report.heartbeat_us)
        message.boot_id = host.report.boot_id
        message.agent_version = host.report.agent_version
        message.health_checks.extend(map(_check, host.report.checks))
        message.applied_administrators.extend(host.report.administrators)
    kept = host.reservation_at(now_us)
    if kept is not None:
        message.reservation.user = kept.user
        message.reservation.expire_time.FromMicroseconds(kept.until_us)
        message.reservation.reserved_by = kept.reserved_by
    if host.quarantined_us is not None:
        message.quarantine_time.FromMicroseconds(host.quarantined_us)
    return message


def new_host(new: pb.NewHost) -> NewHost:
    """Return the host that a message asks for."""
    host = new.host
    return NewHost(
        new.host_id,
        address=host.address,
        port=host.port,
        friendly_name=host.friendly_name,
        new_connections=_new_connections(host),
        weight=host.relative_weight,
        session_limit=host.session_limit,
    )


def new_value(host: pb.Host, field: str) -> Any:
    """Return what a field that can be changed is to be; unset numbers are their defaults."""
    if field == "new_connections":
        return _new_connections(host)
    default = {"port": RDP_PORT, "relative_weight": DEFAULT_WEIGHT}.get(field)
    return getattr(host, field) or default or getattr(host, field)


def condition(number: int) -> Condition:
    """Return a condition of a list."""
    name = pb.HostCondition.Name(pb.HostCondition.ValueType(number))
    return Condition(name.removeprefix("HOST_CONDITION_"))


def health_check(message: pb.HealthCheck) -> HealthCheck:
    """Return a check as an agent reports it."""
    return HealthCheck(message.check, _RESULT_OF[message.result], message.message)


def _new_connections(host: pb.Host) -> NewConnections:
    return _NEW_CONNECTIONS.get(host.new_connections, NewConnections.YES)


def _check(check: HealthCheck) -> pb.HealthCheck:
    return pb.HealthCheck(check=check.name, result=_RESULTS[check.result], message=check.message)
