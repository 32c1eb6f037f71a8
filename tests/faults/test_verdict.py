"""A verdict names what was acknowledged and is not there."""

from __future__ import annotations

import pytest

from deskhold.identities import Principal, PrincipalKind
from tests.faults.load import ROLE, STRANGER, Places, Record
from tests.faults.trial import Trial
from tests.faults.verdict import judge
from tests.journeys.pair import TENANT

pytestmark = pytest.mark.parametrize("database", ["SQLite"], indirect=True, scope="session")


async def test_a_verdict_names_all_that_is_lost_held_twice_or_done_without_the_right(
    trial: Trial,
) -> None:
    places = Places("verdict")
    record = Record(
        claims={"anna@contoso.com": "pc-1", "ben@contoso.com": "pc-1"},
        hosts={"pc-2": {"carol@contoso.com"}, "pc-3": {None, "dora@contoso.com"}},
        imports=[
            ({"pc-4": "emil@contoso.com"}, True),
            ({"pc-5": "fritz@contoso.com"}, False),
            ({"pc-6": STRANGER, "pc-7": "gerd@contoso.com"}, False),
        ],
        grants={"hans@contoso.com": {True}, STRANGER: {False}},
    )
    async with trial.pair.client() as owner:
        for name in (places.claims, places.sets, places.imports):
            await owner.create_collection(TENANT, name.rpartition("/")[2], type="personal")
        await owner.add_hosts(places.imports, ["pc-6"])
        await owner.set_assignment(places.imports, user=STRANGER, host_id="pc-6")
        stranger = Principal(PrincipalKind.USER, STRANGER)
        await owner.create_role_assignment(f"/{places.sets}", stranger, ROLE)

        verdict = await judge(record, places, owner)

    lost = "\n".join(verdict.lost)
    assert len(verdict.lost) == 7, lost
    for word in ("anna", "ben", "pc-2", "pc-4", "pc-7", "hans", STRANGER):
        assert word in lost
    assert verdict.held_twice == ("pc-1 was given to 2 users",)
    assert verdict.unauthorized == (f"{STRANGER} is listed",) * 2
