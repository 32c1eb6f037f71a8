"""Pooled collections and their naive model."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import delete, select

from broker_service import tables
from broker_service.collections.rules import LoadBalancing
from broker_service.sessions.rules import SIGN_IN_US
from tests.broker_service.sessions.machine import Known, Machine, places, users
from tests.broker_service.stores import DOMAINS


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

    def forget(self, host: Known) -> None:
        self.sent = {user: one for user, one in self.sent.items() if one[0] is not host}

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
        self.at(place).weight = weight
        self.change(self.at(place), relative_weight=weight)

    @rule(place=places, limit=st.integers(0, 4))
    def bound(self, place: int, limit: int) -> None:
        self.at(place).limit = limit
        self.change(self.at(place), session_limit=limit)

    @rule(user=users)
    def connect(self, user: str) -> None:
        host, session, error = self.connected(user)

        inside = [one for one in self.hosts if one.session_of(user) is not None]
        if inside:
            oldest = min(inside, key=lambda one: one.number)
            assert host is oldest
            assert session == str(oldest.session_of(user))
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
