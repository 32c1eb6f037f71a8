"""Small worlds: snapshots made of the changes that a real store would log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from rbac_service.access.rules import Question
from rbac_service.access.shards import Shards
from rbac_service.access.snapshot import Snapshot
from rbac_service.assignments.rules import derived_id
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.rules import Catalogue, Permission, RoleDefinition

CAREFUL = RoleDefinition(
    "00000000-0000-0000-0000-00000000000a",
    "Careful",
    "All but deleting hosts.",
    (Permission(("deskhold.resources/*",), ("deskhold.resources/hosts/delete",)),),
    assignable_scopes=("/",),
)
LOCAL = RoleDefinition(
    "00000000-0000-0000-0000-00000000000b",
    "Local",
    "Only in one tenant group.",
    (Permission(("deskhold.resources/hosts/read",)),),
    assignable_scopes=("/tenantGroups/a",),
)
CATALOGUE = Catalogue((*BUILT_IN_ROLES, CAREFUL, LOCAL))
EMPTY = Snapshot(
    epoch="e",
    revision=0,
    catalogue=CATALOGUE,
    held=Shards.build(()),
    timed=Shards.build(()),
    groups_of=Shards.build(()),
    scopes=Shards.build(()),
    groups=Shards.build(()),
)

A, B = "/tenantGroups/a", "/tenantGroups/b"
A_ONE = f"{A}/tenants/one"
SCOPES = ("/", "/diagnostics", A, B, f"{A}-z", A_ONE, f"{A_ONE}/diagnostics", f"{B}/tenants/one")
USERS = ("user:alice@x", "user:bob@x", "service_principal:spiffe://x/broker")
GROUPS = ("group:g1", "group:g2", "group:g3")
FOREIGN = "group:ops\tother"
ROLES = ("RDS Owner", "RDS Contributor", "RDS Reader", "RDS Operator", "Careful")
ACTIONS = (
    "deskhold.resources/hosts/read",
    "DESKHOLD.resources/hosts/DELETE",
    "deskhold.diagnostics/read",
    "deskhold.authorization/roleAssignments/bind/action",
    "other.provider/thing/write",
)


def world(*changes: Change) -> Snapshot:
    """Return a snapshot of all `SCOPES` and some changes."""
    return EMPTY.after(1, (*(scope(path) for path in SCOPES), *changes))


def scope(path: str) -> Change:
    return Change(ChangeKind.ADD_SCOPE, {"path": path, "display_name": ""})


def group(key: str) -> Change:
    return Change(ChangeKind.ADD_GROUP, {"group_key": key, "display_name": ""})


def member(key: str, of: str) -> Change:
    return Change(ChangeKind.ADD_GROUP_MEMBER, {"member_key": key, "group_key": of})


def assigned(key: str, role: str, at: str, **columns: Any) -> Change:
    found = CATALOGUE.find(role)
    row = {
        "id": derived_id(at, key, role if found is None else found.id),
        "scope": at,
        "role_id": role if found is None else found.id,
        "principal_key": key,
        "start_us": None,
        "expire_us": None,
    }
    return Change(ChangeKind.ADD_ROLE_ASSIGNMENT, row | columns)


def name_of(change: Change) -> str:
    return f"{change.row['scope']}/roleAssignments/{change.row['id']}".lstrip("/")


@dataclass(frozen=True)
class World:
    """What a snapshot was made of."""

    assignments: tuple[Change, ...]
    members: tuple[Change, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        return (*map(group, GROUPS), *self.members, *self.assignments)

    @property
    def snapshot(self) -> Snapshot:
        return world(*self.changes)


WINDOWS: tuple[dict[str, int], ...] = (
    {},
    {},
    {"start_us": 10},
    {"expire_us": 20},
    {"start_us": 10, "expire_us": 20},
)
TIMES = st.sampled_from((5, 10, 15, 20, 25))

assignments = st.builds(
    lambda key, role, at, window: assigned(key, role, at, **window),
    st.sampled_from((*USERS, *GROUPS, FOREIGN)),
    st.sampled_from(ROLES),
    st.sampled_from(SCOPES),
    st.sampled_from(WINDOWS),
)
members = st.builds(
    member, st.sampled_from((*USERS, *GROUPS, FOREIGN)), st.sampled_from(GROUPS)
).filter(lambda change: change.row["member_key"] != change.row["group_key"])
worlds = st.builds(
    World,
    # As in the store: one assignment of a role to a principal at a scope.
    st.lists(assignments, max_size=8, unique_by=name_of).map(tuple),
    st.lists(
        members, max_size=6, unique_by=lambda one: (one.row["member_key"], one.row["group_key"])
    ).map(tuple),
)
questions = st.builds(
    Question,
    st.tuples(st.sampled_from(USERS)) | st.tuples(st.sampled_from(USERS), st.just(FOREIGN)),
    st.sampled_from(ACTIONS),
    # Not all that is asked about is registered.
    st.sampled_from((*SCOPES, f"{A_ONE}/collections/nowhere")),
)
