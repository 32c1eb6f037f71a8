"""Which hosts of a collection a condition chooses."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from broker_service import tables
from broker_service.hosts.listing import list_hosts
from broker_service.hosts.rules import Condition, NewConnections
from deskhold.chassis.paging import Page
from tests.broker_service.agents.reports import BROKEN, SHAKY, report
from tests.broker_service.plans import plans
from tests.broker_service.stores import ENG, Store, pcs

NOW_US = 1_000


async def mixed(store: Store) -> None:
    """Hosts named for what is true of them; every one but `unmonitored` has an agent."""
    names = (
        "held",
        "well",
        "drained",
        "shaky",
        "broken",
        "kept",
        "was-kept",
        "was-kept-broken",
        "was-kept-dirty",
        "was-kept-drained",
        "dirty",
        "unmonitored",
    )
    await store.make(*names, grant_administrative_privilege=True)
    await store.report(
        *(report(name) for name in names if name not in ("shaky", "broken", "unmonitored"))
    )
    await store.report(report("shaky", checks=(SHAKY,)), report("broken", checks=(BROKEN,)))
    await store.report(report("was-kept-broken", checks=(BROKEN,)))
    await store.set("CONTOSO\\alice", "held")
    await store.change("drained", "was-kept-drained", new_connections=NewConnections.NO)
    over = {name: NOW_US for name in names if name.startswith("was-kept")}
    for name, until_us in {"kept": NOW_US + 1, **over}.items():
        await store.write(
            update(tables.hosts)
            .where(tables.hosts.c.host_key == name)
            .values(reserved_user="b", reserved_user_key="b", reserved_until_us=until_us,
                    reserved_by="a", claim_rank=None)
        )  # fmt: skip
    await store.write(
        update(tables.hosts)
        .where(tables.hosts.c.host_key.in_(("dirty", "was-kept-dirty")))
        .values(quarantined_us=1, claim_rank=None)
    )


async def chosen(store: Store, *conditions: Condition) -> list[str]:
    rows = await store.hosts.list_page(ENG, Page(100, None), conditions, now_us=NOW_US)
    return [host.host_id for host in rows]


@pytest.mark.parametrize(
    ("conditions", "hosts"),
    [
        ([Condition.ASSIGNED], ["held"]),
        ([Condition.FREE], ["shaky", "unmonitored", "was-kept", "well"]),
        ([Condition.DRAINING], ["drained", "was-kept-drained"]),
        ([Condition.UNHEALTHY], ["broken", "shaky", "was-kept-broken"]),
        ([Condition.RESERVED], ["kept"]),
        ([Condition.QUARANTINED], ["dirty", "was-kept-dirty"]),
        ([Condition.UNMONITORED], ["unmonitored"]),
        ([Condition.RIGHTS_PENDING], ["held"]),
        ([Condition.FREE, Condition.UNHEALTHY], ["shaky"]),
        ([Condition.ASSIGNED, Condition.FREE], []),
    ],
    ids=str,
)
async def test_a_condition_chooses_the_hosts_it_is_true_of(
    store: Store, conditions: list[Condition], hosts: list[str]
) -> None:
    await mixed(store)

    assert await chosen(store, *conditions) == hosts


async def test_rights_are_no_longer_pending_once_they_are_applied(store: Store) -> None:
    await mixed(store)

    await store.report(report("held", administrators=("alice@contoso.com",)))
    applied = await chosen(store, Condition.RIGHTS_PENDING)
    await store.remove(host_id="held")

    assert applied == []
    assert await chosen(store, Condition.RIGHTS_PENDING) == ["held"]


async def test_pages_of_a_condition_follow_each_other(store: Store) -> None:
    await store.make(*pcs(7))
    await store.change(*pcs(5), new_connections=NewConnections.NO)

    first = await store.hosts.list_page(ENG, Page(3, None), [Condition.DRAINING])
    rest = await store.hosts.list_page(ENG, Page(3, first[2].key), [Condition.DRAINING])

    assert [host.host_id for host in (*first[:3], *rest)] == pcs(5)


async def test_a_page_is_read_from_an_index(store: Store) -> None:
    made = await store.make(*pcs(200))

    (found, *_) = await store.database.read(
        lambda tx: plans(
            tx, lambda: list_hosts(tx, made, Page(10, "pc-00050")), "ORDER BY hosts.host_key"
        )
    )

    assert "collection_id" in found or "one_host_of_a_name" in found
    assert "sort" not in found
