"""HostService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from broker_service.hosts.rules import Host, NewHost
from broker_service.hosts.usecases import Hosts
from broker_service.messages import author_of, timestamp
from deskhold import names
from deskhold.api.broker.v1 import hosts_pb2 as pb
from deskhold.api.broker.v1 import hosts_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.paging import Pager
from deskhold.chassis.replay import Mutations
from deskhold.errors import InvalidArgument
from deskhold.names import Kind


class HostServicer(hosts_pb2_grpc.HostServiceServicer):
    """Adds, shows and removes hosts.

    Args:
        hosts: The use cases.
        mutations: Runs their transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self, hosts: Hosts, mutations: Mutations, pager: Pager, clock_us: Callable[[], int]
    ) -> None:
        self._hosts = hosts
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def BatchCreateHosts(
        self, request: pb.BatchCreateHostsRequest, context: Any
    ) -> pb.BatchCreateHostsResponse:
        """Add hosts."""
        wanted = [
            NewHost(new.host_id, address=new.host.address, port=new.host.port)
            for new in request.hosts
        ]
        return await self._hosts.add(
            request.parent,
            wanted,
            now_us=self._clock_us(),
            commit=self._mutations.commit(
                current(), request, pb.BatchCreateHostsResponse, _created
            ),
        )

    async def GetHost(self, request: pb.GetHostRequest, context: Any) -> pb.Host:
        """Return one host."""
        return _message(await self._hosts.get(names.parse(request.name, Kind.HOST)))

    async def ListHosts(self, request: pb.ListHostsRequest, context: Any) -> pb.ListHostsResponse:
        """Return a page of hosts."""
        caller = current().authenticated
        page = self._pager.open(request, caller.key)
        rows = await self._hosts.list_page(request.parent, page)
        shown, token = self._pager.close(request, caller.key, page, rows, lambda host: host.key)
        return pb.ListHostsResponse(hosts=[_message(host) for host in shown], next_page_token=token)

    async def BatchDeleteHosts(
        self, request: pb.BatchDeleteHostsRequest, context: Any
    ) -> pb.BatchDeleteHostsResponse:
        """Remove hosts."""
        call = current()
        return await self._hosts.remove(
            request.parent,
            [_host_id(request.parent, name, number) for number, name in enumerate(request.names)],
            force=request.force,
            author=author_of(call, self._clock_us()),
            commit=self._mutations.commit(call, request, pb.BatchDeleteHostsResponse, _deleted),
        )


def _host_id(parent: str, text: str, number: int) -> str:
    name = names.parse(text, Kind.HOST, field=f"names[{number}]")
    if name.collection.text != parent:
        raise InvalidArgument.of_field(f"names[{number}]", f"{text!r} is not of {parent}")
    return name.id


def _created(hosts: Sequence[Host]) -> pb.BatchCreateHostsResponse:
    return pb.BatchCreateHostsResponse(hosts=[_message(host) for host in hosts])


def _deleted(hosts: Sequence[Host]) -> pb.BatchDeleteHostsResponse:
    return pb.BatchDeleteHostsResponse(hosts=[_message(host) for host in hosts])


def _message(host: Host) -> pb.Host:
    return pb.Host(
        name=host.name,
        uid=host.uid,
        address=host.reachable_at,
        port=host.port,
        assigned_user=host.hold.user if host.hold else "",
        etag=host.etag,
        create_time=timestamp(host.created_us),
    )
