"""The broker's channel to rbac: to one process or several, balanced by gRPC.

Several are one DNS name with several addresses, or a list. gRPC takes them in turn, leaves out
those that are away or say that they are not ready, and looks a single name up again by itself. The
names of a list are looked up here, over and over.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import grpc
import structlog

from broker_service.rbac import ACCESS_SERVICE, Authority
from deskhold.channel import Endpoint, open_async
from deskhold.chassis.settings import SettingsError
from deskhold.errors import Unavailable

# By then, calls over the former channel have been answered or given up.
_GRACE_SECONDS: Final = 10.0
_LOOK_UP_SECONDS: Final = 30.0


class Dialling:
    """Keeps an authority's channel.

    Args:
        addresses: `host:port` of each rbac. Of several, all show a certificate for the first host.
        endpoint: The files of the certificate that says who asks; its address is not used.
        logger: Of the authority.

    Raises:
        SettingsError: No name of a list can be looked up.

    Attributes:
        authority: Asks over the channel that was dialled last.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        endpoint: Endpoint,
        logger: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._addresses = addresses
        self._files = endpoint
        self._logger = logger
        self._target = _target(addresses)
        self._channel = self._open()
        self.authority = Authority(self._channel, logger)

    async def run(self) -> None:
        """Look names of a list up again and follow them, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_UP_SECONDS)
            try:
                target = await asyncio.to_thread(_target, self._addresses)
            except SettingsError:
                continue  # the resolver is away; the processes that are known may still be there
            if target != self._target:
                self._target = target
                self._logger.info("rbac has other addresses", target=target)
                await self.dial()

    async def dial(self) -> None:
        """Dial anew, with the certificate as it is now.

        Raises:
            SettingsError: Its files cannot be read; the former channel stays.
        """
        try:
            channel = self._open()
        except Unavailable as error:
            raise SettingsError(error.message) from error
        former, self._channel = self._channel, channel
        self.authority.use(channel)
        await former.close(_GRACE_SECONDS)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _open(self) -> grpc.aio.Channel:
        first, *others = self._addresses
        name = _split(first)[0] if others else None
        return open_async(
            replace(self._files, address=self._target, server_name=name),
            health_service=ACCESS_SERVICE,
        )


def _target(addresses: Sequence[str]) -> str:
    """Return what gRPC dials.

    Raises:
        SettingsError: No name of a list can be looked up.
    """
    if len(addresses) == 1:
        return f"dns:///{addresses[0]}"
    found: set[tuple[str, str]] = set()
    for address in addresses:
        host, port = _split(address)
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            continue
        found.update(
            ("ipv6", f"[{sockaddr[0]}]:{port}")
            if family is socket.AF_INET6
            else ("ipv4", f"{sockaddr[0]}:{port}")
            for family, _, _, _, sockaddr in entries
        )
    if not found:
        raise SettingsError(f"none of the names in {','.join(addresses)} can be looked up")
    family = min(one for one, _ in found)  # a target has one family; IPv4 if there is any
    return f"{family}:{','.join(sorted(text for one, text in found if one == family))}"


def _split(address: str) -> tuple[str, str]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), port
