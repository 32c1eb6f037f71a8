"""Taking reports."""

from __future__ import annotations

from collections.abc import Sequence

from broker_service.agents.rules import Answer, HostReport
from broker_service.agents.store import Batch, take_reports
from deskhold.chassis.db import Database
from deskhold.errors import DeskholdError, InvalidArgument


class Agents:
    """The use cases of agents.

    Args:
        database: The broker's store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def report(
        self, collection: str, reports: Sequence[HostReport | DeskholdError], *, now_us: int
    ) -> Sequence[Answer | DeskholdError]:
        """Take reports of a collection's hosts, each by itself.

        Args:
            collection: Name of the collection.
            reports: The reports; what cannot be one is an error already, and comes back as it is.
            now_us: When.

        Returns:
            For each report the answer, or why it was refused: FIELD_VIOLATION, also for the second
            report of a host; HOST_NOT_FOUND.

        Raises:
            NotFound: There is no such collection.
        """
        batch = Batch(collection, _judged(reports), now_us)
        return await self._database.gather(collection, take_reports, batch)


def _judged(reports: Sequence[HostReport | DeskholdError]) -> list[HostReport | DeskholdError]:
    seen: set[str] = set()
    judged: list[HostReport | DeskholdError] = []
    for number, report in enumerate(reports):
        judged.append(_refused(report, number, seen) or report)
        if isinstance(report, HostReport):
            seen.add(report.key)
    return judged


def _refused(
    report: HostReport | DeskholdError, number: int, seen: set[str]
) -> DeskholdError | None:
    if isinstance(report, DeskholdError):
        return report
    if report.key in seen:
        return InvalidArgument.of_field(
            f"reports[{number}].host_id", f"{report.host_id!r} is named twice"
        )
    return report.refusal(f"reports[{number}]")
