"""AgentService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from broker_service.agents.messages import report_of, result_message
from broker_service.agents.usecases import Agents
from deskhold.api.broker.v1 import agents_pb2 as pb
from deskhold.api.broker.v1 import agents_pb2_grpc
from deskhold.chassis.calls import Call, current
from deskhold.errors import DeskholdError
from deskhold.identities import Domains


class AgentServicer(agents_pb2_grpc.AgentServiceServicer):
    """Takes reports of hosts.

    Args:
        agents: The use cases.
        domains: The deployment's domains.
        clock_us: Microseconds since the epoch.
        register: Told of hosts that report for the first time, after a start, or in vain.
    """

    def __init__(
        self,
        agents: Agents,
        domains: Domains,
        clock_us: Callable[[], int],
        register: Callable[[Call, str, DeskholdError | None], None],
    ) -> None:
        self._agents = agents
        self._domains = domains
        self._clock_us = clock_us
        self._register = register

    async def ReportHosts(
        self, request: pb.ReportHostsRequest, context: Any
    ) -> pb.ReportHostsResponse:
        """Take reports; say what is wanted."""
        answers = await self._agents.report(
            request.parent,
            [
                report_of(report, self._domains, f"reports[{number}]")
                for number, report in enumerate(request.reports)
            ],
            now_us=self._clock_us(),
        )
        for report, answer in zip(request.reports, answers, strict=True):
            host = f"{request.parent}/hosts/{report.host_id}"
            if isinstance(answer, DeskholdError):
                self._register(current(), host, answer)
            elif answer.is_start:
                self._register(current(), host, None)
        return pb.ReportHostsResponse(results=map(result_message, answers))
