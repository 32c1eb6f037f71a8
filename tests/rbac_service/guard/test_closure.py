"""No sequence of calls leaves anybody with more than could be granted to them.

A club of people, none of them Owner of the deployment, assigns roles, makes and changes roles, and
fills groups, each step as the gate and the guard allow it. Whatever they do, no member may ever do
anything, anywhere, that none of them could do in the beginning; an Owner remains; the chain holds.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, create_engine, insert, select
from sqlalchemy.exc import IntegrityError

from deskhold.errors import DeskholdError
from deskhold.identities import Domains, Principal, PrincipalKind
from deskhold.names import parse_scope
from rbac_service import tables
from rbac_service.access.rules import Question, decide
from rbac_service.access.store import load_snapshot
from rbac_service.assignments.rules import Delegation, RoleAssignment, derived_id
from rbac_service.assignments.store import all_at_or_below, insert_assignment
from rbac_service.assignments.usecases import assign, unassign
from rbac_service.groups.rules import Group, Member
from rbac_service.groups.store import insert_group
from rbac_service.groups.usecases import join
from rbac_service.guard.usecases import judge_action
from rbac_service.log.rules import Author, Change
from rbac_service.log.store import append, lock_head
from rbac_service.roles.builtin import BUILT_IN_ROLES, OWNER_ID
from rbac_service.roles.catalogue import ACTIONS
from rbac_service.roles.refusals import RoleDraft
from rbac_service.roles.rules import Permission, RoleDefinition
from rbac_service.roles.store import find_role
from rbac_service.roles.usecases import put_judged
from rbac_service.scopes.rules import Scope
from rbac_service.scopes.usecases import add_scopes
from tests.rbac_service.chain import first_broken

pytestmark = pytest.mark.slow

NOW_US = 1_000_000
DOMAINS = Domains()
PLACES = ("/", "/tenantGroups/g", "/tenantGroups/g/tenants/t", "/tenantGroups/h")
CLUB = ("ann@x", "ben@x", "cat@x", "dan@x")
GROUPS = ("crew", "club")
NAMED = {role.display_name: role.id for role in BUILT_IN_ROLES}
# Who holds what in the beginning; the last one may hand out a role that nobody else has.
FOUNDERS = (
    ("ann@x", "Access Administrator", "/", None),
    ("ben@x", "RDS Contributor", "/tenantGroups/g", None),
    ("cat@x", "RDS Owner", "/tenantGroups/g/tenants/t", None),
    ("dan@x", "Access Administrator", "/tenantGroups/h", Delegation((NAMED["RDS User"],))),
)
PEOPLE = st.sampled_from(CLUB)
WHERE = st.sampled_from(PLACES)
WINDOWS = st.sampled_from([None, NOW_US + 10])
PATTERNS = st.lists(
    st.sampled_from(
        [
            "*",
            "*/read",
            "deskhold.resources/*",
            "deskhold.resources/hosts/write",
            "deskhold.authorization/*",
            "deskhold.authorization/roleAssignments/bind/action",
            "deskhold.authorization/roleDefinitions/escalate/action",
        ]
    ),
    min_size=1,
    max_size=2,
).map(tuple)
HOLDERS = st.one_of(
    PEOPLE.map(lambda user: Principal(PrincipalKind.USER, user)),
    st.sampled_from(GROUPS).map(lambda group: Principal(PrincipalKind.GROUP, group)),
)


def held(user: str, role: str, scope: str, delegation: Delegation | None) -> RoleAssignment:
    principal = Principal(PrincipalKind.USER, user)
    key = DOMAINS.key(principal)
    role_id = NAMED[role]
    return RoleAssignment(
        id=derived_id(scope, key, role_id),
        scope=scope,
        role_id=role_id,
        principal=principal,
        principal_key=key,
        created_us=NOW_US,
        created_by="local:test",
        revision=1,
        delegation=delegation,
    )


def found(connection: Connection) -> None:
    tables.metadata.create_all(connection)
    connection.execute(insert(tables.head).values(id=1, epoch="e", revision=0))
    changes: list[Change] = []
    for path in PLACES:
        changes += add_scopes(connection, parse_scope(path), Scope(path, "", NOW_US, 1))
    changes.append(insert_assignment(connection, held("owner@x", "RDS Owner", "/", None)))
    changes += [insert_assignment(connection, held(*one)) for one in FOUNDERS]
    changes += [insert_group(connection, Group(one, "", NOW_US, 1)) for one in GROUPS]
    append(connection, changes, author=Author("local:test", ""), now_us=NOW_US)
    connection.commit()


class Club(RuleBasedStateMachine):
    roles = Bundle("roles")

    def __init__(self) -> None:
        super().__init__()
        self.connection = create_engine("sqlite://").connect()
        found(self.connection)
        self.allowed = self.powers()
        # A delegation is a right to hand out what it names, so that counts as held.
        self.allowed |= {
            ("deskhold.resources/appGroups/connect/action", "/tenantGroups/h"),
        }

    def teardown(self) -> None:
        self.connection.close()

    @initialize(target=roles)
    def the_first_role(self) -> str:
        return NAMED["RDS Reader"]

    @rule(target=roles, role=st.sampled_from(sorted(NAMED.values())))
    def a_built_in_role(self, role: str) -> str:
        return role

    @rule(author=PEOPLE, holder=HOLDERS, role=roles, scope=WHERE, until=WINDOWS)
    def assign_a_role(
        self, author: str, holder: Principal, role: str, scope: str, until: int | None
    ) -> None:
        key = DOMAINS.key(holder)
        made = RoleAssignment(
            id=derived_id(scope, key, role),
            scope=scope,
            role_id=role,
            principal=holder,
            principal_key=key,
            created_us=NOW_US,
            created_by=author,
            revision=0,
            expire_us=until,
        )

        def step(who: Author) -> list[Change]:
            judge_action(
                self.connection, "deskhold.authorization/roleAssignments/write", scope, who, NOW_US
            )
            definition = find_role(self.connection, role)
            return (
                []
                if definition is None
                else [assign(self.connection, made, definition, author=who)]
            )

        self.attempt(author, step)

    @rule(author=PEOPLE, number=st.integers(0, 20))
    def take_a_role_away(self, author: str, number: int) -> None:
        there = all_at_or_below(self.connection, "/")
        gone = there[number % len(there)]

        def step(who: Author) -> list[Change]:
            judge_action(
                self.connection,
                "deskhold.authorization/roleAssignments/delete",
                gone.scope,
                who,
                NOW_US,
            )
            return [unassign(self.connection, gone, author=who, now_us=NOW_US)]

        self.attempt(author, step)

    @rule(target=roles, author=PEOPLE, number=st.integers(0, 2), patterns=PATTERNS, scope=WHERE)
    def make_or_change_a_role(
        self, author: str, number: int, patterns: tuple[str, ...], scope: str
    ) -> str:
        role_id = f"00000000-0000-0000-0000-00000000000{number}"
        draft = RoleDraft(f"role {number}", "", (Permission(patterns),), (scope,))

        def step(who: Author) -> list[Change]:
            before = find_role(self.connection, role_id, deleted=True)
            role = RoleDefinition(
                id=role_id,
                display_name=draft.display_name,
                description="",
                permissions=draft.permissions,
                assignable_scopes=draft.assignable_scopes,
            )
            if before is not None:
                role = replace(role, version=before.version + 1)
            judge_action(
                self.connection, "deskhold.authorization/roleDefinitions/write", scope, who, NOW_US
            )
            revision = lock_head(self.connection) + 1
            return put_judged(self.connection, role, revision, author=who, now_us=NOW_US)

        self.attempt(author, step)
        return role_id

    @rule(author=PEOPLE, group=st.sampled_from(GROUPS), who=HOLDERS)
    def add_a_member(self, author: str, group: str, who: Principal) -> None:
        member = Member(group, who, DOMAINS.key(who), NOW_US)

        def step(doer: Author) -> list[Change]:
            judge_action(self.connection, "deskhold.authorization/groups/write", "/", doer, NOW_US)
            return [join(self.connection, member, author=doer)]

        self.attempt(author, step)

    def attempt(self, author: str, step: object) -> None:
        key = DOMAINS.key(Principal(PrincipalKind.USER, author))
        doer = Author(key, "", "", (key,))
        try:
            changes = step(doer)  # type: ignore[operator]
            append(self.connection, changes, author=doer, now_us=NOW_US)
        except DeskholdError:
            self.connection.rollback()
        except IntegrityError:
            # The same row twice: the use cases look first, this test lets the constraint speak.
            self.connection.rollback()
        else:
            self.connection.commit()

    def powers(self) -> set[tuple[str, str]]:
        snapshot = load_snapshot(self.connection)
        return {
            (action.name, scope)
            for action in ACTIONS
            for scope in PLACES
            for user in CLUB
            if decide(snapshot, Question((f"user:{user}",), action.name, scope), NOW_US).allowed
        }

    @invariant()
    def nobody_of_the_club_can_do_what_none_of_them_could(self) -> None:
        assert self.powers() <= self.allowed

    @invariant()
    def an_owner_remains(self) -> None:
        assert any(
            one.role_id == OWNER_ID and one.is_permanent
            for one in all_at_or_below(self.connection, "/")
            if one.scope == "/"
        )

    @invariant()
    def the_chain_holds(self) -> None:
        rows = self.connection.execute(select(tables.log).order_by(tables.log.c.revision))
        assert first_broken([dict(row._mapping) for row in rows]) is None


TestClub = Club.TestCase
TestClub.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
