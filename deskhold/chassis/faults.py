"""The one error border: exceptions become statuses, and the unknown becomes INTERNAL.

Outside, an unknown exception is "internal error" and a request id; inside,
the log has the traceback.
"""

from __future__ import annotations

from typing import NoReturn

import structlog
from google.protobuf.message import Message
from grpc_status import rpc_status

from deskhold.chassis.calls import Call, Handler, Layer, Method
from deskhold.errors import DeskholdError, Internal
from deskhold.status import REQUEST_ID_KEY, code_of, to_status


def layer(logger: structlog.typing.FilteringBoundLogger) -> Layer:
    """Return the layer that turns what is raised inside it into statuses."""

    def wrap(_: Method, handler: Handler) -> Handler:
        async def bordered(request: Message, call: Call) -> Message:
            try:
                reply = await handler(request, call)
            except DeskholdError as error:
                fault = error
            except Exception:  # the border: whatever it is must not leak, and must not be lost
                logger.exception("defect", method=call.method.name, request_id=call.request_id)
                fault = Internal(
                    f"internal error; the service logged it under request id {call.request_id}"
                )
            else:
                # Trailing, not initial: initial metadata would commit the call and disable retries.
                call.context.set_trailing_metadata(((REQUEST_ID_KEY, call.request_id),))
                return reply
            return await _refuse(call, fault)

        return bordered

    return wrap


async def _refuse(call: Call, error: DeskholdError) -> NoReturn:
    call.code = code_of(error)
    call.reason = error.reason
    status = rpc_status.to_status(to_status(error, request_id=call.request_id))
    await call.context.abort_with_status(status)
    raise AssertionError("abort_with_status always raises")
