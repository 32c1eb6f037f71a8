"""Reports of hosts, for their agents."""

from __future__ import annotations

from collections.abc import Iterable

from deskhold.api.broker.v1 import agents_pb2
from deskhold.client.calls import Call


def report_hosts(
    parent: str, reports: Iterable[agents_pb2.HostReport]
) -> Call[agents_pb2.ReportHostsResponse]:
    """Report how hosts of a collection are, every 30 seconds; learn what is wanted of them.

    Each report is judged by itself: look at the `reason` of each result. At most 500.

    Raises:
        NotFound: There is no such collection.
    """
    request = agents_pb2.ReportHostsRequest(parent=parent, reports=reports)
    return Call(request, agents_pb2.ReportHostsResponse)
