"""What is asked of the whole policy, on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from deskhold.chassis.db import Database
from deskhold.chassis.paging import Page
from deskhold.errors import Aborted, NotFound
from deskhold.identities import Domains, Principal, PrincipalKind
from rbac_service.access.explain import Reason
from rbac_service.access.policy import Policy
from rbac_service.access.queries import Listing, Queries
from rbac_service.access.rules import Question, decide
from rbac_service.access.whatif import Assign, Hypothesis, Join, Leave, Unassign
from rbac_service.assignments.drafts import AssignmentDraft
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.bootstrap import bootstrap
from rbac_service.groups.usecases import Groups
from rbac_service.log.rules import Author
from rbac_service.roles.lint import LintKind

READ = "deskhold.resources/hosts/read"
ALICE = Principal(PrincipalKind.USER, "alice@x")
KEY = "user:alice@x"
OWNER = "user:admin@x"
AUTHOR = Author("local", "r-1")
NOW = 1_000_000

Row = TypeVar("Row")


class Store:
    """A store, and the few changes the tests make."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.policy = Policy(database)
        self.now_us = NOW
        self.queries = self.other_process()
        self._assignments = RoleAssignments(database, Domains())
        self._groups = Groups(database, Domains())

    def other_process(self) -> Queries:
        return Queries(self.policy, lambda: self.now_us)

    async def _commit(self, work: Callable[[Connection], Any]) -> Any:
        return await self.database.write(work)

    async def assign(
        self, principal: Principal, role: str, scope: str = "/", expire_us: int | None = None
    ) -> RoleAssignment:
        draft = AssignmentDraft(scope, principal, role, expire_us=expire_us)
        made: RoleAssignment = await self._assignments.create(
            draft, author=AUTHOR, now_us=NOW, commit=self._commit
        )
        return made

    async def delete(self, name: str) -> None:
        await self._assignments.delete(
            name, etag="", author=AUTHOR, now_us=NOW, commit=self._commit
        )

    async def make_group(self, group_id: str) -> None:
        await self._groups.create(
            group_id, display_name="", author=AUTHOR, now_us=NOW, commit=self._commit
        )

    async def join(self, group_id: str, principal: Principal) -> None:
        await self._groups.add_member(
            group_id, principal, author=AUTHOR, now_us=NOW, commit=self._commit
        )

    async def leave(self, group_id: str, principal: Principal) -> None:
        await self._groups.remove_member(
            group_id, principal, author=AUTHOR, commit=self._commit, now_us=NOW
        )


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    await bootstrap(
        database, Domains(), owner="admin@x", enforcement_point="spiffe://x/broker", now_us=1
    )
    yield Store(database)


async def pages(
    ask: Callable[[Page], Awaitable[Listing[Row]]], size: int
) -> tuple[list[Row], set[int]]:
    """Return all rows of a list, page by page, and the revisions they are of."""
    rows: list[Row] = []
    revisions = set()
    after: str | None = None
    while True:
        listing = await ask(Page(size, after))
        shown = listing.rows[:size]
        rows += [one.row for one in shown]
        revisions.add(listing.revision)
        if len(listing.rows) <= size:
            return rows, revisions
        after = shown[-1].cursor


@pytest.mark.parametrize("size", [1, 2, 7, 100])
async def test_pages_together_are_the_whole_list(store: Store, size: int) -> None:
    for number in range(9):
        await store.assign(Principal(PrincipalKind.USER, f"u{number}@x"), "RDS Reader")
    queries = store.queries

    whole = await queries.list_principals(READ, "/", Page(1000, None))
    matrix = await queries.list_permissions("/", None, Page(1000, None))
    scopes = await queries.list_scopes(Question((OWNER,), READ, "/"), Page(1000, None))

    expected = [one.row for one in whole.rows]
    assert len(expected) == 10
    assert (await pages(lambda p: queries.list_principals(READ, "/", p), size))[0] == expected
    assert (await pages(lambda p: queries.list_permissions("/", None, p), size))[0] == [
        one.row for one in matrix.rows
    ]
    question = Question((OWNER,), READ, "/")
    assert (await pages(lambda p: queries.list_scopes(question, p), size))[0] == [
        one.row for one in scopes.rows
    ]


async def test_all_pages_are_of_one_revision_and_one_time(store: Store) -> None:
    await store.assign(ALICE, "RDS Reader", expire_us=NOW + 5)
    first = await store.queries.list_principals(READ, "/", Page(1, None))

    store.now_us = NOW + 9
    await store.assign(Principal(PrincipalKind.USER, "zoe@x"), "RDS Reader")
    second = await store.queries.list_principals(READ, "/", Page(9, first.rows[0].cursor))

    assert [one.row.principal_key for one in second.rows] == [KEY]
    assert second.revision == first.revision


async def test_another_process_that_keeps_the_revision_goes_on(store: Store) -> None:
    await store.assign(ALICE, "RDS Reader")
    first = await store.queries.list_principals(READ, "/", Page(1, None))

    second = await store.other_process().list_principals(READ, "/", Page(9, first.rows[0].cursor))

    assert [one.row.principal_key for one in second.rows] == [KEY]


async def test_pages_of_a_revision_that_nobody_keeps_are_refused(store: Store) -> None:
    await store.assign(ALICE, "RDS Reader")
    first = await store.queries.list_principals(READ, "/", Page(1, None))
    await store.assign(ALICE, "RDS Operator")
    elsewhere = Queries(Policy(store.database), lambda: NOW)

    with pytest.raises(Aborted) as raised:
        await elsewhere.list_principals(READ, "/", Page(1, first.rows[0].cursor))

    assert raised.value.reason == "REVISION_GONE"


async def test_pages_of_another_history_are_refused(store: Store) -> None:
    first = await store.queries.list_permissions("/", None, Page(1, None))
    cursor = "another" + first.rows[0].cursor[7:]

    with pytest.raises(Aborted) as raised:
        await store.queries.list_permissions("/", None, Page(1, cursor))

    assert raised.value.reason == "REVISION_GONE"


async def test_the_matrix_of_one_principal_counts_its_groups(store: Store) -> None:
    await store.make_group("readers")
    await store.assign(Principal(PrincipalKind.GROUP, "readers"), "RDS Operator")
    await store.join("readers", ALICE)

    listing = await store.queries.list_permissions("/", KEY, Page(9, None))

    assert [one.row.actions for one in listing.rows] == [("deskhold.diagnostics/read",)]


@pytest.mark.parametrize(
    ("asker", "expected"),
    [(KEY, [Reason.NO_ROLE]), (OWNER, [Reason.NOT_IN_GROUP, Reason.NO_ROLE])],
)
async def test_groups_are_named_only_to_askers_who_may_see_assignments(
    store: Store, asker: str, expected: list[Reason]
) -> None:
    await store.make_group("readers")
    await store.assign(Principal(PrincipalKind.GROUP, "readers"), "RDS Reader")

    explanation = await store.queries.explain(Question((KEY,), READ, "/"), (asker,))

    assert [miss.reason for miss in explanation.near_misses] == expected


async def test_a_what_if_is_what_checks_answer_after_the_changes(store: Store) -> None:
    await store.make_group("readers")
    await store.make_group("others")
    group = Principal(PrincipalKind.GROUP, "readers")
    await store.assign(group, "RDS Reader", "/diagnostics")
    gone = await store.assign(ALICE, "RDS Contributor")
    await store.join("others", ALICE)
    changes: list[Hypothesis] = [
        Unassign(gone.name),
        Join("readers", KEY),
        Leave("others", KEY),
        Assign("/", "group:others", "RDS Owner"),
    ]
    questions = [
        Question((key,), action, scope)
        for key in (KEY, "group:readers", "group:others", OWNER)
        for action in (READ, "deskhold.resources/hosts/write")
        for scope in ("/", "/diagnostics")
    ]

    answers = await store.queries.what_if(changes, questions)
    untouched = await store.policy.current()
    await store.delete(gone.name)
    await store.join("readers", ALICE)
    await store.leave("others", ALICE)
    await store.assign(Principal(PrincipalKind.GROUP, "others"), "RDS Owner")
    real = await store.policy.current()

    assert answers.revision == untouched.revision
    for question, before, after in zip(questions, answers.before, answers.after, strict=True):
        assert before == decide(untouched, question, NOW)
        assert after.allowed == decide(real, question, NOW).allowed


async def test_what_is_not_there_cannot_be_supposed(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.queries.what_if([Join("nobodies", KEY)], [Question((KEY,), READ, "/")])


async def test_lint_looks_at_the_policy_of_this_moment(store: Store) -> None:
    made = await store.assign(ALICE, "RDS Reader", expire_us=NOW + 5)
    assert await store.queries.lint() == []

    store.now_us = NOW + 5

    assert [(one.kind, one.subject) for one in await store.queries.lint()] == [
        (LintKind.EXPIRED, made.name)
    ]


async def test_a_loaded_snapshot_knows_the_groups_that_a_followed_one_knows(store: Store) -> None:
    await store.policy.current()
    await store.make_group("readers")

    followed = await store.policy.current()

    assert followed == await Policy(store.database).current()
    assert followed.groups.get("group:readers") == ""
