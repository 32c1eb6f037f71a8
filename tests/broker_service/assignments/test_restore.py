"""Export, remove every host, add them again, import: all is as it was."""

from __future__ import annotations

import pytest

from broker_service.collections.rules import ReleasePolicy
from tests.broker_service.stores import ENG, Store, pcs

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("policy", ReleasePolicy, ids=lambda policy: policy.value)
async def test_ten_thousand_assignments_survive_the_removal_of_all_hosts(
    store: Store, policy: ReleasePolicy
) -> None:
    hosts = pcs(10_000)
    await store.make(*hosts, max_desktops_per_user=2, release_policy=policy)
    # Every third user has two; names as people write them, with a comma and beyond ASCII.
    users = [f"CONTOSO\\Jürgen, {number - (number % 3 == 2)}" for number in range(len(hosts))]
    rows = "".join(f'{host},"{user}"\n' for host, user in zip(hosts, users, strict=True))
    await store.import_file(rows.encode())
    held, exported = await store.holdings(), await store.transfers.export_file(ENG)

    await store.remove_hosts(*hosts, force=True)
    assert await store.holdings() == {}
    await store.add_hosts(*hosts)
    plan = await store.import_file(exported.content)

    assert exported.row_count == len(plan.assign) == len(hosts)
    assert await store.holdings() == held
    assert (await store.transfers.export_file(ENG)).content == exported.content
    # Both times are told, and the end of the first.
    assert await store.replayed_history() == held
    assert len(await store.history()) == 3 * len(hosts)
