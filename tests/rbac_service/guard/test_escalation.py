"""Nobody hands out what they do not hold, by any route."""

from __future__ import annotations

from typing import Any

import pytest

from deskhold.chassis.clock import now_us
from deskhold.errors import FailedPrecondition, PermissionDenied
from rbac_service.assignments.drafts import AssignmentDraft, DelegationDraft
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.groups.usecases import Groups
from rbac_service.log.rules import Author
from rbac_service.policies.rules import Document, WantedGroup, WantedRole
from rbac_service.policies.usecases import Policies
from rbac_service.roles.patterns import BIND, ESCALATE
from rbac_service.roles.refusals import RoleDraft
from rbac_service.roles.rules import Permission
from rbac_service.roles.usecases import MASKABLE, Roles
from tests.rbac_service.deployments import (
    DOMAINS,
    OWNER,
    TENANT,
    Deployment,
    author_of,
    principal,
)

READ = "deskhold.resources/hosts/read"
WRITE = "deskhold.resources/hosts/write"
ROLE_ID = "00000000-0000-0000-0000-0000000000c1"
BOB = author_of("bob@x")
HOUR = 3_600_000_000


class World:
    """bob may manage access, and holds nothing else but what a test gives him."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    async def role(
        self, *actions: str, author: Author = OWNER, at: str = "/", role_id: str = ROLE_ID
    ) -> None:
        await Roles(self.deployment.database).create(
            role_id, draft(*actions, at=at, name=f"Role {role_id[-2:]}"), **self.by(author)
        )

    async def change_role(self, *actions: str, author: Author = BOB) -> None:
        await Roles(self.deployment.database).update(
            ROLE_ID, draft(*actions), mask=sorted(MASKABLE), etag="", within="/", **self.by(author)
        )

    async def delete_role(self) -> None:
        await Roles(self.deployment.database).delete(ROLE_ID, etag="", within="/", **self.by(OWNER))

    async def undelete_role(self, author: Author = BOB) -> None:
        await Roles(self.deployment.database).undelete(ROLE_ID, within="/", **self.by(author))

    async def join(self, group: str, member: str, author: Author = BOB) -> None:
        await Groups(self.deployment.database, DOMAINS).add_member(
            group, principal(member), **self.by(author)
        )

    async def put(self, document: Document, author: Author = BOB) -> None:
        policies = Policies(self.deployment.database, self.deployment.shared.policy, DOMAINS)
        await policies.import_(document, scope="/", replace=False, **self.by(author))

    async def take(self, name: str, author: Author = BOB) -> None:
        await RoleAssignments(self.deployment.database, DOMAINS).delete(
            name, etag="", **self.by(author)
        )

    def by(self, author: Author) -> dict[str, Any]:
        return {"author": author, "now_us": now_us(), "commit": self.deployment.commit}


def draft(*actions: str, at: str = "/", name: str = "Gardener") -> RoleDraft:
    return RoleDraft(name, "", (Permission(actions),), (at,))


def delegation(*roles: str, kinds: tuple[str, ...] = (), **limits: Any) -> DelegationDraft:
    people = tuple(map(principal, limits.get("people", ())))
    return DelegationDraft(roles, kinds, people, limits.get("longest"))


@pytest.fixture
async def world(deployment: Deployment) -> World:
    await deployment.assign("bob@x", "Access Administrator")
    return World(deployment)


def escalates() -> Any:
    return pytest.raises(PermissionDenied, check=lambda error: error.reason == "ESCALATION")


async def test_by_assignment(world: World) -> None:
    assign = world.deployment.assign
    for who in ("bob@x", "eve@x", "group:any"):
        with escalates():
            await assign(who, "RDS Reader", author=BOB)

    await assign("bob@x", "RDS Reader", TENANT)
    await assign("eve@x", "RDS Reader", TENANT, author=BOB)
    with escalates():
        await assign("eve@x", "RDS Reader", author=BOB)
    with escalates():
        await assign("eve@x", "RDS Contributor", TENANT, author=BOB)


async def test_by_making_a_role(world: World) -> None:
    with escalates():
        await world.role(READ, author=BOB)

    await world.deployment.assign("bob@x", "RDS Reader", TENANT)
    await world.role(READ, author=BOB, at=TENANT)
    with escalates():
        await world.role(READ, author=BOB, role_id=ROLE_ID[:-2] + "c2")


async def test_by_changing_a_role_that_somebody_holds(world: World) -> None:
    await world.deployment.assign("bob@x", "RDS Reader")
    await world.role(READ)
    await world.deployment.assign("bob@x", f"roleDefinitions/{ROLE_ID}")

    with escalates():
        await world.change_role(READ, WRITE)
    with escalates():
        await world.change_role("*")
    await world.change_role("*/read")


async def test_by_bringing_a_role_back(world: World) -> None:
    await world.role(WRITE)
    await world.delete_role()

    with escalates():
        await world.undelete_role()
    await world.undelete_role(OWNER)


async def test_by_membership_and_by_nesting(world: World) -> None:
    await world.deployment.add_group("inner")
    await world.deployment.add_group("outer", "group:inner")
    await world.deployment.add_group("idle")
    await world.deployment.assign("group:outer", "RDS Contributor", TENANT)

    for group in ("inner", "outer"):
        for member in ("bob@x", "group:idle"):
            with escalates():
                await world.join(group, member)
    await world.join("idle", "bob@x")
    await world.deployment.assign("bob@x", "RDS Contributor", TENANT)
    await world.join("inner", "group:idle")


async def test_by_import(world: World) -> None:
    await world.deployment.add_group("strong")
    await world.deployment.assign("group:strong", "RDS Owner")

    for document in (
        Document(assignments=(AssignmentDraft("/", principal("bob@x"), "RDS Owner"),)),
        Document(groups=(WantedGroup("strong", "", (principal("bob@x"),)),)),
        Document(roles=(WantedRole("", draft(READ)),)),
    ):
        with pytest.raises(PermissionDenied):
            await world.put(document)


async def test_for_longer_than_one_holds_it(world: World) -> None:
    ends = now_us() + HOUR
    await world.deployment.assign("bob@x", "RDS Reader", expire_us=ends)
    assign = world.deployment.assign

    windows: tuple[dict[str, Any], ...] = ({}, {"expire_us": ends + 1}, {"start_us": ends - 1})
    for longer in windows:
        with escalates():
            await assign("eve@x", "RDS Reader", author=BOB, **longer)
    await assign("eve@x", "RDS Reader", author=BOB, expire_us=ends)
    with escalates():
        await world.put(
            Document(assignments=(AssignmentDraft("/", principal("eve@x"), "RDS Reader"),))
        )


async def test_what_one_will_hold_or_has_held_does_not_count(world: World) -> None:
    await world.deployment.assign("bob@x", "RDS Reader", start_us=now_us() + HOUR)

    with escalates():
        await world.deployment.assign("eve@x", "RDS Reader", author=BOB)


async def test_within_the_limits_of_a_delegation_and_not_beyond(deployment: Deployment) -> None:
    await deployment.assign(
        "bob@x",
        "Access Administrator",
        TENANT,
        delegation=delegation("RDS User", kinds=("user",), people=("eve@x",), longest=HOUR),
    )
    soon, late = now_us() + HOUR // 2, now_us() + 2 * HOUR

    for who, role, ends in (
        ("eve@x", "RDS Reader", soon),
        ("dave@x", "RDS User", soon),
        ("group:eve@x", "RDS User", soon),
        ("eve@x", "RDS User", late),
        ("eve@x", "RDS User", None),
        ("eve@x", "Access Administrator", soon),
    ):
        with escalates():
            await deployment.assign(who, role, TENANT, author=BOB, expire_us=ends)
    await deployment.assign("eve@x", "RDS User", TENANT, author=BOB, expire_us=soon)


async def test_a_delegation_hands_out_no_role_that_its_author_does_not_hold(world: World) -> None:
    with escalates():
        await world.deployment.assign(
            "eve@x", "Access Administrator", author=BOB, delegation=delegation("RDS Owner")
        )


async def test_limits_are_not_shaken_off_by_assigning_the_right_to_assign(
    deployment: Deployment,
) -> None:
    limits = delegation(kinds=("user",))
    await deployment.assign("bob@x", "Access Administrator", delegation=limits)

    with escalates():
        await deployment.assign("eve@x", "Access Administrator", author=BOB)


async def test_bind_lets_one_assign_what_one_does_not_hold_and_no_more(world: World) -> None:
    await world.role(BIND)
    await world.deployment.assign("bob@x", f"roleDefinitions/{ROLE_ID}")

    await world.deployment.assign("eve@x", "RDS Reader", author=BOB)
    with escalates():
        await world.role(READ, author=BOB, role_id=ROLE_ID[:-2] + "c2")


async def test_escalate_lets_one_write_roles_one_does_not_hold_and_no_more(world: World) -> None:
    await world.role(ESCALATE)
    await world.deployment.assign("bob@x", f"roleDefinitions/{ROLE_ID}")

    await world.role(READ, author=BOB, role_id=ROLE_ID[:-2] + "c2")
    with escalates():
        await world.deployment.assign("eve@x", "RDS Reader", author=BOB)


@pytest.mark.parametrize("action", [BIND, ESCALATE])
async def test_a_star_does_not_hand_out_what_must_be_named(world: World, action: str) -> None:
    await world.deployment.assign("bob@x", "RDS Owner", TENANT)

    with escalates():
        await world.role(action, author=BOB, at=TENANT)


async def test_the_last_permanent_owner_stays(deployment: Deployment) -> None:
    world = World(deployment)
    policies = Policies(deployment.database, deployment.shared.policy, DOMAINS)
    (own,) = [
        f"roleAssignments/{one.id}"
        for one in (await policies.export("/")).assignments
        if one.principal_key == "user:alice@x"
    ]
    await deployment.add_group("owners", "carol@x")
    others: tuple[tuple[str, dict[str, Any]], ...] = (
        ("group:owners", {}),
        ("service_principal:spiffe://x/y", {}),
        ("dave@x", {"expire_us": now_us() + HOUR}),
    )
    for who, terms in others:
        await deployment.assign(who, "RDS Owner", **terms)

    with pytest.raises(FailedPrecondition) as refused:
        await world.take(own, OWNER)
    assert refused.value.reason == "LAST_OWNER"

    await deployment.assign("bob@x", "RDS Owner")
    await world.take(own, OWNER)
