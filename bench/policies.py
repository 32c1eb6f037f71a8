"""The policy that is measured: the shape of the study that chose the engine.

Users and groups hold roles, eight assignments each, drawn from the eight built-in roles below
Owner and from scopes of five levels: deployment, tenant groups, tenants, collections, app groups.
One holder in ten is a group, and every user is in three groups, which the token names. So a
question has four subjects, all of which may hold something, and at most five places to look at.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, insert, select

from deskhold.names import ancestors
from rbac_service.access.rules import Question
from rbac_service.assignments.rules import derived_id
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.tables import role_assignments, scopes

ACTION = "deskhold.resources/hosts/write"
ALLOWING = frozenset(role.id for role in BUILT_IN_ROLES if role.allows(ACTION))
Grant = tuple[str, str, str]  # principal key, scope, role id
_ASSIGNMENTS_EACH = 8
_GROUPS_EACH = 3
_ROWS_AT_ONCE = 50_000
_TENANT_GROUPS = 10
_TENANTS = 100
_COLLECTIONS = 10
_ROLES = [role.id for role in BUILT_IN_ROLES[1:]]


def all_scopes() -> list[str]:
    """Return the scopes of all five levels, parents first."""
    groups = [f"/tenantGroups/g{number}" for number in range(_TENANT_GROUPS)]
    tenants = [f"{groups[n % _TENANT_GROUPS]}/tenants/t{n}" for n in range(_TENANTS)]
    collections = [
        f"{tenant}/collections/c{number}" for tenant in tenants for number in range(_COLLECTIONS)
    ]
    return [
        "/",
        *groups,
        *tenants,
        *collections,
        *(f"{one}/appGroups/desktop" for one in collections),
    ]


def user_key(number: int) -> str:
    """Return the key of a user."""
    return f"user:user-{number}@contoso.com"


def groups_of(number: int, size: int) -> tuple[str, ...]:
    """Return the groups that the token of a user names in a policy of some size."""
    count = _group_count(size)
    return tuple(f"group:group-{(number * 7 + n) % count}" for n in range(_GROUPS_EACH))


def grants(size: int) -> Iterator[Grant]:
    """Yield the role assignments of a policy; what a holder holds is the same in every size."""
    places = all_scopes()
    count = _group_count(size)
    holders = size // _ASSIGNMENTS_EACH
    keys = itertools.chain(
        (f"group:group-{n}" for n in range(count)), map(user_key, range(holders - count))
    )
    for key in keys:
        draw = random.Random(key)
        for scope in draw.sample(places, _ASSIGNMENTS_EACH):
            yield key, scope, draw.choice(_ROLES)


def questions(size: int, count: int = 20_000) -> list[Question]:
    """Return questions of which about half find a role: at held scopes, and anywhere."""
    draw = random.Random(7)
    places = all_scopes()
    held = [
        (int(key.partition("-")[2].partition("@")[0]), scope)
        for key, scope, role in itertools.islice(grants(size), 200_000)
        if role in ALLOWING and key.startswith("user:")
    ]
    asked = []
    for number, scope in draw.choices(held, k=count):
        where = scope if draw.random() < 0.5 else draw.choice(places)
        asked.append(Question((user_key(number), *groups_of(number, size)), ACTION, where))
    return asked


def fill(engine: Engine, size: int) -> None:
    """Write the scopes and assignments of a policy into a store, beside what bootstrap made."""
    with engine.begin() as connection:
        there = set(connection.execute(select(scopes.c.path)).scalars())
        missing = [_scope_row(scope) for scope in all_scopes() if scope not in there]
        connection.execute(insert(scopes), missing)
        rows = (row(*one) for one in grants(size))
        while chunk := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            connection.execute(insert(role_assignments), chunk)


def row(key: str, scope: str, role_id: str) -> dict[str, object]:
    """Return a role assignment as it is stored."""
    kind, _, principal_id = key.partition(":")
    return {
        "id": derived_id(scope, key, role_id),
        "scope": scope,
        "role_id": role_id,
        "principal_key": key,
        "principal_kind": kind,
        "principal_id": principal_id,
        "directory": "",
        "created_us": 0,
        "created_by": "user:bench@contoso.com",
        "revision": 1,
        "start_us": None,
        "expire_us": None,
        "delegation": None,
    }


def _group_count(size: int) -> int:
    return max(_GROUPS_EACH, size // _ASSIGNMENTS_EACH // 10)


def _scope_row(scope: str) -> dict[str, object]:
    path: Sequence[str] = ancestors(scope)
    parent = path[1] if len(path) > 1 else None
    return {"path": scope, "parent": parent, "display_name": "", "created_us": 0, "revision": 1}
