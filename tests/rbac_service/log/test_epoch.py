"""A new epoch after a restore."""

from __future__ import annotations

from deskhold.chassis.clock import now_us
from rbac_service.access.policy import FULL, Freshness
from rbac_service.access.tokens import Revision
from rbac_service.epoch import new_epoch
from rbac_service.log.usecases import Audit
from tests.rbac_service.deployments import Deployment


async def test_tokens_of_the_old_history_ask_for_full_consistency(deployment: Deployment) -> None:
    policy = deployment.shared.policy
    before = await policy.current(FULL)
    proof = Freshness(at_least=(Revision(before.epoch, before.revision),))
    epoch = await new_epoch(deployment.database, now_us=now_us())
    # Known by the first question that asks the store.
    await policy.current(FULL)
    await deployment.assign("bob@x", "RDS Reader")
    after = await policy.current(proof)
    assert (after.epoch, after.revision) == (epoch, before.revision + 2)


async def test_it_is_an_entry_of_the_log_and_the_chain_holds(deployment: Deployment) -> None:
    await new_epoch(deployment.database, now_us=now_us())
    found = await Audit(deployment.database).verify()
    assert (found.count, found.bad_revision) == (2, 0)


async def test_an_empty_store_stays_empty_for_its_first_owner(
    database_url: str, keys: object
) -> None:
    empty = Deployment.open(database_url, keys)  # type: ignore[arg-type]
    await new_epoch(empty.database, now_us=now_us())
    assert (await empty.shared.policy.current()).revision == 0
    await empty.close()
