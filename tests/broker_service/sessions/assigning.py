"""A personal collection and its naive model: who holds which host.

A host has one user, a user two hosts at the most. What is held, kept for another or in quarantine
is given to nobody but by force, which also ends the oldest assignment of who has two. Whoever gets
a host ends its reservation and its quarantine. A host whose assignment ends is in quarantine where
the collection's policy of that moment says so, unless its user was swapped.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from broker_service.collections.rules import ReleasePolicy
from tests.broker_service.sessions.machine import Known, Machine, places, users

policies = st.sampled_from(ReleasePolicy)


class Assigning(Machine):
    """A personal collection that assigns by itself, two desktops for each user."""

    policy = ReleasePolicy.FREE

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

    def leave(self, host: Known) -> None:
        host.held_by, host.is_quarantined = "", self.policy is ReleasePolicy.QUARANTINE

    def withheld(self, host: Known, user: str) -> dict[str, bool]:
        """What keeps a host from a user who does not hold it."""
        return {
            "HOST_HELD": bool(host.held_by),
            "HOST_RESERVED": host.is_kept(self.now_us) and host.reserved_for != user,
            "HOST_QUARANTINED": host.is_quarantined,
        }

    @rule(policy=policies)
    def change_policy(self, policy: ReleasePolicy) -> None:
        """Decide what becomes of hosts from now on; those in quarantine stay there."""
        self.run(self.store.update(release_policy=policy, collection=self.collection))
        self.policy = policy

    @rule(place=places, user=users)
    def assign(self, place: int, user: str) -> None:
        host = self.at(place)
        self.now_us += 1
        work = self.store.set(user, host.key, author=self.author, collection=self.collection)
        obstacles = self.withheld(host, user) | {"USER_LIMIT_REACHED": len(self.held(user)) == 2}
        is_theirs = host.held_by == user
        if self.done(work, {} if is_theirs else obstacles) and not is_theirs:
            self.hold(host, user)

    @rule(place=places, user=users)
    def force(self, place: int, user: str) -> None:
        """Assign a host whoever has it; who has too many then loses the oldest one."""
        host = self.at(place)
        self.now_us += 1  # so that one of the user's assignments is the oldest
        self.run(
            self.store.set(
                user, host.key, force=True, author=self.author, collection=self.collection
            )
        )
        if host.held_by == user:
            return
        held = self.held(user)
        if len(held) == 2:
            self.leave(min(held, key=lambda one: one.since))
        self.hold(host, user)

    @rule(place=places, other=places)
    def swap(self, place: int, other: int) -> None:
        one, two = self.at(place), self.at(other)
        work = self.store.swap(one.key, two.key, author=self.author, collection=self.collection)
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
        work = self.store.move(one.key, two.key, author=self.author, collection=self.collection)
        user = one.held_by
        obstacles = {} if one is two else self.withheld(two, user)
        if self.done(work, obstacles | {"ASSIGNMENT_NOT_FOUND": not user}) and one is not two:
            self.leave(one)
            self.hold(two, user)

    @rule(place=places)
    def unassign(self, place: int) -> None:
        host = self.at(place)
        work = self.store.remove(host_id=host.key, author=self.author, collection=self.collection)
        if self.done(work, {"ASSIGNMENT_NOT_FOUND": not host.held_by}):
            self.leave(host)

    @rule(user=users)
    def unassign_user(self, user: str) -> None:
        """End all that a user holds."""
        held = self.held(user)
        work = self.store.remove(user=user, author=self.author, collection=self.collection)
        if self.done(work, {"ASSIGNMENT_NOT_FOUND": not held}):
            for host in held:
                self.leave(host)
