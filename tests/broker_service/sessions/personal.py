"""A personal collection and its naive model."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.broker_service.sessions.machine import Known, Machine, places, users
from tests.broker_service.stores import AUTHOR


class Personal(Machine):
    """A personal collection that assigns by itself, two desktops for each user."""

    def make(self) -> None:
        keys = [host.key for host in self.hosts]
        self.run(
            self.store.make(
                *keys, name=self.collection, auto_assign_user=True, max_desktops_per_user=2
            )
        )

    def held(self, user: str) -> list[Known]:
        return sorted((one for one in self.hosts if one.held_by == user), key=lambda one: one.slot)

    def hold(self, host: Known, user: str) -> None:
        taken = {one.slot for one in self.held(user)}
        host.held_by, host.slot, host.since = user, min({0, 1, 2} - taken), self.now_us
        host.reserved_for, host.is_quarantined = "", False

    @rule(microseconds=st.integers(1, 5))
    def wait(self, microseconds: int) -> None:
        self.now_us += microseconds

    @rule(place=places, user=users)
    def assign(self, place: int, user: str) -> None:
        host = self.at(place)
        self.now_us += 1
        if host.why == "full" and len(self.held(user)) < 2:
            self.run(
                self.store.assignments.set(
                    self.collection,
                    user=user,
                    host_id=host.key,
                    force=False,
                    etag="",
                    author=AUTHOR._replace(now_us=self.now_us),
                    commit=self.store.commit,
                )
            )
            self.hold(host, user)

    @rule(place=places, user=users)
    def force(self, place: int, user: str) -> None:
        """Assign a host whoever has it; who has too many then loses the oldest one."""
        host = self.at(place)
        self.now_us += 1  # so that one of the user's assignments is the oldest
        self.run(
            self.store.assignments.set(
                self.collection,
                user=user,
                host_id=host.key,
                force=True,
                etag="",
                author=AUTHOR._replace(now_us=self.now_us),
                commit=self.store.commit,
            )
        )
        if host.held_by == user:
            return
        held = self.held(user)
        if len(held) == 2:
            min(held, key=lambda one: one.since).held_by = ""
        self.hold(host, user)

    @rule(place=places, other=places)
    def swap(self, place: int, other: int) -> None:
        one, two = self.at(place), self.at(other)
        work = self.store.moves.swap(
            self.collection,
            host_id=one.key,
            other_host_id=two.key,
            etag="",
            other_etag="",
            author=AUTHOR._replace(now_us=self.now_us),
            commit=self.store.commit,
        )
        obstacles = {
            "FIELD_VIOLATION": one is two,
            "ASSIGNMENT_NOT_FOUND": one is not two and not (one.held_by and two.held_by),
        }
        if self.done(work, obstacles) and one.held_by != two.held_by:
            ours, theirs = one.held_by, two.held_by
            one.held_by = two.held_by = ""
            self.hold(one, theirs)
            self.hold(two, ours)

    @rule(place=places, other=places)
    def move(self, place: int, other: int) -> None:
        one, two = self.at(place), self.at(other)
        self.now_us += 1
        work = self.store.moves.move(
            self.collection,
            host_id=one.key,
            destination_host_id=two.key,
            user="",
            etag="",
            author=AUTHOR._replace(now_us=self.now_us),
            commit=self.store.commit,
        )
        user = one.held_by
        is_kept = two.reserved_for not in ("", user) and two.reserved_until > self.now_us
        obstacles = {
            "ASSIGNMENT_NOT_FOUND": not user,
            "HOST_HELD": one is not two and bool(two.held_by),
            "HOST_RESERVED": one is not two and is_kept,
            "HOST_QUARANTINED": one is not two and two.is_quarantined,
        }
        if self.done(work, obstacles) and one is not two:
            one.held_by = ""
            self.hold(two, user)

    @rule(place=places)
    def unassign(self, place: int) -> None:
        host = self.at(place)
        if host.held_by:
            self.run(
                self.store.assignments.remove(
                    self.collection,
                    user="",
                    host_id=host.key,
                    etag="",
                    author=AUTHOR._replace(now_us=self.now_us),
                    commit=self.store.commit,
                )
            )
            host.held_by = ""

    @rule(place=places, user=users, microseconds=st.integers(1, 9))
    def reserve(self, place: int, user: str, microseconds: int) -> None:
        host = self.at(place)
        until_us = self.now_us + microseconds
        if not host.held_by and until_us not in {one.reserved_until for one in self.hosts}:
            host.reserved_for, host.reserved_until = user, until_us
            self.run(self.store.keep(user, host.key, until_us))

    @rule(place=places, is_quarantined=st.booleans())
    def quarantine(self, place: int, is_quarantined: bool) -> None:
        host = self.at(place)
        if not host.held_by:
            host.is_quarantined = is_quarantined
            self.change(host, quarantined_us=1 if is_quarantined else None)

    @rule(user=users)
    def connect(self, user: str) -> None:
        self.now_us += 1
        host, session, error = self.connected(user)

        held = self.held(user) or self.take(user, host)
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

    def take(self, user: str, came: Known | None) -> list[Known]:
        """Give the user a host that they may have: the one they came to, if it is such."""
        kept = [
            one
            for one in self.hosts
            if one.reserved_for == user
            and one.reserved_until > self.now_us
            and not one.is_quarantined
        ]
        best = sorted(kept, key=lambda one: one.reserved_until)[:1] or self.free()
        if not best:
            for one in self.hosts:
                if one.reserved_until <= self.now_us:
                    one.reserved_for = ""
            best = self.free()
        if best:
            given = came if came in best else best[0]
            assert given is not None
            self.hold(given, user)
        return self.held(user)

    def free(self) -> list[Known]:
        free = [one for one in self.hosts if one.why == "full"]
        best = min((one.rank for one in free), default=0)
        return [one for one in free if one.rank == best]

    def teardown(self) -> None:
        held = {one.key: one.held_by for one in self.hosts if one.held_by}
        stored = self.run(self.store.holdings())
        mine = {key: user for key, user in stored.items() if key in {h.key for h in self.hosts}}
        assert mine == held
