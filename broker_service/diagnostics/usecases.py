"""Reading the activities."""

from __future__ import annotations

from broker_service.diagnostics import store
from broker_service.diagnostics.recorder import Recorder
from broker_service.diagnostics.rules import Activity, ActivityFilter
from deskhold.chassis.db import Database
from deskhold.chassis.paging import Page


class Diagnostics:
    """The use cases of diagnostics.

    Args:
        database: The broker's store.
        recorder: What it records comes first.
    """

    def __init__(self, database: Database, recorder: Recorder) -> None:
        self._database = database
        self._recorder = recorder

    @property
    def dropped_count(self) -> int:
        """How many activities this process could not record since it started."""
        return self._recorder.dropped_count

    async def list_page(self, wanted: ActivityFilter, page: Page) -> list[Activity]:
        """Return the activities of a page, newest first, and one more when another page follows.

        Raises:
            InvalidArgument: The time range ends before it begins.
            Unavailable: The store does not answer.
        """
        wanted.check()
        await self._recorder.queue.flush()  # what this process answered before is in the list
        return await self._database.read(lambda tx: store.list_activities(tx, wanted, page))
