"""The broker's channel to rbac, dialled anew when the broker's certificate changes."""

from __future__ import annotations

import structlog

from broker_service.rbac import Authority
from deskhold.channel import Endpoint, open_async
from deskhold.chassis.settings import SettingsError
from deskhold.errors import Unavailable

# What is asked over the former channel has been answered, or given up, by then.
_GRACE_SECONDS = 10.0


class Dialling:
    """Keeps an authority's channel.

    Args:
        endpoint: Where rbac listens, and the files of the certificate that says who asks.
        logger: Of the authority.

    Attributes:
        authority: Asks over the channel that was dialled last.
    """

    def __init__(self, endpoint: Endpoint, logger: structlog.typing.FilteringBoundLogger) -> None:
        self._endpoint = endpoint
        self._channel = open_async(endpoint)
        self.authority = Authority(self._channel, logger)

    async def dial(self) -> None:
        """Dial anew, with the certificate as it is now.

        Raises:
            SettingsError: Its files cannot be read; the former channel stays.
        """
        try:
            channel = open_async(self._endpoint)
        except Unavailable as error:
            raise SettingsError(error.message) from error
        former, self._channel = self._channel, channel
        self.authority.use(channel)
        await former.close(_GRACE_SECONDS)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
