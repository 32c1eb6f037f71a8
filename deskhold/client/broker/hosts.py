"""Hosts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from deskhold import names
from deskhold.api.broker.v1 import hosts_pb2
from deskhold.client.calls import PAGE_SIZE, Call, Listing, new_request_id
from deskhold.errors import InvalidArgument


def add_hosts(
    parent: str,
    hosts: Iterable[str | hosts_pb2.NewHost],
    *,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[hosts_pb2.BatchCreateHostsResponse]:
    """Add hosts to a collection, all or nothing: ids, or messages for hosts with more to say.

    Hosts that are there already stay as they are. At most 10,000.

    Raises:
        NotFound: There is no such collection.
        AlreadyExists: A host is there with another address or port.
        FailedPrecondition: A host is in another collection.
    """
    request = hosts_pb2.BatchCreateHostsRequest(
        parent=parent,
        hosts=[hosts_pb2.NewHost(host_id=one) if isinstance(one, str) else one for one in hosts],
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, hosts_pb2.BatchCreateHostsResponse)


def get_host(name: str) -> Call[hosts_pb2.Host]:
    """Return one host.

    Raises:
        NotFound: There is no such collection or host.
    """
    return Call(hosts_pb2.GetHostRequest(name=name), hosts_pb2.Host)


def list_hosts(
    parent: str,
    *,
    conditions: Iterable[hosts_pb2.HostCondition.ValueType] = (),
    page_size: int = PAGE_SIZE,
) -> Listing[hosts_pb2.Host]:
    """Iterate over the hosts of a collection, by id; only those for which all conditions hold."""
    request = hosts_pb2.ListHostsRequest(parent=parent, conditions=conditions, page_size=page_size)
    return Listing(Call(request, hosts_pb2.ListHostsResponse), lambda page: page.hosts)


def update_host(
    name: str,
    *,
    address: str | None = None,
    port: int | None = None,
    friendly_name: str | None = None,
    new_connections: hosts_pb2.NewConnections.ValueType | None = None,
    relative_weight: int | None = None,
    session_limit: int | None = None,
    etag: str = "",
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[hosts_pb2.Host]:
    """Change what is given of a host; the rest stays.

    Args:
        name: The host.
        address: Where clients reach it; empty: its id.
        port: The port of its RDP listener; 0 means 3389.
        friendly_name: What users see instead of its id.
        new_connections: Whether it takes new sessions.
        relative_weight: Its share beside other hosts, 1-10,000; 0 means 100.
        session_limit: How many sessions it takes at the most; 0: what its collection says.
        etag: Change only this version.
        request_id: See `deskhold.client.broker`.
        validate_only: Change nothing.

    Raises:
        NotFound: There is no such collection or host.
        Aborted: It is not the version of the etag.
    """
    given = _given(
        address=address,
        port=port,
        friendly_name=friendly_name,
        new_connections=new_connections,
        relative_weight=relative_weight,
        session_limit=session_limit,
    )
    if not given:
        raise InvalidArgument.of_field("update_mask", "names no field; give something to change")
    request = hosts_pb2.UpdateHostRequest(
        host=hosts_pb2.Host(name=name, etag=etag, **given),
        update_mask=FieldMask(paths=list(given)),
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, hosts_pb2.Host)


def update_hosts(
    parent: str,
    host_ids: Iterable[str],
    *,
    new_connections: hosts_pb2.NewConnections.ValueType | None = None,
    relative_weight: int | None = None,
    session_limit: int | None = None,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[hosts_pb2.BatchUpdateHostsResponse]:
    """Make the same change to hosts of a collection, all or nothing. At most 10,000.

    Raises:
        InvalidArgument: An id cannot be one, or nothing is to be changed.
        NotFound: There is no such collection or host.
    """
    given = _given(
        new_connections=new_connections,
        relative_weight=relative_weight,
        session_limit=session_limit,
    )
    request = hosts_pb2.BatchUpdateHostsRequest(
        parent=parent,
        names=_host_names(parent, host_ids),
        host=hosts_pb2.Host(**given),
        update_mask=FieldMask(paths=list(given)),
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, hosts_pb2.BatchUpdateHostsResponse)


def move_hosts(
    parent: str,
    host_ids: Iterable[str],
    destination: str,
    *,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[hosts_pb2.MoveHostsResponse]:
    """Move hosts to another collection of the tenant, all or nothing. At most 10,000.

    Raises:
        InvalidArgument: An id cannot be one, or the destination is of another tenant.
        NotFound: There is no such collection or host.
        FailedPrecondition: A host is assigned, reserved, in quarantine or in use.
    """
    request = hosts_pb2.MoveHostsRequest(
        parent=parent,
        names=_host_names(parent, host_ids),
        destination=destination,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, hosts_pb2.MoveHostsResponse)


def remove_hosts(
    parent: str,
    host_ids: Iterable[str],
    *,
    force: bool = False,
    request_id: str | None = None,
    validate_only: bool = False,
) -> Call[hosts_pb2.BatchDeleteHostsResponse]:
    """Remove hosts from a collection, all or nothing; with force assigned ones too. At most 10,000.

    Raises:
        InvalidArgument: An id cannot be one.
        NotFound: There is no such collection or host.
        FailedPrecondition: A host is assigned, and force is not set.
    """
    request = hosts_pb2.BatchDeleteHostsRequest(
        parent=parent,
        names=_host_names(parent, host_ids),
        force=force,
        request_id=request_id or new_request_id(),
        validate_only=validate_only,
    )
    return Call(request, hosts_pb2.BatchDeleteHostsResponse)


def _host_names(parent: str, host_ids: Iterable[str]) -> list[str]:
    collection = names.parse(parent, names.Kind.COLLECTION, field="parent")
    return [str(collection.child("hosts", host_id)) for host_id in host_ids]


def _given(**values: Any) -> dict[str, Any]:
    return {field: value for field, value in values.items() if value is not None}
