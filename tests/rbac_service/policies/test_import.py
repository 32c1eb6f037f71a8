"""The policy as a document: out, in again, and what that changes."""

from __future__ import annotations

from deskhold.chassis.clock import now_us
from rbac_service.log.store import read_entries
from rbac_service.log.usecases import Audit
from rbac_service.policies.rules import Document, Outcome
from tests.rbac_service.deployments import OWNER, TENANT, Deployment, author_of
from tests.rbac_service.policies.documents import (
    FULL,
    OWNERS,
    READ,
    gardener,
    group,
    holds,
    policies,
    put,
    revision,
    signs,
    written,
)


async def test_a_document_is_made_in_one_revision_and_told_line_by_line(
    deployment: Deployment,
) -> None:
    outcome = await put(deployment, FULL)
    entries = await deployment.database.read(lambda tx: read_entries(tx, 1, 10))
    assert len(entries) == 1
    subjects = [(line.sign, line.subject) for line in outcome.lines]
    assert {sign for sign, _ in subjects} == {"+"}
    assert [subject for _, subject in subjects][1:6] == [
        "groups/helpdesk",
        "groups/night",
        "groups/helpdesk: user:bob@x",
        "groups/helpdesk: group:night",
        "groups/night: user:carol@x",
    ]
    assert signs(outcome)[0] == ("+", "Gardener")
    assert signs(outcome)[6:] == [
        ("+", "Gardener: group:helpdesk"),
        ("+", "RDS Reader: user:dave@x"),
    ]
    assert (await Audit(deployment.database).verify()).bad_revision == 0


async def test_it_tells_who_gains_what_where(deployment: Deployment) -> None:
    outcome = await put(deployment, FULL)
    gains = {
        (one.principal_key, one.scope): one.gained
        for one in outcome.access_changes
        if len(one.gained) == 1
    }
    assert gains == {
        ("group:helpdesk", TENANT): (READ,),
        ("group:night", TENANT): (READ,),
        ("user:bob@x", TENANT): (READ,),
        ("user:carol@x", TENANT): (READ,),
    }
    (dave,) = [one for one in outcome.access_changes if one.principal_key == "user:dave@x"]
    assert (dave.scope, dave.lost) == ("/", ())
    assert READ in dave.gained


async def test_what_is_written_down_and_made_again_changes_nothing(deployment: Deployment) -> None:
    await put(deployment, FULL)
    before = await revision(deployment)
    for mode in (False, True):
        assert await put(deployment, await written(deployment), replace=mode) == Outcome()
    assert await revision(deployment) == before


async def test_trying_says_what_would_be_and_changes_nothing(deployment: Deployment) -> None:
    tried = await put(deployment, FULL, dry=True)
    assert await revision(deployment) == 1
    made = await put(deployment, FULL)
    assert [line.sign for line in tried.lines] == [line.sign for line in made.lines]
    assert tried.access_changes == made.access_changes


async def test_replacing_removes_what_the_document_does_not_hold(deployment: Deployment) -> None:
    await put(deployment, FULL)
    rest = Document(groups=(group("night"),), assignments=OWNERS)
    outcome = await put(deployment, rest, replace=True)
    assert [line.sign for line in outcome.lines] == ["-"] * 5
    assert not any(one.gained for one in outcome.access_changes)
    left = await policies(deployment).export("/")
    assert (left.roles, left.members) == ((), ())
    assert [one.id for one in left.groups] == ["night"]
    assert len(left.assignments) == 2


async def test_without_replace_nothing_is_removed(deployment: Deployment) -> None:
    await put(deployment, FULL)
    assert await put(deployment, Document()) == Outcome()


async def test_replacing_at_a_scope_leaves_everything_elsewhere(deployment: Deployment) -> None:
    await put(deployment, FULL)
    outcome = await put(deployment, Document(), scope=TENANT, replace=True)
    assert signs(outcome) == [("-", "Gardener: group:helpdesk")]


async def test_a_changed_role_says_what_its_holders_gain_and_lose(deployment: Deployment) -> None:
    await put(deployment, FULL)
    outcome = await put(deployment, Document(roles=(gardener("deskhold.diagnostics/read"),)))
    assert signs(outcome) == [("~", "Gardener")]
    (change,) = outcome.access_changes
    assert (change.principal_key, change.scope) == ("group:helpdesk", TENANT)
    assert (change.gained, change.lost) == (("deskhold.diagnostics/read",), (READ,))


async def test_other_terms_change_an_assignment(deployment: Deployment) -> None:
    await put(deployment, FULL)
    ends = now_us() + 3_600_000_000
    document = Document(assignments=(holds("dave@x", "RDS Reader", expire_us=ends),))
    assert signs(await put(deployment, document)) == [("~", "RDS Reader: user:dave@x")]
    assert await put(deployment, document) == Outcome()


async def test_an_assignment_that_is_over_may_stand_in_the_document_it_came_from(
    deployment: Deployment,
) -> None:
    await deployment.assign("bob@x", "RDS Reader", expire_us=now_us() + 1_000_000_000)
    document = await written(deployment)
    outcome = await policies(deployment).import_(
        document,
        scope="/",
        replace=True,
        author=OWNER,
        now_us=now_us() + 2_000_000_000,
        commit=deployment.commit,
    )
    assert outcome == Outcome()


async def test_an_owner_may_hand_over_to_another_in_one_import(deployment: Deployment) -> None:
    document = Document(assignments=(holds("bob@x", "RDS Owner"), OWNERS[1]))
    outcome = await put(deployment, document, replace=True)
    assert signs(outcome) == [("+", "RDS Owner: user:bob@x"), ("-", "RDS Owner: user:alice@x")]


async def test_the_authors_own_roles_go_last_so_that_the_import_can_be_made(
    deployment: Deployment,
) -> None:
    await deployment.assign("bob@x", "RDS Owner", TENANT)
    await deployment.assign("zoe@x", "RDS Reader", TENANT)
    outcome = await put(
        deployment, Document(), scope=TENANT, replace=True, author=author_of("bob@x")
    )
    assert signs(outcome) == [("-", "RDS Reader: user:zoe@x"), ("-", "RDS Owner: user:bob@x")]


async def test_a_deleted_role_comes_back_with_its_id(deployment: Deployment) -> None:
    await put(deployment, Document(roles=(gardener(),)))
    (role,) = (await policies(deployment).export("/")).roles
    await put(deployment, Document(assignments=OWNERS), replace=True)
    outcome = await put(deployment, Document(roles=(gardener(role_id=role.id),)))
    assert [line.sign for line in outcome.lines] == ["+"]
    (back,) = (await policies(deployment).export("/")).roles
    assert (back.id, back.version) == (role.id, 3)


async def test_the_snapshot_after_an_import_is_the_one_that_is_loaded_anew(
    deployment: Deployment,
) -> None:
    await put(deployment, FULL)
    followed = await deployment.shared.policy.current()
    other = Deployment.open(deployment.url, deployment.keys)
    loaded = await other.shared.policy.current()
    await other.close()
    assert followed == loaded
