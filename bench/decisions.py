"""`python -m bench.decisions`: what a decision costs at a thousand and a million role assignments.

In one process, without a wire: the policy store is filled with rows, loaded as the service loads
it, and asked. Half of the questions find a role. pycasbin and cedarpy answer the same questions on
the same thousand assignments in the same run.
"""

from __future__ import annotations

import gc
import itertools
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import casbin
import cedarpy
from sqlalchemy import create_engine, insert

from bench.machine import conditions
from deskhold.chassis.database import migrate
from deskhold.names import ancestors
from rbac_service.access.rules import Question, decide
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.store import load_snapshot
from rbac_service.assignments.rules import derived_id
from rbac_service.log.rules import Change, ChangeKind
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.tables import role_assignments, scopes

_MIGRATIONS = Path(__file__).parent.parent / "rbac_service" / "migrations"
_SIZES = (1_000, 1_000_000)
_SCOPES_PER_USER = 8
_TENANTS = 100
_COLLECTIONS = 10
_ACTION = "deskhold.resources/hosts/write"
_ROWS_AT_ONCE = 50_000
# The core is asked so often per sample, because reading the clock costs a tenth of an answer.
_PER_SAMPLE = 100


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="deskhold-bench-") as path:
        for key, value in conditions(Path(path)).items():
            sys.stdout.write(f"{key:12} {value}\n")
        sys.stdout.write("\n")
        for size in _SIZES:
            _measure(size, Path(path))
    _measure_others(_SIZES[0])
    return 0


def _measure(size: int, path: Path) -> None:
    url = f"sqlite:///{path / f'{size}.db'}"
    migrate(url, _MIGRATIONS)
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(insert(scopes), [_scope_row(scope) for scope in _all_scopes()])
        rows = (_row(*one) for one in _assignments(size))
        while chunk := list(itertools.islice(rows, _ROWS_AT_ONCE)):
            connection.execute(insert(role_assignments), chunk)
    gc.collect()
    with engine.connect() as connection:
        began = time.perf_counter()
        snapshot = load_snapshot(connection)
        load_seconds = time.perf_counter() - began
    samples = _ask(lambda question: decide(snapshot, question, 0), _questions(size))
    write_us = _write(snapshot)
    engine.dispose()
    _say(f"{size:>9} assignments", f"p50 {samples:.2f} us a decision, {1e6 / samples:,.0f}/s")
    _say("", f"loaded from the database in {load_seconds:.2f} s")
    _say("", f"a write takes {write_us:.0f} us to appear in the next snapshot")
    _say("", f"{_bytes_each(url, size):.0f} bytes an assignment")


def _bytes_each(url: str, size: int) -> float:
    engine = create_engine(url)
    with engine.connect() as connection:
        tracemalloc.start()
        snapshot = load_snapshot(connection)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    engine.dispose()
    del snapshot
    return held / size


def _ask(answer: Callable[[Question], object], questions: Sequence[Question]) -> float:
    """Return the median time of an answer, in microseconds."""
    samples = []
    turn = itertools.cycle(questions)
    for _ in range(300):
        batch = [next(turn) for _ in range(_PER_SAMPLE)]
        began = time.perf_counter()
        for question in batch:
            answer(question)
        samples.append((time.perf_counter() - began) / _PER_SAMPLE * 1e6)
    return statistics.median(samples)


def _write(snapshot: Snapshot) -> float:
    samples = []
    for number in range(200):
        row = _row(f"writer-{number}@contoso.com", "/tenantGroups/g0", BUILT_IN_ROLES[2].id)
        change = Change(ChangeKind.ADD_ROLE_ASSIGNMENT, row)
        began = time.perf_counter()
        snapshot = snapshot.after(snapshot.revision + 1, [change])
        samples.append((time.perf_counter() - began) * 1e6)
    return statistics.median(samples)


def _measure_others(size: int) -> None:
    grants = list(_assignments(size))
    questions = _questions(size)[:200]
    allowing = {role.id for role in BUILT_IN_ROLES if role.allows(_ACTION)}
    enforcer = _casbin(grants, allowing)

    def by_casbin(question: Question) -> bool:
        user = question.principal_keys[0]
        return any(enforcer.enforce(user, place, _ACTION) for place in ancestors(question.scope))

    policies = "\n".join(
        f'permit(principal == User::"user:{user}", action, resource in Scope::"{scope}");'
        for user, scope, role_id in grants
        if role_id in allowing
    )

    def by_cedar(question: Question) -> bool:
        return _cedar(policies, question)

    for name, answer in (("pycasbin", by_casbin), ("cedarpy", by_cedar)):
        samples = []
        for question in questions[:30]:
            began = time.perf_counter()
            answer(question)
            samples.append((time.perf_counter() - began) * 1e6)
        _say(f"{name}, {size}", f"p50 {statistics.median(samples):,.0f} us a decision")


def _casbin(grants: Sequence[tuple[str, str, str]], allowing: set[str]) -> casbin.Enforcer:
    model = casbin.Model()
    model.load_model_from_text(
        "[request_definition]\nr = sub, dom, act\n[policy_definition]\np = sub, dom, act\n"
        "[policy_effect]\ne = some(where (p.eft == allow))\n"
        "[matchers]\nm = r.sub == p.sub && r.dom == p.dom && r.act == p.act\n"
    )
    enforcer = casbin.Enforcer(model)
    enforcer.add_policies(
        [[f"user:{user}", scope, _ACTION] for user, scope, role in grants if role in allowing]
    )
    return enforcer


def _cedar(policies: str, question: Question) -> bool:
    path = ancestors(question.scope)
    entities = [
        {
            "uid": {"type": "Scope", "id": scope},
            "attrs": {},
            "parents": [{"type": "Scope", "id": above}] if above else [],
        }
        for scope, above in zip(path, (*path[1:], None), strict=True)
    ]
    request = {
        "principal": f'User::"{question.principal_keys[0]}"',
        "action": 'Action::"write"',
        "resource": f'Scope::"{question.scope}"',
        "context": {},
    }
    return bool(cedarpy.is_authorized(request, policies, entities).allowed)


def _assignments(size: int) -> Iterator[tuple[str, str, str]]:
    """Yield (user, scope, role id): each user holds roles at eight scopes of all levels."""
    draw = random.Random(size)
    places = _all_scopes()
    for number in range(size // _SCOPES_PER_USER):
        for scope in draw.sample(places, _SCOPES_PER_USER):
            yield f"user-{number}@contoso.com", scope, draw.choice(BUILT_IN_ROLES[1:]).id


def _questions(size: int) -> list[Question]:
    """Return questions of which about half find a role: at held scopes, and anywhere."""
    draw = random.Random(7)
    allowing = {role.id for role in BUILT_IN_ROLES if role.allows(_ACTION)}
    held = [one for one in itertools.islice(_assignments(size), 50_000) if one[2] in allowing]
    places = _all_scopes()
    return [
        Question(
            (f"user:{user}", "group:g1", "group:g2", "group:g3"),
            _ACTION,
            scope if draw.random() < 0.5 else draw.choice(places),
        )
        for user, scope, _ in draw.choices(held, k=20_000)
    ]


def _all_scopes() -> list[str]:
    groups = [f"/tenantGroups/g{number}" for number in range(10)]
    tenants = [f"{groups[n % 10]}/tenants/t{n}" for n in range(_TENANTS)]
    return [
        "/",
        *groups,
        *tenants,
        *(
            f"{tenant}/collections/c{number}"
            for tenant in tenants
            for number in range(_COLLECTIONS)
        ),
    ]


def _scope_row(scope: str) -> dict[str, object]:
    path = ancestors(scope)
    parent = path[1] if len(path) > 1 else None
    return {"path": scope, "parent": parent, "display_name": "", "created_us": 0, "revision": 1}


def _row(user: str, scope: str, role_id: str) -> dict[str, object]:
    key = f"user:{user}"
    return {
        "id": derived_id(scope, key, role_id),
        "scope": scope,
        "role_id": role_id,
        "principal_key": key,
        "principal_kind": "user",
        "principal_id": user,
        "directory": "",
        "created_us": 0,
        "created_by": "user:bench@contoso.com",
        "revision": 1,
        "start_us": None,
        "expire_us": None,
        "delegation": None,
    }


def _say(what: str, measured: str) -> None:
    sys.stdout.write(f"{what:24} {measured}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
