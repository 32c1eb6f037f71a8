from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rbac_service.access.snapshot import Snapshot
from rbac_service.log.rules import Change, ChangeKind
from tests.rbac_service.access.reference import Row

KEYS = [f"user:{name}" for name in "abc"]
SCOPES = ["/", "/tenantGroups/g", "/tenantGroups/g/tenants/t"]
ROLES = ["reader", "owner"]

HELD = st.tuples(st.sampled_from(KEYS), st.sampled_from(SCOPES), st.sampled_from(ROLES))


def contents(snapshot: Snapshot) -> dict[str, dict[str, set[tuple[str, str]]]]:
    """Return all that a snapshot holds, down to places that are empty."""
    return {
        key: {scope: set(held) for scope, held in scopes.items()}
        for shard in snapshot.shards
        for key, scopes in shard.items()
    }


def built(rows: list[Row], revision: int) -> Snapshot:
    return Snapshot.build(
        "epoch", revision, ((row.principal_key, row.scope, row.role_id, row.id) for row in rows)
    )


def change(kind: ChangeKind, row: Row) -> Change:
    fields = {
        "principal_key": row.principal_key,
        "scope": row.scope,
        "role_id": row.role_id,
        "id": row.id,
    }
    return Change(kind, fields)


def added(row: Row) -> Change:
    return change(ChangeKind.ADD_ROLE_ASSIGNMENT, row)


def removed(row: Row) -> Change:
    return change(ChangeKind.REMOVE_ROLE_ASSIGNMENT, row)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Row], list[list[Change]], list[Row]]:
    """Draw rows to begin with, the revisions after them, and the rows then there."""
    begin = [Row(*one, id=f"{n}") for n, one in enumerate(draw(st.lists(HELD, unique=True)))]
    rows = {(row.principal_key, row.scope, row.role_id): row for row in begin}
    revisions: list[list[Change]] = []
    for toggled in draw(st.lists(st.lists(HELD, min_size=1, max_size=4), max_size=8)):
        changes: list[Change] = []
        for one in toggled:  # what is there goes, what is not there comes
            gone = rows.pop(one, None)
            if gone is None:
                rows[one] = Row(*one, id=f"later-{len(revisions)}-{len(changes)}")
                changes.append(added(rows[one]))
            else:
                changes.append(removed(gone))
        revisions.append(changes)
    return begin, revisions, list(rows.values())


@given(histories())
def test_change_by_change_it_becomes_what_the_rows_say(
    history: tuple[list[Row], list[list[Change]], list[Row]],
) -> None:
    begin, revisions, end = history
    snapshot = built(begin, 1)
    for revision, changes in enumerate(revisions, start=2):
        snapshot = snapshot.after(revision, changes)

    rebuilt = built(end, 1 + len(revisions))
    assert contents(snapshot) == contents(rebuilt)
    assert (snapshot.epoch, snapshot.revision) == (rebuilt.epoch, rebuilt.revision)


@given(histories())
def test_a_snapshot_in_use_never_changes(
    history: tuple[list[Row], list[list[Change]], list[Row]],
) -> None:
    begin, revisions, _ = history
    first = built(begin, 1)
    before = contents(first)

    latest = first
    for revision, changes in enumerate(revisions, start=2):
        latest = latest.after(revision, changes)

    assert contents(first) == before
    assert first.revision == 1


def test_the_same_change_again_changes_nothing() -> None:
    row = Row("user:a", "/", "reader", "1")
    once = built([], 1).after(2, [added(row)])

    assert contents(once.after(3, [added(row)])) == contents(once)
    assert contents(once.after(3, [removed(row)]).after(4, [removed(row)])) == {}


def test_changes_of_scopes_pass_it_by() -> None:
    snapshot = built([Row("user:a", "/", "reader", "1")], 1)
    scope = Change(ChangeKind.ADD_SCOPE, {"path": "/tenantGroups/g", "display_name": ""})

    assert contents(snapshot.after(2, [scope])) == contents(snapshot)


def test_who_holds_nothing_holds_nothing() -> None:
    assert built([], 1).held_by("user:a") == {}
