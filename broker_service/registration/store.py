"""Names in transition, and what has a scope: the questions to the database."""

from __future__ import annotations

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)

from broker_service.registration.rules import Resources
from broker_service.tables import app_groups, collections, scope_changes
from deskhold.errors import FailedPrecondition
from deskhold.names import Kind, Name, parse

RETRY_SECONDS = 2.0
# Longer than any call may take, so that a creation in flight is never taken for
# one that was left behind.
_ABANDONED_US = 300 * 1_000_000
# Longer than removing one scope takes; after that whoever took it is taken for dead.
_TAKEN_US = 30 * 1_000_000
_SETTLED_AT_ONCE = 100


def claim_new(connection: Connection, name: Name, claim: str, now_us: int) -> bool:
    """Take the name of a collection or app group to be; say whether it was free.

    A name that is somebody's, or that lies in no collection, is left alone. The collection of an
    app group is locked: it cannot be deleted and made again between this look at it and the claim.

    Raises:
        FailedPrecondition: The name, or one below it, is in transition. What is still to be removed
            below a collection would be removed from the next one.
    """
    if name.kind is Kind.APP_GROUP and not _lock_collection(connection, name.collection.text):
        return False
    if exists(connection, name):
        return False
    row = scope_changes.c.name
    at_or_below = or_(row == name.text, and_(row > f"{name.text}/", row < f"{name.text}0"))
    if connection.execute(select(row).where(at_or_below).limit(1)).first():
        raise in_transition(name.text)
    _insert(connection, name, "CREATING", claim, now_us)
    # Another broker may have made it between the two looks. From here on nobody can: the name is
    # taken.
    return _is_still(connection, name, there=False)


def claim_missing(connection: Connection, name: Name, claim: str, now_us: int) -> bool:
    """Take the name of what is there, to register its scope anew; say whether that is due.

    While it is taken what has the name is not deleted, so that no scope is registered for what is
    gone.
    """
    if not exists(connection, name) or _has_row(connection, name.text):
        return False
    _insert(connection, name, "CREATING", claim, now_us)
    return _is_still(connection, name, there=True)


def claim_orphan(connection: Connection, name: Name, now_us: int) -> bool:
    """Take a name that nothing has, for its scope to be removed; say whether that is due.

    The scope of an app group goes with that of its collection when nothing has either name. Else
    the collection is locked, for it is not to be deleted and made again meanwhile.
    """
    if name.kind is Kind.APP_GROUP and not _lock_collection(connection, name.collection.text):
        return False
    if exists(connection, name) or _has_row(connection, name.text):
        return False
    _insert(connection, name, "REMOVING", "", now_us)
    return _is_still(connection, name, there=False)


def close(connection: Connection, name: str, claim: str) -> None:
    """End a creation, in the transaction that commits the collection or app group.

    Raises:
        FailedPrecondition: The name was not claimed, because something had it that is gone now,
            or the creation took so long that it was given up.
    """
    if not end(connection, name, claim):
        raise in_transition(name)


def mark_deleted(connection: Connection, name: str, now_us: int) -> None:
    """Keep a deleted name taken until its scope is removed, in the transaction that deletes it.

    Raises:
        FailedPrecondition: Its scope is being registered anew at this moment.
    """
    if _has_row(connection, name):
        raise in_transition(name)
    connection.execute(
        insert(scope_changes).values(name=name, state="REMOVING", owner="", since_us=now_us)
    )


def due_names(connection: Connection, now_us: int) -> list[str]:
    """Return names whose scopes are to be removed, and creations that were left behind."""
    query = select(scope_changes.c.name).where(_is_due(now_us)).limit(_SETTLED_AT_ONCE)
    return list(connection.execute(query).scalars())


def take_removal(connection: Connection, name: str, claim: str, now_us: int) -> bool:
    """Take a name whose scope is to be removed; say whether that is due.

    What is there keeps its scope: its row was left behind by who registered it anew.
    """
    row = scope_changes.c.name == name
    if exists(connection, parse(name, Kind.COLLECTION, Kind.APP_GROUP)):
        connection.execute(delete(scope_changes).where(row, _is_due(now_us)))
        return False
    taken = update(scope_changes).where(row, _is_due(now_us))
    values = {"state": "REMOVING", "owner": claim, "since_us": now_us}
    return connection.execute(taken.values(values)).rowcount == 1


def leave_for_removal(connection: Connection, name: str, claim: str) -> bool:
    """Leave what was claimed to whoever removes next; say whether it was still claimed."""
    left = update(scope_changes).where(scope_changes.c.name == name, scope_changes.c.owner == claim)
    return connection.execute(left.values(state="REMOVING", owner="")).rowcount == 1


def end(connection: Connection, name: str, claim: str) -> bool:
    """End a claim; say whether it still was one."""
    gone = delete(scope_changes).where(scope_changes.c.name == name, scope_changes.c.owner == claim)
    return bool(claim) and connection.execute(gone).rowcount == 1


def exists(connection: Connection, name: Name) -> bool:
    """Say whether there is a collection or app group of a name."""
    query = select(collections.c.id).where(collections.c.name == name.collection.text)
    if name.kind is Kind.APP_GROUP:
        query = query.join(app_groups, app_groups.c.collection_id == collections.c.id)
        query = query.where(app_groups.c.app_group_id == name.id)
    return connection.execute(query).first() is not None


def read_resources(connection: Connection, tenant: str) -> Resources:
    """Return what has a scope, and what is in transition, in one look.

    Args:
        connection: Of a reader: both are of one state.
        tenant: Only what lies in it; empty: everything.
    """
    own = select(collections.c.name, literal("").label("app_group"), collections.c.uid)
    below = select(collections.c.name, app_groups.c.app_group_id, app_groups.c.uid).join(
        app_groups, app_groups.c.collection_id == collections.c.id
    )
    if tenant:
        own = own.where(collections.c.tenant == tenant)
        below = below.where(collections.c.tenant == tenant)
    uids = {
        f"/{row.name}/appGroups/{row.app_group}" if row.app_group else f"/{row.name}": row.uid
        for row in connection.execute(union_all(own, below))
    }
    names = connection.execute(select(scope_changes.c.name)).scalars()
    return Resources(uids, frozenset(f"/{name}" for name in names))


def in_transition(name: str) -> FailedPrecondition:
    """Return the error for a name that is taken for a moment."""
    return FailedPrecondition(
        f"{name} is being created or was deleted a moment ago; retry shortly",
        reason="NAME_IN_TRANSITION",
        metadata={"name": name},
        retry_after_seconds=RETRY_SECONDS,
    )


def _lock_collection(connection: Connection, name: str) -> bool:
    query = select(collections.c.id).where(collections.c.name == name).with_for_update()
    return connection.execute(query).first() is not None


def _has_row(connection: Connection, name: str) -> bool:
    query = select(scope_changes.c.name).where(scope_changes.c.name == name)
    return connection.execute(query).first() is not None


def _insert(connection: Connection, name: Name, state: str, owner: str, now_us: int) -> None:
    connection.execute(
        insert(scope_changes).values(name=name.text, state=state, owner=owner, since_us=now_us)
    )


def _is_still(connection: Connection, name: Name, *, there: bool) -> bool:
    """Look again, now that nobody else can change it; give the name back if it is otherwise."""
    if exists(connection, name) is there:
        return True
    connection.execute(delete(scope_changes).where(scope_changes.c.name == name.text))
    return False


def _is_due(now_us: int) -> ColumnElement[bool]:
    is_free = or_(scope_changes.c.owner == "", scope_changes.c.since_us < now_us - _TAKEN_US)
    return or_(
        and_(scope_changes.c.state == "REMOVING", is_free),
        scope_changes.c.since_us < now_us - _ABANDONED_US,
    )
