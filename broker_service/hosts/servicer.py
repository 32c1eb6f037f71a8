"""HostService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from broker_service.hosts.changing import ChangeHosts
from broker_service.hosts.messages import condition, host_message, new_host, new_value
from broker_service.hosts.rules import Host
from broker_service.hosts.settings import CHANGEABLE, SHAREABLE, HostChanges
from broker_service.hosts.usecases import Hosts
from broker_service.messages import author_of
from deskhold import names
from deskhold.api.broker.v1 import hosts_pb2 as pb
from deskhold.api.broker.v1 import hosts_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from deskhold.errors import InvalidArgument
from deskhold.names import Kind


class HostServicer(hosts_pb2_grpc.HostServiceServicer):
    """Adds, shows, changes, moves and removes hosts.

    Args:
        hosts: The use cases of collections' hosts.
        changes: The use cases of hosts that are there.
        mutations: Runs their transactions.
        pager: Issues page tokens.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        hosts: Hosts,
        changes: ChangeHosts,
        *,
        mutations: Mutations,
        pager: Pager,
        clock_us: Callable[[], int],
    ) -> None:
        self._hosts = hosts
        self._changes = changes
        self._mutations = mutations
        self._pager = pager
        self._clock_us = clock_us

    async def BatchCreateHosts(
        self, request: pb.BatchCreateHostsRequest, context: Any
    ) -> pb.BatchCreateHostsResponse:
        """Add hosts."""
        now_us = self._clock_us()

        def encode(hosts: Sequence[Host]) -> pb.BatchCreateHostsResponse:
            return pb.BatchCreateHostsResponse(hosts=_messages(hosts, now_us))

        return await self._hosts.add(
            request.parent,
            [new_host(new) for new in request.hosts],
            now_us=now_us,
            commit=self._mutations.commit(current(), request, pb.BatchCreateHostsResponse, encode),
        )

    async def GetHost(self, request: pb.GetHostRequest, context: Any) -> pb.Host:
        """Return one host."""
        host = await self._hosts.get(names.parse(request.name, Kind.HOST))
        return host_message(host, self._clock_us())

    async def ListHosts(self, request: pb.ListHostsRequest, context: Any) -> pb.ListHostsResponse:
        """Return a page of hosts."""
        caller = current().authenticated
        now_us = self._clock_us()
        page = self._pager.open(request, caller.key)
        rows = await self._hosts.list_page(
            request.parent, page, map(condition, request.conditions), now_us=now_us
        )
        shown, token = self._pager.close(request, caller.key, page, rows, lambda host: host.key)
        return pb.ListHostsResponse(hosts=_messages(shown, now_us), next_page_token=token)

    async def UpdateHost(self, request: pb.UpdateHostRequest, context: Any) -> pb.Host:
        """Change one host."""
        now_us = self._clock_us()
        paths = request.update_mask.paths
        is_whole = not paths or list(paths) == ["*"]
        fields = sorted(CHANGEABLE) if is_whole else _mask(paths, CHANGEABLE)

        def encode(host: Host) -> pb.Host:
            return host_message(host, now_us)

        return await self._changes.update(
            names.parse(request.host.name, Kind.HOST, field="host.name"),
            _changes(request.host, fields),
            etag=request.host.etag,
            now_us=now_us,
            commit=self._mutations.commit(current(), request, pb.Host, encode),
        )

    async def BatchUpdateHosts(
        self, request: pb.BatchUpdateHostsRequest, context: Any
    ) -> pb.BatchUpdateHostsResponse:
        """Make the same change to hosts."""
        now_us = self._clock_us()

        def encode(hosts: Sequence[Host]) -> pb.BatchUpdateHostsResponse:
            return pb.BatchUpdateHostsResponse(hosts=_messages(hosts, now_us))

        return await self._changes.update_many(
            request.parent,
            _host_ids(request),
            _changes(request.host, _mask(request.update_mask.paths, SHAREABLE)),
            now_us=now_us,
            commit=self._mutations.commit(current(), request, pb.BatchUpdateHostsResponse, encode),
        )

    async def MoveHosts(self, request: pb.MoveHostsRequest, context: Any) -> pb.MoveHostsResponse:
        """Move hosts to another collection."""
        now_us = self._clock_us()

        def encode(hosts: Sequence[Host]) -> pb.MoveHostsResponse:
            return pb.MoveHostsResponse(hosts=_messages(hosts, now_us))

        return await self._changes.move(
            request.parent,
            _host_ids(request),
            destination=request.destination,
            now_us=now_us,
            commit=self._mutations.commit(current(), request, pb.MoveHostsResponse, encode),
        )

    async def BatchDeleteHosts(
        self, request: pb.BatchDeleteHostsRequest, context: Any
    ) -> pb.BatchDeleteHostsResponse:
        """Remove hosts."""
        call = current()
        now_us = self._clock_us()

        def encode(hosts: Sequence[Host]) -> pb.BatchDeleteHostsResponse:
            return pb.BatchDeleteHostsResponse(hosts=_messages(hosts, now_us))

        return await self._hosts.remove(
            request.parent,
            _host_ids(request),
            force=request.force,
            author=author_of(call, now_us),
            commit=self._mutations.commit(call, request, pb.BatchDeleteHostsResponse, encode),
        )


def _host_ids(request: Any) -> list[str]:
    return [_host_id(request.parent, name, number) for number, name in enumerate(request.names)]


def _host_id(parent: str, text: str, number: int) -> str:
    name = names.parse(text, Kind.HOST, field=f"names[{number}]")
    if name.collection.text != parent:
        raise InvalidArgument.of_field(f"names[{number}]", f"{text!r} is not of {parent}")
    return name.id


def _mask(paths: Sequence[str], allowed: frozenset[str]) -> Sequence[str]:
    if not paths:
        raise InvalidArgument.of_field(
            "update_mask", f"names no field; give some of {', '.join(sorted(allowed))}"
        )
    for number, path in enumerate(paths):
        if path not in allowed:
            raise InvalidArgument.of_field(
                f"update_mask.paths[{number}]",
                f"{path!r} cannot be changed; what can: {', '.join(sorted(allowed))}",
            )
    return paths


def _changes(host: pb.Host, fields: Sequence[str]) -> HostChanges:
    return HostChanges.of({field: new_value(host, field) for field in fields})


def _messages(hosts: Sequence[Host], now_us: int) -> list[pb.Host]:
    return [host_message(host, now_us) for host in hosts]
