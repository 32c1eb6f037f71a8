"""The changes of one import, made one after the other in its transaction.

What is added comes first, what is taken away last, and of that the author's own roles last of all:
so every change is judged by what the author holds, not by what the import leaves.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from deskhold.chassis.db import Connection
from deskhold.identities import Domains, Principal
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.assignments import store as assignment_store
from rbac_service.assignments.drafts import AssignmentDraft, check_window
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.assignments.usecases import assign, drafted, unassign
from rbac_service.groups import store as group_store
from rbac_service.groups.rules import Group, Member
from rbac_service.groups.usecases import dissolve, find_same, join
from rbac_service.guard.usecases import judge_action
from rbac_service.log.rules import Author, Change
from rbac_service.policies.rules import Document, Line, WantedGroup, WantedRole, twice
from rbac_service.roles import store as role_store
from rbac_service.roles.refusals import check, refuse_built_in
from rbac_service.roles.rules import RoleDefinition
from rbac_service.roles.usecases import put_judged, retire

_GROUPS_WRITE = "deskhold.authorization/groups/write"
_GROUPS_DELETE = "deskhold.authorization/groups/delete"
_ROLES_WRITE = "deskhold.authorization/roleDefinitions/write"
_ROLES_DELETE = "deskhold.authorization/roleDefinitions/delete"

_Place = tuple[str, str, str]


class Changes:
    """Makes changes and keeps what they were.

    Args:
        connection: The import's transaction, which holds the head's lock.
        domains: The deployment's domains.
        author: Who imports.
        now_us: When.
        revision: The revision the changes will be.
    """

    def __init__(
        self,
        connection: Connection,
        domains: Domains,
        *,
        author: Author,
        now_us: int,
        revision: int,
    ) -> None:
        self._tx = connection
        self._domains = domains
        self._author = author
        self._now_us = now_us
        self._revision = revision
        self._allowed: set[tuple[str, str]] = set()
        self.lines: list[Line] = []
        self.made: list[Change] = []
        self.changed_roles: list[str] = []

    def make(self, document: Document, scope: str, *, replace: bool) -> None:
        """Make the policy at a scope and below it what a document says.

        Args:
            document: Checked before.
            scope: Where.
            replace: Remove what the document does not hold.
        """
        whole = replace and scope == DEPLOYMENT_SCOPE
        gone_roles = self._gone_roles(document.roles) if whole else []
        gone_groups = self._gone_groups(document.groups) if whole else []
        gone_members = self._gone_members(document.groups) if whole else []
        for role in document.roles:
            self._put_role(role)
        for group in document.groups:
            self._put_group(group)
        for group in document.groups:
            self._add_members(group)
        there = {_place(one): one for one in assignment_store.all_at_or_below(self._tx, scope)}
        wanted = self._put_assignments(document.assignments, there)
        if replace:
            self._remove_assignments([one for key, one in there.items() if key not in wanted])
        for member in gone_members:
            self._did("-", _membership(member), [group_store.delete_member(self._tx, member)])
        for gone in gone_groups:
            self._did("-", f"groups/{gone.id}", dissolve(self._tx, gone))
        for gone_role in gone_roles:
            _, changes = retire(self._tx, gone_role, self._revision, now_us=self._now_us)
            self._did("-", _titled(gone_role), changes)

    def _did(self, sign: str, subject: str, changes: Sequence[Change]) -> None:
        self.lines.append(Line(sign, subject))
        self.made.extend(changes)

    def _require(self, action: str, scope: str) -> None:
        # Asked once: what is added can only let the author do more.
        if (action, scope) not in self._allowed:
            judge_action(self._tx, action, scope, self._author, self._now_us)
            self._allowed.add((action, scope))

    def _gone_roles(self, wanted: Sequence[WantedRole]) -> list[RoleDefinition]:
        kept = {role.id for role in wanted} | {role.draft.display_name.lower() for role in wanted}
        gone = [
            role
            for role in role_store.list_custom_roles(self._tx, deleted=False)
            if role.id not in kept and role.display_name.lower() not in kept
        ]
        for scope in {scope for role in gone for scope in role.assignable_scopes}:
            self._require(_ROLES_DELETE, scope)
        return gone

    def _gone_groups(self, wanted: Sequence[WantedGroup]) -> list[Group]:
        kept = {group.id for group in wanted}
        gone = [group for group in group_store.all_groups(self._tx) if group.id not in kept]
        if gone:
            self._require(_GROUPS_DELETE, DEPLOYMENT_SCOPE)
        return gone

    def _gone_members(self, wanted: Sequence[WantedGroup]) -> list[Member]:
        kept = {group.id: {self._key(one) for one in group.members} for group in wanted}
        gone = [
            member
            for member in group_store.all_members(self._tx)
            if member.group_id in kept and member.key not in kept[member.group_id]
        ]
        if gone:
            self._require(_GROUPS_WRITE, DEPLOYMENT_SCOPE)
        return gone

    def _put_role(self, wanted: WantedRole) -> None:
        draft = wanted.draft
        check(draft)
        there = (
            role_store.find_role(self._tx, wanted.id, deleted=True)
            if wanted.id
            else role_store.find_role_named(self._tx, draft.display_name)
        )
        if there is not None:
            refuse_built_in(there)
        made = RoleDefinition(
            id=wanted.id or (there.id if there is not None else str(uuid.uuid4())),
            display_name=draft.display_name,
            description=draft.description,
            permissions=draft.permissions,
            assignable_scopes=draft.assignable_scopes,
            version=1 if there is None else there.version + 1,
            updated_us=self._now_us,
        )
        if there is not None and there.deleted_us is None and _content(there) == _content(made):
            return
        before = () if there is None else there.assignable_scopes
        for scope in dict.fromkeys((*before, *made.assignable_scopes)):
            self._require(_ROLES_WRITE, scope)
        changes = put_judged(
            self._tx, made, self._revision, author=self._author, now_us=self._now_us
        )
        self.changed_roles.append(made.id)
        self._did("+" if there is None or there.deleted_us else "~", _titled(made), changes)

    def _put_group(self, wanted: WantedGroup) -> None:
        if find_same(self._tx, wanted.id, wanted.display_name) is not None:
            return
        self._require(_GROUPS_WRITE, DEPLOYMENT_SCOPE)
        made = Group(wanted.id, wanted.display_name, self._now_us, self._revision)
        self._did("+", f"groups/{made.id}", [group_store.insert_group(self._tx, made)])

    def _add_members(self, wanted: WantedGroup) -> None:
        for principal in wanted.members:
            member = Member(wanted.id, principal, self._key(principal), self._now_us)
            if group_store.find_member(self._tx, wanted.id, member.key) is not None:
                continue
            self._require(_GROUPS_WRITE, DEPLOYMENT_SCOPE)
            self._did("+", _membership(member), [join(self._tx, member, author=self._author)])

    def _put_assignments(
        self, drafts: Sequence[AssignmentDraft], there: dict[_Place, RoleAssignment]
    ) -> set[_Place]:
        """Make what is missing or has other terms; return everything that is wanted."""
        wanted: set[_Place] = set()
        for draft in drafts:
            made, role = drafted(
                self._tx,
                draft,
                self._domains,
                author=self._author,
                now_us=self._now_us,
                revision=self._revision,
            )
            # Principals and roles have several names, so only here it shows.
            if _place(made) in wanted:
                raise twice("role_assignments", _held(made, role.display_name))
            before = there.get(_place(made))
            wanted.add(_place(made))
            if before is not None and before.terms == made.terms:
                continue
            check_window(draft, self._now_us)
            changes = []
            if before is not None:
                changes.append(self._unassign(before))
            changes.append(assign(self._tx, made, role, author=self._author))
            self._did("+" if before is None else "~", _held(made, role.display_name), changes)
        return wanted

    def _remove_assignments(self, gone: Sequence[RoleAssignment]) -> None:
        own = set(group_store.closure(self._tx, self._author.keys))
        for one in sorted(gone, key=lambda one: one.principal_key in own):
            role = role_store.find_role(self._tx, one.role_id)
            name = one.role_id if role is None else role.display_name
            self._did("-", _held(one, name), [self._unassign(one)])

    def _unassign(self, gone: RoleAssignment) -> Change:
        return unassign(self._tx, gone, author=self._author, now_us=self._now_us)

    def _key(self, principal: Principal) -> str:
        return self._domains.key(principal, field="policy.groups.members")


def _place(one: RoleAssignment) -> _Place:
    return one.scope, one.principal_key, one.role_id


def _content(role: RoleDefinition) -> object:
    return role.display_name, role.description, role.permissions, role.assignable_scopes


def _titled(role: RoleDefinition) -> str:
    return f"{role.name} ({role.display_name})"


def _membership(member: Member) -> str:
    return f"groups/{member.group_id}: {member.principal}"


def _held(one: RoleAssignment, role_name: str) -> str:
    return f"{one.name} ({role_name}: {one.principal})"
