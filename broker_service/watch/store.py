"""Resources by name, as watchers are shown them: many at once, whatever their kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from broker_service.app_groups.rules import AppGroup
from broker_service.app_groups.store import app_group_of
from broker_service.changes.rules import ResourceKind
from broker_service.collections.rules import Collection
from broker_service.collections.store import collection_of
from broker_service.hosts.rules import Host
from broker_service.hosts.store import chunks, find_hosts
from broker_service.sessions.records import sessions_on
from broker_service.sessions.reported import Session
from broker_service.tables import app_groups, collections
from deskhold.names import Name, fold_id, parse

Key = tuple[ResourceKind, str]
# Behind tenant group, tenant and collection.
_HOST = 3
# What is found of the names of one kind in one collection, by name.
_Find = Callable[[Connection, Collection, list[Name]], dict[str, Any]]


def find_resources(connection: Connection, wanted: Iterable[Key]) -> dict[Key, Any]:
    """Return the resources that are there, each in the values of its room.

    A question for each kind in each collection that something changed in, however much it is.
    """
    by_kind: dict[ResourceKind, dict[str, list[Name]]] = {}
    for kind, text in wanted:
        name = parse(text)
        by_kind.setdefault(kind, {}).setdefault(name.collection.text, []).append(name)
    there = _collections(connection, {name for names in by_kind.values() for name in names})
    found: dict[Key, Any] = {}
    for kind, by_collection in by_kind.items():
        for collection, names in by_collection.items():
            if collection in there:
                ones = _FINDS[kind](connection, there[collection], names)
                found.update(((kind, name), one) for name, one in ones.items())
    return found


def _collections(connection: Connection, names: Iterable[str]) -> dict[str, Collection]:
    found: dict[str, Collection] = {}
    for chunk in chunks(sorted(names)):
        query = select(collections).where(collections.c.name.in_(chunk))
        found.update((row.name, collection_of(row)) for row in connection.execute(query))
    return found


def _itself(_: Connection, collection: Collection, names: list[Name]) -> dict[str, Any]:
    return {name.text: collection for name in names}


def _hosts(connection: Connection, collection: Collection, names: list[Name]) -> dict[str, Host]:
    found = find_hosts(connection, collection, [fold_id(_host_of(name)) for name in names])
    by_name = {name.text: found.get(fold_id(_host_of(name))) for name in names}
    return {name: host for name, host in by_name.items() if host is not None}


def _held(connection: Connection, collection: Collection, names: list[Name]) -> dict[str, Host]:
    found = _hosts(connection, collection, names)
    return {name: host for name, host in found.items() if host.hold is not None}


def _app_groups(
    connection: Connection, collection: Collection, names: list[Name]
) -> dict[str, AppGroup]:
    query = select(app_groups).where(app_groups.c.collection_id == collection.id)
    found: dict[str, AppGroup] = {}
    for chunk in chunks([name.id for name in names]):
        for row in connection.execute(query.where(app_groups.c.app_group_id.in_(chunk))):
            one = app_group_of(row, collection.name)
            found[one.name] = one
    return found


def _sessions(
    connection: Connection, collection: Collection, names: list[Name]
) -> dict[str, Session]:
    found: dict[tuple[str, str], Session] = {}
    for chunk in chunks(sorted({fold_id(_host_of(name)) for name in names})):
        for one in sessions_on(connection, collection, chunk):
            found[one.host_key, str(one.seen.session_id)] = one
    keys = {name.text: (fold_id(_host_of(name)), name.id) for name in names}
    return {name: found[key] for name, key in keys.items() if key in found}


def _host_of(name: Name) -> str:
    return name.ids[_HOST]


_FINDS: Mapping[ResourceKind, _Find] = {
    ResourceKind.COLLECTION: _itself,
    ResourceKind.APP_GROUP: _app_groups,
    ResourceKind.HOST: _hosts,
    ResourceKind.ASSIGNMENT: _held,
    ResourceKind.SESSION: _sessions,
}
