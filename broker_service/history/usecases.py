"""Showing history."""

from __future__ import annotations

from broker_service.history import store
from broker_service.history.rules import Period, Wanted
from deskhold.chassis.db import Database
from deskhold.chassis.paging import Page
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains
from deskhold.names import fold_id, is_id


class Periods:
    """The use cases of history.

    Args:
        database: The broker's store.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, domains: Domains) -> None:
        self._database = database
        self._domains = domains

    async def list_page(
        self, collection: str, *, user: str, host_id: str, at_us: int | None, page: Page
    ) -> list[Period]:
        """Return the periods of a page, the newest first; a collection need not be there any more.

        Args:
            collection: The name of the collection.
            user: Only of this user; empty: of all.
            host_id: Only of this host, which may be gone; empty: of all.
            at_us: Only those that this time lies in; None: all.
            page: Which page, by the number of the last period of the one before.

        Raises:
            InvalidArgument: The user or the host is malformed.
        """
        if host_id and not is_id(host_id):
            raise InvalidArgument.of_field("host_id", f"{host_id!r} is no id of a host")
        wanted = Wanted(
            user_key=self._domains.user_key(user) if user else "",
            host_key=fold_id(host_id),
            at_us=at_us,
        )
        return await self._database.read(
            lambda connection: store.list_periods(connection, collection, wanted, page)
        )
