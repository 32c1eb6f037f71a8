"""What holds for every mutation alike: allowed, denied, authority away, tried, repeated."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from deskhold.client import Client
from deskhold.errors import DeskholdError, InvalidArgument, PermissionDenied, Unavailable
from tests.broker_service.calls import EVERYTHING, MUTATIONS, READS, in_use
from tests.broker_service.pair import OWNER, Eng, Once, Pair
from tests.databases import Databases

each_mutation = pytest.mark.parametrize("name", MUTATIONS, indirect=True)
everything = pytest.mark.parametrize("name", EVERYTHING, indirect=True)


@pytest.fixture
def eng(owner: Client, eng: Eng) -> Iterator[Eng]:
    """As everywhere, with a session on pc-1 and a collection `spare` beside it."""
    with in_use(owner, eng):
        yield eng


async def refusals(client: Once, eng: Eng) -> dict[str, DeskholdError | object]:
    """Try everything at once, reading too; return what came of it, by name."""
    builds = EVERYTHING | READS
    calls = [client.send(build(eng)) for build in builds.values()]
    return dict(zip(builds, await asyncio.gather(*calls, return_exceptions=True), strict=True))


@everything
def test_what_an_owner_does_changes_something(
    pair: Pair, owner: Client, eng: Eng, name: str
) -> None:
    before = pair.dump()

    owner.send(EVERYTHING[name](eng))

    after = pair.dump()
    assert {table for table in after if after[table] != before[table]} - {"replies"}


@everything
def test_what_a_stranger_tries_is_denied_and_changes_nothing(
    pair: Pair, eng: Eng, name: str
) -> None:
    before = pair.dump()

    with pytest.raises(PermissionDenied) as caught:
        pair.client("stranger@contoso.com").send(EVERYTHING[name](eng))

    assert caught.value.reason == "ACTION_DENIED"
    assert pair.dump() == before


@pytest.mark.slow
async def test_while_the_authority_hangs_everything_is_unavailable_and_nothing_changes(
    pair: Pair, eng: Eng
) -> None:
    before = pair.dump()
    async with pair.once(OWNER) as client:
        with pair.authority_stopped():
            came = await refusals(client, eng)

        for name, error in came.items():
            assert isinstance(error, Unavailable), name
            assert error.reason == "AUTHORITY_UNAVAILABLE", name
            assert error.retry_after_seconds, name
        assert pair.dump() == before
        assert (await client.get_collection(eng.name)).assigned_host_count == 1


@pytest.fixture
def doomed(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair of its own, to be broken."""
    started = Pair.start(tmp_path_factory.mktemp("doomed"), databases)
    yield started
    started.stop()


@pytest.mark.slow
async def test_once_the_authority_is_killed_everything_is_unavailable_and_nothing_changes(
    doomed: Pair,
) -> None:
    async with doomed.once(OWNER) as client:
        made = await client.create_collection(
            "tenantGroups/default/tenants/default",
            "eng",
            type="personal",
            auto_assign_user=True,
            host_ids=["pc-1", "pc-2", "pc-3"],
        )
        await client.set_assignment(made.name, user="alice@contoso.com", host_id="pc-1")
        await client.create_app_group(made.name, "erp", type="remote_app")
        before = doomed.dump()
        doomed.kill("rbac")

        came = await refusals(client, Eng("tenantGroups/default/tenants/default", made.name))

    for name, error in came.items():
        assert isinstance(error, Unavailable), name
        assert error.reason == "AUTHORITY_UNAVAILABLE", name
    assert doomed.dump() == before


@each_mutation
def test_trying_out_answers_as_doing_and_changes_nothing(
    pair: Pair, owner: Client, eng: Eng, name: str
) -> None:
    before = pair.dump()

    tried = owner.send(MUTATIONS[name](eng, validate_only=True))

    assert pair.dump() == before
    done = owner.send(MUTATIONS[name](eng))
    assert set(present(tried)) == set(present(done))


def present(message: object) -> list[str]:
    return [field.name for field, _ in message.ListFields()]  # type: ignore[attr-defined]


@each_mutation
def test_repeating_with_the_request_id_gives_the_first_answer_and_changes_nothing(
    pair: Pair, owner: Client, eng: Eng, name: str
) -> None:
    call = MUTATIONS[name](eng, request_id=str(uuid.uuid4()))
    first = owner.send(call)
    before = pair.dump()

    assert owner.send(call) == first

    assert pair.dump() == before


@each_mutation
def test_a_request_id_used_for_another_request_is_refused(
    pair: Pair, owner: Client, eng: Eng, name: str
) -> None:
    own = str(uuid.uuid4())
    owner.add_hosts(eng.name, ["pc-8"], request_id=own)
    before = pair.dump()

    with pytest.raises(InvalidArgument) as caught:
        owner.send(MUTATIONS[name](eng, request_id=own))

    assert caught.value.reason == "REQUEST_ID_REUSED"
    assert caught.value.metadata == {"request_id": own}
    assert pair.dump() == before


@each_mutation
async def test_repeated_while_under_way_it_is_done_once(pair: Pair, eng: Eng, name: str) -> None:
    call = MUTATIONS[name](eng, request_id=str(uuid.uuid4()))
    events = len(pair.dump()["history"])
    async with pair.once(OWNER) as client:
        came = await asyncio.gather(*(client.send(call) for _ in range(8)), return_exceptions=True)

        answers = [one for one in came if not isinstance(one, BaseException)]
        # A creation under way holds its name; who repeats it meanwhile is told to retry.
        reasons = {one.reason for one in came if isinstance(one, DeskholdError)}
        is_creation = name in ("CreateCollection", "CreateAppGroup")
        assert reasons <= ({"NAME_IN_TRANSITION"} if is_creation else set())
        assert answers
        assert all(answer == answers[0] for answer in answers)
        assert await client.send(call) == answers[0]
    after = pair.dump()
    assert sum(row[1] == call.request.request_id for row in after["replies"]) == 1  # type: ignore[attr-defined]
    assert len(after["history"]) - events <= 4


def test_a_first_answer_is_repeated_only_to_who_still_may(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    pair.grant("helper@contoso.com", "RDS Contributor", f"/{eng.name}")
    helper, own = pair.client("helper@contoso.com"), str(uuid.uuid4())
    helper.remove_assignment(eng.name, host_id="pc-1", request_id=own)
    (grant,) = owner.list_role_assignments(f"/{eng.name}", at_scope_only=True)
    owner.delete_role_assignment(grant.name)

    with pytest.raises(PermissionDenied):
        helper.remove_assignment(eng.name, host_id="pc-1", request_id=own)


def test_a_request_id_belongs_to_its_caller(pair: Pair, owner: Client, eng: Eng) -> None:
    pair.grant("helper@contoso.com", "RDS Contributor", f"/{eng.tenant}")
    own = str(uuid.uuid4())
    owner.set_assignment(eng.name, user="bob@contoso.com", host_id="pc-2", request_id=own)

    helped = pair.client("helper@contoso.com").set_assignment(
        eng.name, user="carol@contoso.com", host_id="pc-3", request_id=own
    )

    assert helped.assignment.user == "carol@contoso.com"
