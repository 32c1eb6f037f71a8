"""Imports that are refused, each as the call of its own would be, and without a trace."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deskhold.chassis.clock import now_us
from deskhold.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
)
from rbac_service.policies import usecases
from rbac_service.policies.rules import Document, WantedRole
from rbac_service.roles.refusals import RoleDraft
from rbac_service.roles.rules import Permission
from tests.rbac_service.deployments import TENANT, Deployment, author_of
from tests.rbac_service.policies.documents import (
    FULL,
    gardener,
    group,
    holds,
    put,
    revision,
    written,
)


async def test_one_refused_change_undoes_all(deployment: Deployment) -> None:
    document = replace(FULL, assignments=(*FULL.assignments, holds("eve@x", "RDS Nobody")))
    with pytest.raises(Exception, match="RDS Nobody"):
        await put(deployment, document)
    assert await revision(deployment) == 1


async def test_the_last_owner_survives_a_replacing_import(deployment: Deployment) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        await put(deployment, Document(), replace=True)
    assert refused.value.reason == "LAST_OWNER"


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
