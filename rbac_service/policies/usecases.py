"""Writing the policy down, and making it what is written."""

from __future__ import annotations

from typing import TypeVar

from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Commit
from deskhold.identities import Domains
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.access.policy import Policy
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.store import load_snapshot
from rbac_service.assignments.store import all_at_or_below
from rbac_service.groups.store import all_groups, all_members
from rbac_service.log.rules import MAX_CHARACTERS, Author, encode_changes
from rbac_service.log.store import append, lock_head, read_after, read_head
from rbac_service.policies.changes import Changes
from rbac_service.policies.effects import access_changes, places_of
from rbac_service.policies.rules import (
    AccessChange,
    Document,
    Export,
    Outcome,
    check_document,
    too_large,
)
from rbac_service.roles.store import assigned_at, list_custom_roles
from rbac_service.scopes.usecases import require_scope

Reply = TypeVar("Reply")

# Each place costs twice the catalogue in decisions: the most takes about two seconds.
_MAX_PLACES = 20_000


class Policies:
    """The use cases of policy documents.

    Args:
        database: The policy store.
        policy: The policy as this process knows it.
        domains: The deployment's domains.
    """

    def __init__(self, database: Database, policy: Policy, domains: Domains) -> None:
        self._database = database
        self._policy = policy
        self._domains = domains

    async def export(self, scope: str) -> Export:
        """Return the policy at a scope and below it; at `/` custom roles and groups too.

        Raises:
            NotFound: The scope is not registered.
        """

        def work(connection: Connection) -> Export:
            require_scope(connection, scope)
            assignments = tuple(all_at_or_below(connection, scope))
            if scope != DEPLOYMENT_SCOPE:
                return Export((), (), (), assignments)
            roles = list_custom_roles(connection, deleted=False)
            return Export(
                roles=tuple(sorted(roles, key=lambda role: role.display_name.lower())),
                groups=tuple(all_groups(connection)),
                members=tuple(all_members(connection)),
                assignments=assignments,
            )

        return await self._database.read(work)

    async def import_(
        self,
        document: Document,
        *,
        scope: str,
        replace: bool,
        author: Author,
        now_us: int,
        commit: Commit[Reply],
    ) -> Reply:
        """Make the policy at a scope and below it what a document says, in one revision.

        Args:
            document: What it is to be.
            scope: Where.
            replace: Remove what the document does not hold.
            author: Who imports.
            now_us: When.
            commit: Runs the transaction.

        Raises:
            InvalidArgument: The document says something twice, or of elsewhere.
            ResourceExhausted: It is too much for one revision.
            DeskholdError: What the call that makes the single change raises.
        """
        check_document(document, scope)
        # Read before the lock is taken, so that nobody waits for it to be loaded.
        known = await self._policy.current()

        def work(connection: Connection) -> Outcome:
            before = _caught_up(connection, known, lock_head(connection))
            revision = before.revision + 1
            require_scope(connection, scope)
            changes = Changes(
                connection, self._domains, author=author, now_us=now_us, revision=revision
            )
            changes.make(document, scope, replace=replace)
            if not changes.made:
                return Outcome()
            if len(encode_changes(changes.made)) > MAX_CHARACTERS:
                raise too_large(f"{len(changes.lines)} changes with more text", MAX_CHARACTERS)
            append(connection, changes.made, author=author, now_us=now_us)
            effects = _effects(connection, changes, before, now_us)
            return Outcome(tuple(changes.lines), tuple(effects))

        return await commit(work)


def _caught_up(connection: Connection, known: Snapshot, revision: int) -> Snapshot:
    """Return the snapshot of the newest revision, given one of shortly before."""
    if read_head(connection).epoch != known.epoch or known.revision > revision:
        return load_snapshot(connection)
    for number, changes in read_after(connection, known.revision):
        known = known.after(number, changes)
    return known


def _effects(
    connection: Connection, changes: Changes, before: Snapshot, now_us: int
) -> list[AccessChange]:
    after = before.after(before.revision + 1, changes.made)
    places = places_of(changes.made, before, after)
    for role_id in changes.changed_roles:
        places |= {(key, scope) for scope, key in assigned_at(connection, role_id)}
    if len(places) > _MAX_PLACES:
        raise too_large(f"{len(places)} effects to show", _MAX_PLACES)
    return access_changes(before, after, places, now_us)
