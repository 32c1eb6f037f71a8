"""Connects to a personal collection, in the naive model.

Who holds hosts goes to one of them, to the one with their session first, and never elsewhere. Who
holds none gets what is kept for them, what ends first first; else a free host, the ones known to be
well before the others, and those whose reservation has run out when nothing else is left. Who asks
for a host by name gets it if it is theirs, or free and open, and they have not two already.
"""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis.stateful import invariant, rule

from deskhold.chassis.paging import Page
from deskhold.errors import DeskholdError
from tests.broker_service.sessions.keeping import Keeping
from tests.broker_service.sessions.machine import Known, places, users


class Personal(Keeping):
    """A personal collection and the users who connect to it."""

    @rule(user=users)
    def connect(self, user: str) -> None:
        self.now_us += 1
        told = self.told(user)
        host, session, error = self.connected(user)

        assert told == ((error.reason, error.metadata) if error else None)
        # A host that is kept for a user is given to them even when they cannot go there now.
        came = host.key if host else error.metadata.get("host", "") if error else ""
        held = self.held(user) or self.take(user, came)
        if not held:
            assert error is not None
            assert error.reason == "NO_FREE_HOST"
            assert error.metadata == self.counted()
            return
        inside = [one for one in held if one.session_of(user) is not None]
        expected = (inside or held)[0]
        if not inside and expected.is_closed:
            assert error is not None
            assert (error.reason, error.metadata["host"]) == (expected.refusal, expected.key)
            return
        assert host is expected, error
        assert session == str(expected.session_of(user) or "")

    def told(self, user: str) -> tuple[str, Mapping[str, str]] | None:
        """Return what refuses a user who only asks; nothing changes."""
        ask = self.store.connect(user, name=self.collection, at_us=self.now_us, only_say=True)
        try:
            self.run(ask)
        except DeskholdError as error:
            return error.reason, error.metadata
        return None

    def take(self, user: str, came: str) -> list[Known]:
        """Give the user a host that they may have: the one they came to, if it is such."""
        best = self.kept(user) or self.free()
        if not best:
            for one in self.hosts:
                if not one.is_kept(self.now_us):
                    one.reserved_for = ""
            best = self.free()
        if best:
            self.hold(next((one for one in best if one.key == came), best[0]), user)
        return self.held(user)

    def kept(self, user: str) -> list[Known]:
        kept = [one for one in self.hosts if one.reserved_for == user and one.is_kept(self.now_us)]
        first = min((one.reserved_until for one in kept), default=0)
        return [one for one in kept if one.reserved_until == first]

    def free(self) -> list[Known]:
        free = [one for one in self.hosts if one.why == "full"]
        best = min((one.rank for one in free), default=0)
        return [one for one in free if one.rank == best]

    @rule(place=places, user=users)
    def choose(self, place: int, user: str) -> None:
        """Connect to one host."""
        host = self.at(place)
        self.now_us += 1
        work = self.store.connect(user, name=self.collection, at_us=self.now_us, host_id=host.key)
        if host.held_by == user:
            is_shut = host.is_closed and host.session_of(user) is None
            self.done(work, {host.refusal: is_shut})
            return
        obstacles = self.withheld(host, user) | {
            host.refusal: host.is_closed,
            "USER_LIMIT_REACHED": len(self.held(user)) == 2,
        }
        if self.done(work, obstacles):
            self.hold(host, user)

    @invariant()
    def compare(self) -> None:
        """Each host is held by, kept for and in quarantine as the model says."""
        hosts = self.run(self.store.hosts.list_page(self.collection, Page(100, None)))
        stored = {
            host.key: (
                host.hold.user_key if host.hold else "",
                (kept.user_key, kept.until_us)
                if (kept := host.reservation) and kept.until_us > self.now_us
                else None,
                host.quarantined_us is not None,
            )
            for host in hosts
        }
        assert stored == {
            one.key: (
                one.held_by,
                (one.reserved_for, one.reserved_until) if one.is_kept(self.now_us) else None,
                one.is_quarantined,
            )
            for one in self.hosts
        }
