"""Connects among changes of all kinds, against a naive model; on each kind of database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, select

from broker_service import tables
from broker_service.collections.rules import LoadBalancing
from broker_service.sessions.rules import SIGN_IN_US
from tests.broker_service.sessions.machine import Known, Machine, places, users
from tests.broker_service.stores import AUTHOR, DOMAINS, Store

pytestmark = pytest.mark.slow


@pytest.fixture
def runner(database_url: str) -> Iterator[tuple[asyncio.Runner, Store]]:
    """A store and the loop that it is used in: the machine's rules are no coroutines."""
    with asyncio.Runner() as loop:
        store = Store(database_url)
        yield loop, store
        loop.run(store.database.close())


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
        host.held_by, host.slot = user, min({0, 1, 2} - taken)
        host.reserved_for = ""

    @rule(microseconds=st.integers(1, 5))
    def wait(self, microseconds: int) -> None:
        self.now_us += microseconds

    @rule(place=places, user=users)
    def assign(self, place: int, user: str) -> None:
        host = self.hosts[place]
        if host.why == "full" and len(self.held(user)) < 2:
            self.run(
                self.store.assignments.set(
                    self.collection,
                    user=user,
                    host_id=host.key,
                    force=False,
                    etag="",
                    author=replace(AUTHOR, now_us=self.now_us),
                    commit=self.store.commit,
                )
            )
            self.hold(host, user)

    @rule(place=places)
    def unassign(self, place: int) -> None:
        host = self.hosts[place]
        if host.held_by:
            self.run(
                self.store.assignments.remove(
                    self.collection,
                    user="",
                    host_id=host.key,
                    etag="",
                    author=replace(AUTHOR, now_us=self.now_us),
                    commit=self.store.commit,
                )
            )
            host.held_by = ""

    @rule(place=places, user=users, microseconds=st.integers(1, 9))
    def reserve(self, place: int, user: str, microseconds: int) -> None:
        host = self.hosts[place]
        until_us = self.now_us + microseconds
        if not host.held_by and until_us not in {one.reserved_until for one in self.hosts}:
            host.reserved_for, host.reserved_until = user, until_us
            self.run(self.store.keep(user, host.key, until_us))

    @rule(place=places, is_quarantined=st.booleans())
    def quarantine(self, place: int, is_quarantined: bool) -> None:
        host = self.hosts[place]
        if not host.held_by:
            host.is_quarantined = is_quarantined
            self.change(host, quarantined_us=1 if is_quarantined else None)

    @rule(user=users)
    def connect(self, user: str) -> None:
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


class Pooled(Machine):
    """A pooled collection whose hosts take three sessions if they say nothing else."""

    rule_of_balance = LoadBalancing.BREADTH_FIRST

    def make(self) -> None:
        keys = [host.key for host in self.hosts]
        self.sent: dict[str, tuple[Known, int]] = {}
        self.run(
            self.store.make(
                *keys,
                name=self.collection,
                type="POOLED",
                max_sessions_per_host=3,
                load_balancing=self.rule_of_balance,
            )
        )

    def total(self, host: Known) -> int:
        return len(host.sessions) + sum(one is host for one, _ in self.sent.values())

    def load(self, host: Known) -> int:
        return self.total(host) * 10_000 // host.weight

    def arrived(self, user: str) -> None:
        if user not in self.sent:
            return
        host, _ = self.sent.pop(user)
        count = sum(one is host for one, _ in self.sent.values())
        rows = tables.sign_ins
        gone = delete(rows).where(
            rows.c.user_key == DOMAINS.user_key(user),
            rows.c.collection_id.in_(
                select(tables.collections.c.id).where(tables.collections.c.name == self.collection)
            ),
        )
        self.run(self.store.commit(lambda connection: connection.execute(gone)))
        self.change(host, sign_in_count=count)

    @rule(share=st.sampled_from([1, SIGN_IN_US // 2, SIGN_IN_US]))
    def wait(self, share: int) -> None:
        self.now_us += share

    @rule(place=places, weight=st.sampled_from([10, 50, 100, 200]))
    def weigh(self, place: int, weight: int) -> None:
        self.hosts[place].weight = weight
        self.change(self.hosts[place], relative_weight=weight)

    @rule(place=places, limit=st.integers(0, 4))
    def bound(self, place: int, limit: int) -> None:
        self.hosts[place].limit = limit
        self.change(self.hosts[place], session_limit=limit)

    @rule(user=users)
    def connect(self, user: str) -> None:
        host, session, error = self.connected(user)

        inside = [one for one in self.hosts if one.session_of(user) is not None]
        if inside:
            assert host is inside[0]
            assert session == str(inside[0].session_of(user))
            return
        sent, until_us = self.sent.get(user, (None, 0))
        if sent is not None and until_us > self.now_us and not sent.is_closed:
            assert host is sent
            return
        best = self.best()
        if not best:
            assert error is not None
            assert error.reason == "NO_FREE_HOST"
            assert error.metadata == self.counted()
            return
        assert host in best, error
        assert host is not None
        self.sent[user] = (host, self.now_us + SIGN_IN_US)

    def best(self) -> list[Known]:
        free = [one for one in self.hosts if not one.is_closed]
        free = [one for one in free if self.total(one) < (one.limit or 3)]
        rank = min((one.rank for one in free), default=0)
        free = [one for one in free if one.rank == rank]
        choose = min if self.rule_of_balance is LoadBalancing.BREADTH_FIRST else max
        load = choose((self.load(one) for one in free), default=0)
        return [one for one in free if self.load(one) == load]

    @precondition(lambda self: bool(self.sent))
    @rule()
    def compare(self) -> None:
        rows = {row.host_key: row for row in self.run(self.store.host_rows())}
        for host in self.hosts:
            row = rows[host.key]
            assert row.session_count + row.sign_in_count == self.total(host)
            assert row.load == self.load(host)


class DepthFirst(Pooled):
    """A pooled collection that fills one host after the other."""

    rule_of_balance = LoadBalancing.DEPTH_FIRST


@pytest.mark.parametrize("kind", [Personal, Pooled, DepthFirst])
def test_whatever_happens_users_are_led_as_the_model_says(
    runner: tuple[asyncio.Runner, Store], kind: type[Machine]
) -> None:
    class OnStore(kind):  # type: ignore[misc, valid-type]
        loop, store = runner

    run_state_machine_as_test(
        OnStore,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
