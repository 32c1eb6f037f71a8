from __future__ import annotations

import asyncio
from typing import Any

import pytest

from broker_service.registration.rules import Mismatch, MismatchKind
from deskhold.api.broker.v1 import registration_pb2 as pb
from deskhold.client import Client
from deskhold.errors import FailedPrecondition, InvalidArgument, NotFound
from deskhold.names import Kind, Name, parse
from tests.broker_service.brokers import SECONDS, Broker
from tests.broker_service.pair import OWNER, Eng, Pair

NOT_REGISTERED = pb.SCOPE_MISMATCH_KIND_NOT_REGISTERED
ORPHANED = pb.SCOPE_MISMATCH_KIND_ORPHANED


def told(answer: Any) -> list[tuple[str, int]]:
    field = "mismatches" if isinstance(answer, pb.CompareScopesResponse) else "repaired"
    return [(one.scope, one.kind) for one in getattr(answer, field)]


def test_stores_in_step_do_not_differ(owner: Client, eng: Eng) -> None:
    found = owner.compare_scopes(f"/{eng.tenant}")

    assert told(found) == []
    # The collection, `desktop` and `erp`.
    assert (found.mismatch_count, found.compared_count) == (0, 3)
    assert told(owner.repair_scopes(f"/{eng.tenant}")) == []


def test_what_was_removed_by_hand_is_found_and_registered(owner: Client, eng: Eng) -> None:
    owner.delete_scope(f"/{eng.name}", force=True)
    lacking = [
        (f"/{eng.name}", NOT_REGISTERED),
        (f"/{eng.name}/appGroups/desktop", NOT_REGISTERED),
        (f"/{eng.name}/appGroups/erp", NOT_REGISTERED),
    ]

    found = owner.compare_scopes(f"/{eng.tenant}")
    assert told(found) == lacking
    assert found.mismatch_count == 3
    assert told(owner.repair_scopes(f"/{eng.tenant}", validate_only=True)) == lacking
    assert told(owner.compare_scopes(f"/{eng.tenant}")) == lacking

    assert told(owner.repair_scopes(f"/{eng.tenant}")) == lacking

    assert told(owner.compare_scopes(f"/{eng.tenant}")) == []
    for scope, _ in lacking:
        assert owner.get_scope(scope).name == scope
    assert told(owner.repair_scopes(f"/{eng.tenant}")) == []


def test_what_was_registered_by_hand_is_found_and_removed_with_its_grants(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    ghost, tool = f"/{eng.tenant}/collections/ghost", f"/{eng.name}/appGroups/tool"
    for scope in (ghost, f"{ghost}/appGroups/desktop", tool):
        owner.create_scope(scope)
    pair.grant("bob@contoso.com", "RDS Owner", ghost)
    orphans = [(tool, ORPHANED), (ghost, ORPHANED), (f"{ghost}/appGroups/desktop", ORPHANED)]
    assert told(owner.compare_scopes(f"/{eng.tenant}")) == sorted(orphans)

    assert told(owner.repair_scopes(f"/{eng.tenant}")) == sorted(orphans)

    assert told(owner.compare_scopes(f"/{eng.tenant}")) == []
    for scope, _ in orphans:
        with pytest.raises(NotFound):
            owner.get_scope(scope)
    owner.create_collection(eng.tenant, "ghost", type="personal")
    assert list(owner.list_role_assignments(ghost, at_scope_only=True)) == []


def test_another_tenant_is_not_looked_at(owner: Client, eng: Eng) -> None:
    beside = f"{eng.tenant}x"
    owner.create_scope(f"/{beside}")
    owner.create_scope(f"/{beside}/collections/ghost")

    assert told(owner.compare_scopes(f"/{eng.tenant}")) == []
    assert (f"/{beside}/collections/ghost", ORPHANED) in told(owner.compare_scopes("/"))
    owner.delete_scope(f"/{beside}", force=True)


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("/tenantGroups/default", "is neither '/' nor a tenant"),
        ("/tenantGroups/default/tenants/t/collections/c", "is neither '/' nor a tenant"),
        ("/diagnostics", "is neither '/' nor a tenant"),
        ("tenantGroups/default/tenants/t", "does not begin with '/'"),
        ("", "does not begin with '/'"),
    ],
)
def test_only_the_deployment_and_tenants_are_compared(
    owner: Client, scope: str, message: str
) -> None:
    for attempt in (owner.compare_scopes, owner.repair_scopes):
        with pytest.raises(InvalidArgument, match=message) as caught:
            attempt(scope)
        assert caught.value.metadata == {"field": "scope"}


@pytest.fixture
def name(tenant: str) -> Name:
    return parse(f"{tenant}/collections/eng", Kind.COLLECTION)


async def compared(broker: Broker, name: Name) -> list[Mismatch]:
    found = await broker.comparison.compare(name.parent, seconds=SECONDS)
    return list(found.mismatches)


async def repaired(broker: Broker, name: Name) -> list[Mismatch]:
    return list(await broker.comparison.repair(name.parent, seconds=SECONDS, validate_only=False))


async def test_a_creation_in_flight_is_no_difference_and_is_not_repaired(
    broker: Broker, owner: Client, name: Name
) -> None:
    desktop = name.child("appGroups", "desktop")
    claim = await broker.open(name, name.scope, desktop.scope)

    assert await compared(broker, name) == []
    assert await repaired(broker, name) == []

    assert owner.get_scope(desktop.scope).name == desktop.scope
    await broker.registration.abandon(name.text, claim)


async def test_a_deletion_in_flight_is_no_difference(broker: Broker, name: Name) -> None:
    await broker.create(name)
    await broker.commit_deletion(name)

    assert await compared(broker, name) == []
    assert await repaired(broker, name) == []


async def test_what_is_made_since_it_was_compared_is_left_alone(
    broker: Broker, owner: Client, name: Name
) -> None:
    owner.create_scope(name.scope)
    (orphan,) = await compared(broker, name)
    assert orphan == Mismatch(name.scope, MismatchKind.ORPHANED)
    await broker.create(name)

    assert not await broker.registration.remove_orphan(name)

    assert owner.get_scope(name.scope).name == name.scope
    assert await broker.transitions() == []


async def test_what_is_deleted_since_it_was_compared_is_left_alone(
    broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name)
    await broker.delete(name)

    assert not await broker.registration.register_missing(name, seconds=SECONDS)

    with pytest.raises(NotFound):
        owner.get_scope(name.scope)
    assert await broker.transitions() == []


async def test_without_the_tenant_nothing_is_registered_and_nothing_is_left_behind(
    broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name)
    owner.delete_scope(name.parent.scope, force=True)

    with pytest.raises(FailedPrecondition) as caught:
        await repaired(broker, name)

    assert caught.value.reason == "PARENT_SCOPE_MISSING"
    assert await broker.transitions() == []
    owner.create_scope(name.parent.scope)
    assert len(await repaired(broker, name)) == 2
    assert await compared(broker, name) == []


async def test_repairs_while_collections_come_and_go_break_nothing(pair: Pair, tenant: str) -> None:
    name = f"{tenant}/collections/eng"
    async with pair.once(OWNER) as client:

        async def one_round() -> None:
            await asyncio.gather(
                client.create_collection(tenant, "eng", type="personal"),
                client.repair_scopes(f"/{tenant}"),
                client.delete_collection(name),
                client.compare_scopes(f"/{tenant}"),
                client.create_collection(tenant, "eng", type="personal"),
                client.repair_scopes(f"/{tenant}"),
                return_exceptions=True,
            )

        for _ in range(15):
            await one_round()
            if [one.name async for one in client.list_collections(tenant)]:
                assert (await client.get_scope(f"/{name}")).name == f"/{name}"
                assert (await client.get_scope(f"/{name}/appGroups/desktop")).name
        assert not (await client.compare_scopes(f"/{tenant}")).mismatches
