"""Scopes and collections stay in step wherever the broker dies between two steps.

A broker that dies is one whose steps are called one by one and not to the end; the next broker is
another one on the same store. The authority is the real one.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine, text

from broker_service.rbac import Authority
from broker_service.registration.store import mark_deleted
from deskhold.channel import open_async
from deskhold.client import Client
from deskhold.errors import (
    DeskholdError,
    FailedPrecondition,
    NotFound,
    Unavailable,
)
from deskhold.names import Kind, Name, parse
from tests.broker_service.brokers import MINUTE_US, Broker
from tests.broker_service.pair import Pair
from tests.broker_service.stores import Store


@pytest.fixture
def name(tenant: str) -> Name:
    return parse(f"{tenant}/collections/eng", Kind.COLLECTION)


def scopes_of(name: Name) -> tuple[str, str]:
    return (name.scope, name.child("appGroups", "desktop").scope)


def is_registered(owner: Client, name: Name) -> bool:
    found = []
    for scope in scopes_of(name):
        try:
            owner.get_scope(scope)
        except NotFound:
            continue
        found.append(scope)
    assert found in ([], list(scopes_of(name))), "one scope without the other"
    return bool(found)


async def test_a_collection_made_and_deleted_leaves_nothing_behind(
    broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name, "pc-1")
    assert is_registered(owner, name)
    assert await broker.transitions() == []

    await broker.delete(name)

    assert not is_registered(owner, name)
    assert await broker.transitions() == []


async def test_a_broker_that_dies_before_it_commits_leaves_no_scope(
    broker: Broker, owner: Client, name: Name
) -> None:
    await broker.open(name, *scopes_of(name))
    assert is_registered(owner, name)
    assert await broker.transitions() == [(name.text, "CREATING")]

    broker.clock.now_us += 6 * MINUTE_US
    await broker.until_settled()

    assert not is_registered(owner, name)
    await broker.create(name)
    assert is_registered(owner, name)


async def test_a_broker_that_dies_before_it_registers_leaves_the_name_free(
    broker: Broker, owner: Client, name: Name
) -> None:
    # Nothing to register stands for a death before the first scope.
    await broker.open(name)

    broker.clock.now_us += 6 * MINUTE_US
    await broker.until_settled()

    assert not is_registered(owner, name)
    await broker.create(name)


async def test_a_creation_under_way_is_not_taken_for_one_that_was_left_behind(
    broker: Broker, owner: Client, name: Name
) -> None:
    claim = await broker.open(name, *scopes_of(name))
    broker.clock.now_us += 4 * MINUTE_US

    await broker.registration.settle(name.text)

    assert is_registered(owner, name)
    assert await broker.transitions() == [(name.text, "CREATING")]
    await broker.registration.abandon(name.text, claim)


async def test_a_creation_that_was_given_up_does_not_commit_afterwards(
    broker: Broker, owner: Client, name: Name
) -> None:
    async def commit_late(work: Any) -> Any:
        broker.clock.now_us += 6 * MINUTE_US
        await broker.until_settled()
        return await broker.store.commit(work)

    with pytest.raises(FailedPrecondition) as caught:
        await broker.create(name, commit=commit_late)

    assert caught.value.reason == "NAME_IN_TRANSITION"
    assert not await broker.has(name)
    assert not is_registered(owner, name)
    assert await broker.transitions() == []


async def test_a_broker_that_dies_after_the_commit_leaves_a_collection_with_its_scope(
    broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name)

    broker.clock.now_us += 6 * MINUTE_US
    await broker.until_settled()

    assert await broker.has(name)
    assert is_registered(owner, name)


async def test_a_broker_that_dies_after_the_deletion_keeps_the_name_taken_until_the_scope_is_gone(
    pair: Pair, broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name, "pc-1")
    pair.grant("helper@contoso.com", "RDS Owner", name.scope)
    await broker.commit_deletion(name)
    with pytest.raises(FailedPrecondition) as caught:
        await broker.create(name)
    assert caught.value.reason == "NAME_IN_TRANSITION"
    assert caught.value.retry_after_seconds

    await broker.until_settled()

    assert not is_registered(owner, name)
    await broker.create(name)
    assert list(owner.list_role_assignments(name.scope, at_scope_only=True)) == []


async def test_a_broker_that_dies_after_the_scope_is_gone_gives_the_name_back_later(
    broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name)
    await broker.commit_deletion(name)
    await broker.take_removal(name)
    await broker.authority.unregister(name.scope)

    broker.clock.now_us += MINUTE_US
    await broker.until_settled()

    await broker.create(name)
    assert is_registered(owner, name)


async def test_a_removal_somebody_is_at_is_left_to_them_until_they_must_be_dead(
    broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name)
    await broker.commit_deletion(name)
    await broker.take_removal(name)

    await broker.registration.settle(name.text)
    assert is_registered(owner, name)
    broker.clock.now_us += MINUTE_US
    await broker.until_settled()

    assert not is_registered(owner, name)


async def test_with_the_authority_away_a_creation_is_refused_and_leaves_nothing(
    pair: Pair, broker: Broker, owner: Client, name: Name
) -> None:
    with pair.authority_stopped(), pytest.raises(Unavailable) as caught:
        await broker.create(name, "pc-1")

    assert caught.value.reason == "AUTHORITY_UNAVAILABLE"
    assert not await broker.has(name)
    await broker.until_settled()
    assert not is_registered(owner, name)


async def test_with_the_authority_away_a_deletion_stands_and_its_scope_is_removed_later(
    pair: Pair, broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name, "pc-1")

    with pair.authority_stopped():
        await broker.delete(name)

    assert not await broker.has(name)
    assert await broker.transitions() == [(name.text, "REMOVING")]
    await broker.until_settled()
    assert not is_registered(owner, name)


async def test_one_removal_that_fails_does_not_hold_up_the_others(
    broker: Broker, owner: Client, name: Name
) -> None:
    await broker.create(name)
    await broker.commit_deletion(name)
    # The authority refuses to remove what is no scope, today and tomorrow.
    await broker.store.commit(lambda connection: mark_deleted(connection, "nonsense", 0))

    async with broker.running():
        while (name.text, "REMOVING") in await broker.transitions():
            pass

    assert not is_registered(owner, name)
    assert await broker.transitions() == [("nonsense", "REMOVING")]


async def test_brokers_that_make_and_delete_one_name_at_once_stay_in_step(
    pair: Pair, broker: Broker, owner: Client, name: Name
) -> None:
    channel = open_async(pair.as_broker())
    second_store = Store(broker.store.url)
    second = Broker(second_store, Authority(channel, structlog.get_logger()), broker.clock)
    reasons = set()

    async def attempt(one: Broker, number: int) -> None:
        try:
            await (one.delete(name) if number % 2 else one.create(name))
        except DeskholdError as error:
            reasons.add(error.reason)

    async with broker.running(), second.running():
        for _ in range(8):
            await asyncio.gather(
                *(attempt(one, number) for number in range(4) for one in (broker, second))
            )
            while await broker.transitions():
                pass
            assert await broker.has(name) == is_registered(owner, name)
    await second_store.database.close()
    await channel.close()

    assert reasons <= {
        "COLLECTION_ALREADY_EXISTS",
        "COLLECTION_NOT_FOUND",
        "NAME_IN_TRANSITION",
    }


@pytest.mark.parametrize("is_committed", [True, False], ids=["committed", "waiting"])
async def test_a_caller_who_leaves_while_the_name_is_taken_leaves_it_free(
    broker: Broker, owner: Client, name: Name, database_url: str, is_committed: bool
) -> None:
    leaving = asyncio.create_task(broker.open(name, *scopes_of(name)))
    if is_committed:
        for _ in range(10):  # turns of the event loop, until a thread has the work
            await asyncio.sleep(0)
        until_taken(database_url)
    else:
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    await broker.until_settled()

    assert leaving.cancelled()
    assert not is_registered(owner, name)
    await broker.create(name)


def until_taken(url: str) -> None:
    """Return when the name is taken; the event loop, which is busy with this, does not know."""
    taken = text("SELECT count(*) FROM scope_changes")
    engine = create_engine(url)
    with engine.connect() as connection:
        while not connection.execute(taken).scalar_one():
            connection.rollback()
    engine.dispose()
