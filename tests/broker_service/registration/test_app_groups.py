"""The scopes of app groups stay in step, also while their collection comes and goes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog

from broker_service.rbac import Authority
from deskhold.channel import open_async
from deskhold.client import Client
from deskhold.errors import DeskholdError, FailedPrecondition, NotFound, Unavailable
from deskhold.names import Kind, Name, parse
from tests.broker_service.brokers import MINUTE_US, Broker
from tests.broker_service.pair import Pair
from tests.broker_service.stores import Store


@pytest.fixture
async def eng(broker: Broker, tenant: str) -> Name:
    name = parse(f"{tenant}/collections/eng", Kind.COLLECTION)
    await broker.create(name)
    return name


@pytest.fixture
def office(eng: Name) -> Name:
    return eng.child("appGroups", "office")


@pytest.fixture
def desktop(eng: Name) -> Name:
    return eng.child("appGroups", "desktop")


def is_registered(owner: Client, name: Name) -> bool:
    try:
        return owner.get_scope(name.scope).name == name.scope
    except NotFound:
        return False


async def test_an_app_group_made_and_deleted_leaves_nothing_behind(
    broker: Broker, owner: Client, eng: Name, office: Name
) -> None:
    await broker.create_app_group(office)
    assert is_registered(owner, office)

    await broker.delete_app_group(office)

    assert not is_registered(owner, office)
    assert is_registered(owner, eng)
    assert await broker.transitions() == []


async def test_with_the_authority_away_a_creation_is_refused_and_leaves_nothing(
    pair: Pair, broker: Broker, owner: Client, office: Name
) -> None:
    with pair.authority_stopped(), pytest.raises(Unavailable) as caught:
        await broker.create_app_group(office)

    assert caught.value.reason == "AUTHORITY_UNAVAILABLE"
    assert not await broker.has(office)
    await broker.until_settled()
    assert not is_registered(owner, office)


async def test_with_the_authority_away_a_deletion_stands_and_keeps_the_name_until_it_is_back(
    pair: Pair, broker: Broker, owner: Client, office: Name
) -> None:
    await broker.create_app_group(office)
    pair.grant("bob@contoso.com", "RDS User", office.scope)
    with pair.authority_stopped():
        await broker.delete_app_group(office)
        with pytest.raises(FailedPrecondition) as caught:
            await broker.create_app_group(office)
    assert caught.value.reason == "NAME_IN_TRANSITION"
    assert caught.value.metadata == {"name": office.text}
    assert caught.value.retry_after_seconds

    await broker.until_settled()
    await broker.create_app_group(office)

    assert list(owner.list_role_assignments(office.scope, at_scope_only=True)) == []


async def test_a_removal_left_over_from_a_deleted_collection_spares_the_next_one(
    pair: Pair, broker: Broker, owner: Client, eng: Name, desktop: Name, office: Name
) -> None:
    await broker.create_app_group(office)
    await broker.commit_deletion(desktop)
    await broker.take_removal(desktop)
    await broker.delete(eng)

    # Its desktop is still to be removed; a new one would be taken for it.
    with pytest.raises(FailedPrecondition) as caught:
        await broker.create(eng)
    assert caught.value.reason == "NAME_IN_TRANSITION"
    assert caught.value.metadata == {"name": eng.text}
    broker.clock.now_us += MINUTE_US
    await broker.until_settled()
    await broker.create(eng)

    broker.clock.now_us += 6 * MINUTE_US
    await broker.until_settled()
    assert is_registered(owner, eng)
    assert is_registered(owner, desktop)


async def test_an_app_group_is_not_made_in_the_next_collection_of_the_name(
    broker: Broker, owner: Client, eng: Name, office: Name
) -> None:
    async def commit_late(work: Any) -> Any:
        await broker.delete(eng)
        # The creation under way keeps the names below the collection taken.
        with pytest.raises(FailedPrecondition):
            await broker.create(eng)
        await broker.store.make(name=eng.text)
        return await broker.store.commit(work)

    with pytest.raises(FailedPrecondition) as caught:
        await broker.create_app_group(office, commit=commit_late)

    assert caught.value.reason == "NAME_IN_TRANSITION"
    assert not await broker.has(office)
    assert not is_registered(owner, office)
    assert await broker.transitions() == []


async def test_an_app_group_whose_collection_goes_meanwhile_is_not_made(
    broker: Broker, owner: Client, eng: Name, office: Name
) -> None:
    async def commit_late(work: Any) -> Any:
        await broker.delete(eng)
        return await broker.store.commit(work)

    with pytest.raises(NotFound) as caught:
        await broker.create_app_group(office, commit=commit_late)

    assert caught.value.reason == "COLLECTION_NOT_FOUND"
    assert not is_registered(owner, eng)
    assert await broker.transitions() == []


async def test_what_is_there_keeps_its_scope_whatever_was_left_behind(
    broker: Broker, owner: Client, eng: Name, office: Name
) -> None:
    await broker.create_app_group(office)
    await broker.leave_row(office, "CREATING")

    broker.clock.now_us += 6 * MINUTE_US
    await broker.until_settled()

    assert await broker.has(office)
    assert is_registered(owner, office)


async def test_while_its_scope_is_registered_anew_an_app_group_is_not_deleted(
    broker: Broker, owner: Client, office: Name
) -> None:
    await broker.create_app_group(office)
    await broker.leave_row(office, "CREATING")

    with pytest.raises(FailedPrecondition) as caught:
        await broker.delete_app_group(office)

    assert caught.value.reason == "NAME_IN_TRANSITION"
    assert await broker.has(office)


async def test_brokers_that_make_and_delete_collections_and_app_groups_at_once_stay_in_step(
    pair: Pair, broker: Broker, owner: Client, eng: Name, office: Name, desktop: Name
) -> None:
    channel = open_async(pair.as_broker())
    second_store = Store(broker.store.url)
    second = Broker(second_store, Authority(channel, structlog.get_logger()), broker.clock)
    reasons = set()

    async def attempt(one: Broker, number: int) -> None:
        acts = (
            one.create(eng),
            one.create_app_group(office),
            one.delete_app_group(desktop),
            one.delete_app_group(office),
            one.create_app_group(desktop),
            one.delete(eng),
        )
        for act in (*acts[number:], *acts[:number]):
            try:
                await act
            except DeskholdError as error:
                reasons.add(error.reason)

    async with broker.running(), second.running():
        for _ in range(4):
            await asyncio.gather(
                *(attempt(one, number) for number in range(6) for one in (broker, second))
            )
            while await broker.transitions():
                pass
            for name in (eng, office, desktop):
                assert await broker.has(name) == is_registered(owner, name), name
    await second_store.database.close()
    await channel.close()

    assert reasons <= {
        "COLLECTION_ALREADY_EXISTS",
        "COLLECTION_NOT_FOUND",
        "APP_GROUP_ALREADY_EXISTS",
        "APP_GROUP_NOT_FOUND",
        "LAST_APP_GROUP",
        "NAME_IN_TRANSITION",
        # Its collection was deleted before the scope of the app group was registered.
        "PARENT_SCOPE_MISSING",
    }
