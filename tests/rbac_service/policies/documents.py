"""Policy documents, and what the tests do with them."""

from __future__ import annotations

from typing import Any

from deskhold.chassis.clock import now_us
from rbac_service.assignments.drafts import AssignmentDraft
from rbac_service.log.rules import Author
from rbac_service.policies.messages import document_of, policy_message
from rbac_service.policies.rules import Document, Outcome, WantedGroup, WantedRole
from rbac_service.policies.usecases import Policies
from rbac_service.roles.refusals import RoleDraft
from rbac_service.roles.rules import Permission
from tests.rbac_service.deployments import DOMAINS, OWNER, TENANT, Deployment, principal

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
