"""One call under way: what goes with it, and what the log `deskhold.client` says of it.

INFO says each call and its outcome, DEBUG the request and the metadata too. A
bearer token is never logged.
"""

from __future__ import annotations

import logging
import time
import uuid

import grpc
from google.protobuf import text_format
from google.protobuf.message import Message

from deskhold import channel, errors
from deskhold.channel import Endpoint
from deskhold.client.calls import Method

logger = logging.getLogger("deskhold.client")
_SECRET_KEYS = frozenset({"authorization"})
# An import carries megabytes.
_MAX_LOGGED_CHARACTERS = 2000


class Attempt:
    """One call from its start to its outcome.

    Attributes:
        path: The method as gRPC wants it.
        metadata: What goes with the call.
    """

    def __init__(self, method: Method, endpoint: Endpoint, request: Message) -> None:
        """Start a call.

        Raises:
            Unauthenticated: There is no token.
        """
        self.path = "/" + method.path
        self._endpoint = endpoint
        self._request_id = str(uuid.uuid4())
        self.metadata = channel.call_metadata(endpoint, self._request_id)
        self._started = time.monotonic()
        logger.debug("> %s at %s", method.path, endpoint.address)
        if logger.isEnabledFor(logging.DEBUG):
            for key, value in self.metadata:
                logger.debug(">   %s: %s", key, "***" if key in _SECRET_KEYS else value)
            text = text_format.MessageToString(request, as_one_line=True)
            logger.debug(">   %s", text[:_MAX_LOGGED_CHARACTERS])

    def succeeded(self) -> None:
        """Log the success."""
        self._log("OK")

    def failed(self, error: grpc.RpcError) -> errors.DeskholdError:
        """Log the failure and return the error it stands for."""
        explained = channel.explain(error, endpoint=self._endpoint, request_id=self._request_id)
        self._log(f"{error.code().name} {explained.reason}")
        logger.debug("<   %s", error.details())
        return explained

    def _log(self, outcome: str) -> None:
        milliseconds = (time.monotonic() - self._started) * 1000
        logger.info("%s %s in %.0f ms (%s)", self.path, outcome, milliseconds, self._request_id)
