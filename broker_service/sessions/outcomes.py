"""What users who connect are answered, counted for metrics."""

from __future__ import annotations

from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter

from deskhold.chassis.calls import Call, Handler, Method
from deskhold.errors import DeskholdError
from deskhold.status import code_of

_METHOD: Final = "SessionService/Connect"


class Outcomes:
    """An observer of calls.

    Args:
        registry: Where the metric is kept.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._connects = Counter(
            "deskhold_connects",
            "Users who connected: CLAIMED a host, were sent to their own (KNOWN), or the code of"
            " the refusal.",
            ("outcome",),
            registry=registry,
        )

    def layer(self, method: Method, handler: Handler) -> Handler:
        """Count the outcomes of Connect; attempts that only ask (`validate_only`) do not count."""
        if method.name != _METHOD:
            return handler

        async def counted(request: Any, call: Call) -> Any:
            try:
                reply: Any = await handler(request, call)
            except DeskholdError as error:
                self._connects.labels(code_of(error).name).inc()
                raise
            if not request.validate_only:
                self._connects.labels("CLAIMED" if reply.newly_assigned else "KNOWN").inc()
            return reply

        return counted
