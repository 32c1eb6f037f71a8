"""Snapshots: what they become change by change, against loading the same rows anew."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert, text

from deskhold.identities import Principal, PrincipalKind
from rbac_service import tables
from rbac_service.access.rules import Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.store import load_snapshot
from rbac_service.assignments import store as assignments
from rbac_service.assignments.rules import RoleAssignment, derived_id
from rbac_service.groups import store as groups
from rbac_service.groups.rules import Group, Member
from rbac_service.log.rules import Change
from rbac_service.roles import store as roles
from rbac_service.roles.rules import Permission, RoleDefinition
from tests.rbac_service.access.worlds import A_ONE, A, B, assigned, member, scope, world

pytestmark = pytest.mark.slow

ALICE = "user:alice@x"
ROLES = ("00000000-0000-0000-0000-0000000000c1", "00000000-0000-0000-0000-0000000000c2")
GROUPS = ("g1", "g2", "g3")
PLACES = ("/", A, A_ONE)
ACTIONS = ("p/a/read", "p/a/write", "p/b/read")
WINDOWS = st.sampled_from([(None, None), (None, None), (10, None), (None, 20), (10, 20)])
KEYS = st.sampled_from([ALICE, "user:bob@x", *(f"group:{one}" for one in GROUPS)])
BLOCKS = st.lists(
    st.builds(
        Permission,
        st.lists(st.sampled_from(["*", "p/a/*", "*/read"]), min_size=1, max_size=2).map(tuple),
        st.lists(st.sampled_from(["*/write", "p/b/*"]), max_size=1).map(tuple),
    ),
    min_size=1,
    max_size=2,
).map(tuple)

# What is there goes, what is not there comes.
STEPS = st.one_of(
    st.tuples(st.just("assign"), KEYS, st.sampled_from(PLACES), st.sampled_from(ROLES), WINDOWS),
    st.tuples(st.just("join"), KEYS, st.sampled_from(GROUPS)),
    st.tuples(st.just("group"), st.sampled_from(GROUPS)),
    st.tuples(st.just("role"), st.sampled_from(ROLES), BLOCKS),
    st.tuples(st.just("retire"), st.sampled_from(ROLES)),
)
REVISIONS = st.lists(st.lists(STEPS, min_size=1, max_size=4), max_size=10)


@contextmanager
def empty_store() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        tables.metadata.create_all(connection)
        connection.execute(insert(tables.head).values(id=1, epoch="e", revision=1))
        for path in PLACES:
            connection.execute(
                insert(tables.scopes).values(
                    path=path, parent=None, display_name="", created_us=0, revision=1
                )
            )
        yield connection
    engine.dispose()


@dataclass
class Writer:
    """Makes changes in a store, with no guard in the way."""

    connection: Connection
    revision: int = 1

    def make(self, steps: list[Any]) -> list[Change]:
        self.revision += 1
        changes: list[Change] = []
        for name, *values in steps:
            changes += getattr(self, name)(*values)
        self.connection.execute(text(f"UPDATE head SET revision = {self.revision}"))
        return changes

    def assign(
        self, key: str, at: str, role_id: str, window: tuple[int | None, int | None]
    ) -> list[Change]:
        there = assignments.find_same(self.connection, at, key, role_id)
        if there is not None:
            return [assignments.delete_assignment(self.connection, there)]
        made = RoleAssignment(
            derived_id(at, key, role_id),
            at,
            role_id,
            principal_of(key),
            key,
            created_us=0,
            created_by="",
            revision=self.revision,
            start_us=window[0],
            expire_us=window[1],
        )
        return [assignments.insert_assignment(self.connection, made)]

    def join(self, key: str, group_id: str) -> list[Change]:
        if groups.find_group(self.connection, group_id) is None:
            return []
        there = groups.find_member(self.connection, group_id, key)
        if there is not None:
            return [groups.delete_member(self.connection, there)]
        made = Member(group_id, principal_of(key), key, 0)
        return [groups.insert_member(self.connection, made)]

    def group(self, group_id: str) -> list[Change]:
        there = groups.find_group(self.connection, group_id)
        if there is not None:
            return list(groups.delete_group(self.connection, there))
        return [groups.insert_group(self.connection, Group(group_id, "", 0, self.revision))]

    def role(self, role_id: str, blocks: tuple[Permission, ...]) -> list[Change]:
        before = roles.find_role(self.connection, role_id, deleted=True)
        made = RoleDefinition(
            role_id,
            f"Role {role_id[-1]}",
            "",
            blocks,
            assignable_scopes=("/",),
            version=1 if before is None else before.version + 1,
        )
        return roles.put_role(self.connection, made, self.revision)

    def retire(self, role_id: str) -> list[Change]:
        before = roles.find_role(self.connection, role_id)
        if before is None:
            return []
        gone = replace(before, version=before.version + 1, deleted_us=7)
        return roles.put_role(self.connection, gone, self.revision)


def principal_of(key: str) -> Principal:
    kind, _, rest = key.partition(":")
    return Principal(PrincipalKind(kind), rest)


def contents(snapshot: Snapshot) -> dict[str, Any]:
    """Return all that a snapshot holds; of what has no order, none."""
    return {
        "head": (snapshot.epoch, snapshot.revision),
        "roles": {role.id: role for role in snapshot.catalogue.roles},
        "held": {
            key: {place: sorted(held) for place, held in by_scope.items()}
            for key, by_scope in snapshot.held.items()
        },
        "timed": {key: set(timed) for key, timed in snapshot.timed.items()},
        "groups_of": {key: set(own) for key, own in snapshot.groups_of.items()},
        "scopes": dict(snapshot.scopes.items()),
        "groups": dict(snapshot.groups.items()),
    }


@settings(max_examples=200)
@given(REVISIONS)
def test_change_by_change_it_becomes_what_is_loaded_anew(revisions: list[list[Any]]) -> None:
    with empty_store() as connection:
        writer = Writer(connection)
        snapshot = load_snapshot(connection)
        for steps in revisions:
            changes = writer.make(steps)
            snapshot = snapshot.after(writer.revision, changes)
        anew = load_snapshot(connection)

    assert contents(snapshot) == contents(anew)
    for action in ACTIONS:
        for now_us in (5, 15, 25):
            question = Question((ALICE,), action, A_ONE)
            decisions = [decide(one, question, now_us) for one in (snapshot, anew)]
            assert len({one.allowed for one in decisions}) == 1


@settings(max_examples=50)
@given(REVISIONS)
def test_a_snapshot_in_use_never_changes(revisions: list[list[Any]]) -> None:
    with empty_store() as connection:
        writer = Writer(connection)
        seen = [load_snapshot(connection)]
        before = [contents(seen[0])]
        for steps in revisions:
            seen.append(seen[-1].after(writer.revision + 1, writer.make(steps)))
            before.append(contents(seen[-1]))

    assert [contents(one) for one in seen] == before


@pytest.mark.parametrize(
    ("change", "removal"),
    [
        (assigned(ALICE, "RDS Reader", A), "REMOVE_ROLE_ASSIGNMENT"),
        (assigned(ALICE, "RDS Reader", A, start_us=1), "REMOVE_ROLE_ASSIGNMENT"),
        (member(ALICE, "group:g1"), "REMOVE_GROUP_MEMBER"),
        (scope("/tenantGroups/new"), "REMOVE_SCOPE"),
    ],
)
def test_the_same_change_again_changes_nothing(change: Change, removal: str) -> None:
    removed = Change(type(change.kind)[removal], change.row)
    none, once = world(), world(change)

    assert contents(once) != contents(none)
    assert contents(once.after(1, [change])) == contents(once)
    assert contents(once.after(1, [removed])) == contents(none)
    assert contents(none.after(1, [removed])) == contents(none)


def test_who_holds_nothing_holds_nothing() -> None:
    snapshot = world(assigned(ALICE, "RDS Reader", B))

    assert snapshot.held.get("user:bob@x") is None
    assert snapshot.closure(("user:bob@x",)) == ("user:bob@x",)
