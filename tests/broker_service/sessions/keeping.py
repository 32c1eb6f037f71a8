"""Hosts that not everybody can have, in the naive model: reserved ones, and those in quarantine.

A host that nobody holds is kept for a user until a time, a year away at the most; for the same user
the time can be changed, for another one only when it has come or the reservation is cancelled. What
is in quarantine stays there until somebody confirms that it is clean: all hosts named or none, and
unless by force only when the agents report no administrators on those that are in quarantine.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from broker_service.collections.rules import ReleasePolicy
from tests.broker_service.sessions.assigning import Assigning, policies
from tests.broker_service.sessions.machine import Known, places, users

YEAR_US = 365 * 24 * 3600 * 1_000_000


def pick(hosts: list[Known], place: int) -> Known:
    """Return one of some hosts, whichever they are."""
    return hosts[place % len(hosts)]


class Keeping(Assigning):
    """A personal collection whose hosts are reserved, and confirmed as clean."""

    @initialize(policy=policies, held=st.lists(users, max_size=2), kept=st.lists(users, max_size=2))
    def begin(self, policy: ReleasePolicy, held: list[str], kept: list[str]) -> None:
        """Begin with some hosts held and reserved, or most refusals would come too rarely."""
        self.change_policy(policy)
        for place, user in enumerate(held):
            self.force(place, user)
        for place, user in enumerate(kept, start=2):
            self.reserve(place, user, 20 + place)

    @rule(microseconds=st.sampled_from([1, 5, 50]))
    def wait(self, microseconds: int) -> None:
        self.now_us += microseconds

    @rule(
        place=places,
        user=users,
        microseconds=st.sampled_from([1, 3, 5, 9, 20, 40, YEAR_US, 0, YEAR_US + 1]),
    )
    def reserve(self, place: int, user: str, microseconds: int) -> None:
        host, until_us = self.at(place), self.now_us + microseconds
        work = self.store.reserve(
            user, host.key, until_us=until_us, author=self.author, collection=self.collection
        )
        obstacles = {"FIELD_VIOLATION": not 0 < microseconds <= YEAR_US}
        if self.done(work, self.withheld(host, user) | obstacles):
            host.reserved_for, host.reserved_until = user, until_us

    @rule(place=places, aims=st.booleans())
    def cancel_reservation(self, place: int, aims: bool) -> None:
        """Cancel a reservation; chance alone would seldom meet a host that has one."""
        kept = [host for host in self.hosts if host.is_kept(self.now_us)]
        host = pick(kept if aims and kept else self.hosts, place)
        work = self.store.cancel(host.key, author=self.author, collection=self.collection)
        if self.done(work, {"RESERVATION_NOT_FOUND": not host.is_kept(self.now_us)}):
            host.reserved_for = ""

    @rule()
    def confirm_all(self) -> None:
        """Confirm all that wait, without force."""
        if waiting := [host for host in self.hosts if host.is_quarantined]:
            self.confirm(waiting, force=False)

    @rule(some=st.lists(places, min_size=1, max_size=3), force=st.booleans())
    def confirm_some(self, some: list[int], force: bool) -> None:
        self.confirm([pick([*self.hosts, *self.away], place) for place in some], force=force)

    def confirm(self, named: list[Known], *, force: bool) -> None:
        waiting = [host for host in named if host.is_quarantined]
        obstacles = {
            "HOST_NOT_FOUND": any(host in self.away for host in named),
            "RIGHTS_NOT_REMOVED": not force and any(host.administrators for host in waiting),
        }
        if self.done(self.confirmed(named, waiting, force=force), obstacles):
            for host in waiting:
                host.is_quarantined = False

    async def confirmed(self, named: list[Known], waiting: list[Known], *, force: bool) -> None:
        """Confirm; what is answered is those that waited, each once."""
        released = await self.store.confirm(
            *(host.key for host in named),
            force=force,
            author=self.author,
            collection=self.collection,
        )
        assert released == list(dict.fromkeys(host.key for host in waiting))
