"""Making and removing scopes."""

from __future__ import annotations

from typing import TypeVar

from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.chassis.paging import Page
from deskhold.errors import AlreadyExists, FailedPrecondition, NotFound
from deskhold.names import Name
from rbac_service.assignments.store import delete_at_or_below
from rbac_service.log.rules import Author, Change, ChangeKind
from rbac_service.log.store import append, lock_head
from rbac_service.scopes import store
from rbac_service.scopes.rules import Scope, check_creatable, diagnostics_of

Reply = TypeVar("Reply")


class Scopes:
    """The use cases of scopes.

    Args:
        database: The policy store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, name: Name, *, display_name: str, author: Author, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Register a scope; the same one again is a success that changes nothing.

        Raises:
            AlreadyExists: It is registered under another display name.
            FailedPrecondition: Its parent is not registered.
        """
        check_creatable(name)

        def work(connection: Connection) -> Scope:
            revision = lock_head(connection) + 1
            there = store.find_scope(connection, name.scope)
            if there is not None:
                return _same(there, display_name)
            if store.find_scope(connection, name.parent.scope) is None:
                raise FailedPrecondition(
                    f"scope {name.parent.scope} is not registered; create it before {name.scope}",
                    reason="PARENT_SCOPE_MISSING",
                    metadata={"scope": name.scope, "parent": name.parent.scope},
                )
            scope = Scope(name.scope, display_name, now_us, revision)
            changes = add_scopes(connection, name, scope)
            append(connection, changes, author=author, now_us=now_us)
            return scope

        return await commit(work)

    async def get(self, path: str) -> Scope:
        """Return a scope.

        Raises:
            NotFound: It is not registered.
        """
        return await self._database.read(lambda connection: require_scope(connection, path))

    async def list_below(self, path: str, page: Page) -> list[Scope]:
        """Return the scopes of a page below a path, and one more when another page follows.

        Raises:
            NotFound: The path is not registered.
        """

        def work(connection: Connection) -> list[Scope]:
            require_scope(connection, path)
            return store.list_below(connection, path, page)

        return await self._database.read(work)

    async def delete(
        self, name: Name, *, force: bool, author: Author, now_us: int, commit: Commit[Reply]
    ) -> Reply:
        """Remove a scope, with force all below it, and the role assignments there, as a whole.

        Raises:
            NotFound: It is not registered.
            FailedPrecondition: Something lies below it and force was not given.
        """
        check_creatable(name)

        def work(connection: Connection) -> None:
            lock_head(connection)
            require_scope(connection, name.scope)
            children = store.count_children(connection, name.scope, diagnostics_of(name))
            if children and not force:
                others = "1 scope lies" if children == 1 else f"{children} scopes lie"
                raise FailedPrecondition(
                    f"{others} below {name.scope}; remove what lies below first, or use force",
                    reason="SCOPE_NOT_EMPTY",
                    metadata={"scope": name.scope, "children": str(children)},
                )
            changes = delete_at_or_below(connection, name.scope)
            changes += [
                Change(ChangeKind.REMOVE_SCOPE, {"path": scope.path})
                for scope in store.delete_tree(connection, name.scope)
            ]
            append(connection, changes, author=author, now_us=now_us)

        return await commit(work)


def add_scopes(connection: Connection, name: Name, scope: Scope) -> list[Change]:
    """Insert a scope and the diagnostics that come with it; return the changes for the log."""
    parent = None if scope.path == "/" else name.parent.scope
    store.insert_scope(connection, scope, parent)
    changes = [_added(scope)]
    diagnostics = diagnostics_of(name)
    if diagnostics is not None:
        own = Scope(diagnostics, "", scope.created_us, scope.revision)
        store.insert_scope(connection, own, scope.path)
        changes.append(_added(own))
    return changes


def require_scope(connection: Connection, path: str) -> Scope:
    """Return a scope.

    Raises:
        NotFound: It is not registered.
    """
    scope = store.find_scope(connection, path)
    if scope is None:
        raise NotFound(
            f"scope {path} is not registered; see the scopes with: deskhold scope list",
            reason="SCOPE_NOT_FOUND",
            metadata={"scope": path},
        )
    return scope


def _same(there: Scope, display_name: str) -> Scope:
    if there.display_name != display_name:
        raise AlreadyExists(
            f"scope {there.path} is registered with the display name {there.display_name!r}",
            reason="SCOPE_ALREADY_EXISTS",
            metadata={"scope": there.path, "display_name": there.display_name},
        )
    return there


def _added(scope: Scope) -> Change:
    return Change(ChangeKind.ADD_SCOPE, {"path": scope.path, "display_name": scope.display_name})
