from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from deskhold.api.rbac.v1.access_pb2 import DECISION_ALLOW, DECISION_DENY
from deskhold.api.rbac.v1.role_assignments_pb2 import DeleteRoleAssignmentRequest
from deskhold.chassis.db import Database
from deskhold.chassis.readiness import NotReadyError
from deskhold.errors import ResourceExhausted, Unavailable
from deskhold.identities import Domains
from rbac_service.access import policy as policy_module
from rbac_service.access.policy import READY_AGE_SECONDS, TAIL_SECONDS, Policy
from rbac_service.access.snapshot import Snapshot
from rbac_service.access.store import load_snapshot
from rbac_service.bootstrap import bootstrap
from rbac_service.log.rules import Author, Change, ChangeKind
from rbac_service.log.store import Head, append, lock_head, newest_head
from rbac_service.scopes.rules import Scope
from rbac_service.scopes.store import insert_scope
from tests.rbac_service.requests import check, grant, user
from tests.rbac_service.running import OWNER, Process
from tests.supervision import supervised

READ = "deskhold.resources/hosts/read"
AUTHOR = Author("user:a@x", "r-1")


@pytest.fixture
async def filled(database: Database) -> Database:
    """A store at revision 1."""
    await bootstrap(
        database, Domains(), owner="admin@x", enforcement_point="spiffe://x/broker", now_us=17
    )
    return database


def touch(connection: Connection) -> int:
    """Make a revision that changes no role assignment."""
    revision = lock_head(connection) + 1
    scope = Scope(f"/tenantGroups/x{revision}", "", 17, revision)
    insert_scope(connection, scope, "/")
    change = Change(ChangeKind.ADD_SCOPE, {"path": scope.path, "display_name": ""})
    return append(connection, [change], author=AUTHOR, now_us=17)


def held(snapshot: Snapshot) -> set[str]:
    return {key for key, _ in snapshot.held.items()}


async def test_the_first_question_loads_everything(filled: Database) -> None:
    snapshot = await Policy(filled).current()

    assert snapshot.revision == 1
    assert held(snapshot) == {"user:admin@x", "service_principal:spiffe://x/broker"}


async def test_while_nothing_changes_the_same_snapshot_answers(filled: Database) -> None:
    policy = Policy(filled)

    assert await policy.current() is await policy.current()


async def test_following_the_log_reads_only_what_no_question_has_just_read(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    again = asyncio.Event()

    async def counted(database: Database) -> Head:
        reads.append(database)
        if len(reads) > 1:
            again.set()
        return await newest_head(database)

    monkeypatch.setattr(policy_module, "newest_head", counted)
    now = 0.0
    policy = Policy(filled, lambda: now)
    await policy.current()

    tail = asyncio.create_task(policy.tail())
    await asyncio.sleep(0)
    assert len(reads) == 1

    now += TAIL_SECONDS
    await again.wait()
    tail.cancel()


async def test_a_policy_that_no_longer_follows_the_log_is_not_ready(filled: Database) -> None:
    now = 0.0
    policy = Policy(filled, lambda: now)
    with pytest.raises(NotReadyError):
        await policy.require_fresh()
    await policy.current()
    now += READY_AGE_SECONDS
    await policy.require_fresh()
    now += 0.1
    with pytest.raises(NotReadyError):
        await policy.require_fresh()
    await policy.current()

    await policy.require_fresh()


async def test_a_full_queue_does_not_end_the_tail(
    filled: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, reads, again = Policy(filled), 0, asyncio.Event()

    async def full_at_first(database: Database) -> Head:
        nonlocal reads
        reads += 1
        if reads <= 2:
            raise ResourceExhausted("1024 requests wait for the database already")
        again.set()
        return await newest_head(database)

    monkeypatch.setattr(policy_module, "newest_head", full_at_first)

    async with supervised(policy.tail):
        await again.wait()


async def test_a_change_is_seen_by_the_next_question(filled: Database) -> None:
    policy = Policy(filled)
    before = await policy.current()

    await filled.write(touch)
    after = await policy.current()

    assert (before.revision, after.revision) == (1, 2)
    assert after == await filled.read(load_snapshot)


async def test_a_change_of_another_process_is_seen_by_the_next_question(
    filled: Database, database_url: str
) -> None:
    policy = Policy(filled)
    other = Database(database_url)

    for revision in range(2, 12):
        assert await other.write(touch) == revision
        assert (await policy.current()).revision == revision
    await other.close()


async def test_questions_at_the_same_moment_share_one_snapshot(filled: Database) -> None:
    policy = Policy(filled)

    snapshots = await asyncio.gather(*(policy.current() for _ in range(50)))

    assert len({id(snapshot) for snapshot in snapshots}) == 1


async def test_questions_during_changes_see_at_least_what_was_answered(filled: Database) -> None:
    policy = Policy(filled)

    async def write_and_ask() -> None:
        revision = await filled.write(touch)
        assert (await policy.current()).revision >= revision

    await asyncio.gather(*(write_and_ask() for _ in range(50)))


async def test_another_history_is_loaded_anew(filled: Database) -> None:
    """As after a restore: the revision alone does not tell."""
    policy = Policy(filled)
    await policy.current()

    def restore(connection: Connection) -> None:
        connection.execute(text("UPDATE head SET epoch = 'restored'"))
        connection.execute(text("DELETE FROM role_assignments WHERE principal_kind = 'user'"))

    await filled.write(restore)
    snapshot = await policy.current()

    assert snapshot.epoch == "restored"
    assert held(snapshot) == {"service_principal:spiffe://x/broker"}


async def test_a_store_that_cannot_confirm_gives_no_answer(filled: Database) -> None:
    policy = Policy(filled)
    await policy.current()

    await filled.write(lambda connection: connection.execute(text("DROP TABLE head")))

    # PostgreSQL's driver calls a missing table a defect of the program.
    with pytest.raises((Unavailable, ProgrammingError)):
        await policy.current()


def test_what_one_process_wrote_the_other_knows_at_its_next_answer(
    rbac: Process, second_process: Process, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    processes = [rbac, second_process]
    for _ in range(10):
        writing, asking = processes
        owner = writing.signed_in(OWNER)

        made = owner(grant(user(name), "RDS Reader", tenant_group))
        allowed = asking.signed_in(name)(check(READ, tenant_group))
        owner(DeleteRoleAssignmentRequest(name=made.name))
        denied = asking.signed_in(name)(check(READ, tenant_group))

        assert (allowed.decision, denied.decision) == (DECISION_ALLOW, DECISION_DENY)
        assert denied.revision > allowed.revision
        processes.reverse()
