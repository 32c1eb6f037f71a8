"""The policy as a document: out, in again, and what that changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deskhold.chassis.clock import now_us
from deskhold.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
)
from rbac_service.assignments.drafts import AssignmentDraft
from rbac_service.log.rules import Author
from rbac_service.log.store import read_entries
from rbac_service.log.usecases import Audit
from rbac_service.policies import usecases
from rbac_service.policies.messages import document_of, policy_message
from rbac_service.policies.rules import Document, Outcome, WantedGroup, WantedRole
from rbac_service.policies.usecases import Policies
from rbac_service.roles.refusals import RoleDraft
from rbac_service.roles.rules import Permission
from tests.rbac_service.deployments import (
    DOMAINS,
    OWNER,
    TENANT,
    Deployment,
    author_of,
    principal,
)

READ = "deskhold.resources/hosts/read"


def gardener(*actions: str, role_id: str = "") -> WantedRole:
    permissions = (Permission(actions or (READ,)),)
    return WantedRole(role_id, RoleDraft("Gardener", "", permissions, ("/",)))


def group(group_id: str, *members: str) -> WantedGroup:
    return WantedGroup(group_id, "", tuple(map(principal, members)))


def holds(who: str, role: str, scope: str = "/", **terms: Any) -> AssignmentDraft:
    return AssignmentDraft(scope, principal(who), role, **terms)


OWNERS = (
    holds("alice@x", "RDS Owner"),
    holds("service_principal:spiffe://deskhold/broker", "Policy Enforcement Point"),
)


def policies(deployment: Deployment) -> Policies:
    return Policies(deployment.database, deployment.shared.policy, DOMAINS)


async def put(
    deployment: Deployment,
    document: Document,
    *,
    scope: str = "/",
    replace: bool = False,
    author: Author = OWNER,
    dry: bool = False,
) -> Outcome:
    outcome: Outcome = await policies(deployment).import_(
        document,
        scope=scope,
        replace=replace,
        author=author,
        now_us=now_us(),
        commit=deployment.try_out if dry else deployment.commit,
    )
    return outcome


async def written(deployment: Deployment, scope: str = "/") -> Document:
    """Return the policy as a document, by way of its message."""
    export = await policies(deployment).export(scope)
    return document_of(policy_message(export, deployment.shared.policy.role_name))


async def revision(deployment: Deployment) -> int:
    return (await deployment.shared.policy.current()).revision


def signs(outcome: Outcome) -> list[tuple[str, str]]:
    """Return each change as its sign and the first word of what it is about."""
    return [(line.sign, line.subject.partition("(")[2].rstrip(")")) for line in outcome.lines]


FULL = Document(
    roles=(gardener(),),
    groups=(group("helpdesk", "bob@x", "group:night"), group("night", "carol@x")),
    assignments=(holds("group:helpdesk", "Gardener", TENANT), holds("dave@x", "RDS Reader")),
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


async def test_one_refused_change_undoes_all(deployment: Deployment) -> None:
    document = replace(FULL, assignments=(*FULL.assignments, holds("eve@x", "RDS Nobody")))
    with pytest.raises(Exception, match="RDS Nobody"):
        await put(deployment, document)
    assert await revision(deployment) == 1


async def test_the_last_owner_survives_a_replacing_import(deployment: Deployment) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        await put(deployment, Document(), replace=True)
    assert refused.value.reason == "LAST_OWNER"


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


@pytest.mark.parametrize(
    "document",
    [
        Document(assignments=(holds("mallory@x", "RDS Owner", TENANT),)),
        Document(roles=(gardener("*"),), assignments=(holds("mallory@x", "Gardener", TENANT),)),
        Document(groups=(group("powerful", "mallory@x"),)),
    ],
    ids=["an assignment", "a role", "a membership"],
)
async def test_nobody_hands_out_by_import_what_they_do_not_hold(
    deployment: Deployment, document: Document
) -> None:
    await deployment.add_group("powerful")
    await deployment.assign("group:powerful", "RDS Owner", TENANT)
    await deployment.assign("mallory@x", "Access Administrator")
    before = await revision(deployment)
    with pytest.raises(PermissionDenied) as refused:
        await put(deployment, document, author=author_of("mallory@x"))
    assert refused.value.reason == "ESCALATION"
    assert await revision(deployment) == before


@pytest.mark.parametrize(
    ("document", "replace", "action"),
    [
        (Document(roles=(gardener(),)), False, "roleDefinitions/write"),
        (Document(groups=(group("new"),)), False, "groups/write"),
        (Document(groups=(group("there", "bob@x"),)), False, "groups/write"),
        (Document(), True, "groups/delete"),
    ],
)
async def test_each_change_needs_what_its_own_call_needs(
    deployment: Deployment, document: Document, replace: bool, action: str
) -> None:
    await put(
        deployment,
        Document(
            roles=(
                WantedRole(
                    "",
                    RoleDraft(
                        "Assigner",
                        "",
                        (Permission(("deskhold.authorization/roleAssignments/*",)),),
                        ("/",),
                    ),
                ),
            ),
            groups=(group("there"),),
            assignments=(holds("erin@x", "Assigner"), holds("erin@x", "RDS Reader")),
        ),
    )
    wanted = replace_roles(document, await written(deployment)) if replace else document
    with pytest.raises(PermissionDenied) as refused:
        await put(deployment, wanted, replace=replace, author=author_of("erin@x"))
    assert refused.value.metadata["action"] == f"deskhold.authorization/{action}"


def replace_roles(document: Document, there: Document) -> Document:
    return replace(document, roles=there.roles, assignments=there.assignments)


@pytest.mark.parametrize(
    ("document", "scope", "field"),
    [
        (Document(roles=(gardener(),)), TENANT, "policy.role_definitions"),
        (Document(groups=(group("g"),)), TENANT, "policy.groups"),
        (
            Document(assignments=(holds("b@x", "RDS Reader", "/"),)),
            TENANT,
            "policy.role_assignments[0].scope",
        ),
        (Document(groups=(group("g"), group("g"))), "/", "policy.groups"),
        (Document(roles=(gardener(), gardener())), "/", "policy.role_definitions"),
        (
            Document(
                assignments=(
                    holds("b@x", "RDS Reader"),
                    holds("X\\B", "rds reader", expire_us=now_us() + 10**12),
                )
            ),
            "/",
            "policy.role_assignments",
        ),
    ],
)
async def test_a_document_that_contradicts_itself_or_its_scope_is_refused(
    deployment: Deployment, document: Document, scope: str, field: str
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await put(deployment, document, scope=scope)
    assert refused.value.metadata == {"field": field}
    assert await revision(deployment) == 1


async def test_built_in_roles_are_no_part_of_a_document(deployment: Deployment) -> None:
    wanted = WantedRole("", replace(gardener().draft, display_name="rds owner"))
    with pytest.raises(FailedPrecondition) as refused:
        await put(deployment, Document(roles=(wanted,)))
    assert refused.value.reason == "BUILT_IN_ROLE"


async def test_a_group_of_another_display_name_is_refused(deployment: Deployment) -> None:
    await deployment.add_group("helpdesk")
    wanted = replace(group("helpdesk"), display_name="Help")
    with pytest.raises(AlreadyExists):
        await put(deployment, Document(groups=(wanted,)))


async def test_a_deleted_role_comes_back_with_its_id(deployment: Deployment) -> None:
    await put(deployment, Document(roles=(gardener(),)))
    (role,) = (await policies(deployment).export("/")).roles
    await put(deployment, Document(assignments=OWNERS), replace=True)
    outcome = await put(deployment, Document(roles=(gardener(role_id=role.id),)))
    assert [line.sign for line in outcome.lines] == ["+"]
    (back,) = (await policies(deployment).export("/")).roles
    assert (back.id, back.version) == (role.id, 3)


async def test_an_import_that_is_too_much_for_one_revision_is_refused(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usecases, "MAX_CHARACTERS", 100)
    with pytest.raises(ResourceExhausted):
        await put(deployment, FULL)
    monkeypatch.undo()
    monkeypatch.setattr(usecases, "_MAX_PLACES", 1)
    with pytest.raises(ResourceExhausted):
        await put(deployment, FULL)
    assert await revision(deployment) == 1


async def test_the_snapshot_after_an_import_is_the_one_that_is_loaded_anew(
    deployment: Deployment,
) -> None:
    await put(deployment, FULL)
    followed = await deployment.shared.policy.current()
    other = Deployment.open(deployment.url, deployment.keys)
    loaded = await other.shared.policy.current()
    await other.close()
    assert followed == loaded
