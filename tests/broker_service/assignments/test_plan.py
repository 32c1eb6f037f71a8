"""The plan of an import against a naive model of what merging and replacing mean."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker_service.assignments.files import FileRow, write_rows
from broker_service.assignments.plan import Outcome, Plan, Planner
from broker_service.collections.rules import Collection, CollectionType, Draft
from broker_service.hosts.rules import Hold, Host
from deskhold.errors import InvalidArgument
from tests.broker_service.stores import DOMAINS, ENG, Store

Holdings = dict[str, str]
Rows = list[tuple[str, str]]

HOSTS = [f"pc-{number}" for number in range(6)]
USERS = [f"user{number}@contoso.com" for number in range(5)]


def spelled(name: str, choice: int) -> str:
    account = name.partition("@")[0]
    return (name, name.upper(), f"CONTOSO\\{account}")[choice] if "@" in name else name.upper()


rows = st.lists(
    st.tuples(
        st.sampled_from([*HOSTS, "pc-none"]).flatmap(
            lambda host: st.sampled_from([host, host.upper()])
        ),
        st.builds(spelled, st.sampled_from(USERS), st.integers(0, 2)),
    ),
    max_size=8,
)
limits = st.integers(1, 3)


@st.composite
def situations(draw: st.DrawFn) -> tuple[int, Holdings]:
    limit = draw(limits)
    wanted = draw(st.dictionaries(st.sampled_from(HOSTS), st.sampled_from(USERS)))
    counts: Counter[str] = Counter()
    holdings = {}
    for host, user in wanted.items():
        if counts[user] < limit:
            counts[user] += 1
            holdings[host] = user
    return limit, holdings


def expected(
    limit: int, holdings: Holdings, file: Rows, *, replace: bool
) -> tuple[list[Outcome], Holdings]:
    """Go through the file row by row, the plain way; return the verdicts and what is held then."""
    state = {} if replace else dict(holdings)
    first: dict[str, str] = {}
    verdicts = []
    for host_id, user in file:
        host, key = host_id.lower(), DOMAINS.user_key(user)
        verdict = Outcome.REJECTED
        if host in HOSTS and first.setdefault(host, key) == key:
            if state.get(host) == key:
                verdict = Outcome.UNCHANGED
            elif host not in state and list(state.values()).count(key) < limit:
                state[host] = key
                was = holdings.get(host) == key
                verdict = Outcome.UNCHANGED if was else Outcome.ASSIGNED
        verdicts.append(verdict)
    return verdicts, state


def planned(limit: int, holdings: Holdings, file: Rows, *, replace: bool) -> Plan:
    collection = Collection(
        1, ENG, "uid", Draft("", "", CollectionType.PERSONAL, False, False, limit), 1, 1
    )
    slots: Counter[str] = Counter()
    hosts = {}
    for number, key in enumerate(HOSTS):
        hold = None
        if key in holdings:
            user = holdings[key]
            hold = Hold(user, user, slots[user], 1, "user:admin@contoso.com")
            slots[user] += 1
        hosts[key] = Host(number, ENG, key, key, "uid", "", 3389, hold, 1, 1)
    read = [FileRow(line, host, user) for line, (host, user) in enumerate(file, start=1)]
    return Planner(collection, hosts, DOMAINS, replace=replace, now_us=1).plan(read)


@settings(max_examples=400)
@given(situations(), rows, st.booleans())
def test_verdicts_and_changes_are_those_of_the_plain_way(
    situation: tuple[int, Holdings], file: Rows, replace: bool
) -> None:
    limit, holdings = situation
    verdicts, after = expected(limit, holdings, file, replace=replace)

    plan = planned(limit, holdings, file, replace=replace)

    assert [one.outcome for one in plan.verdicts] == verdicts
    assert [one.row.line for one in plan.verdicts] == list(range(1, len(file) + 1))
    assert all(bool(one.reason) == (one.outcome is Outcome.REJECTED) for one in plan.verdicts)
    if Outcome.REJECTED not in verdicts:
        left = {key: user for key, user in holdings.items() if not removes(plan, key)}
        for host, someone in plan.assign:
            assert host.key not in left
            left[host.key] = someone.key
        assert left == after


def removes(plan: Plan, key: str) -> bool:
    return any(host.key == key for host in plan.remove)


@given(situations(), rows)
def test_nothing_ends_by_merging(situation: tuple[int, Holdings], file: Rows) -> None:
    assert planned(*situation, file, replace=False).remove == []


@pytest.fixture
def plain_store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    asyncio.run(opened.database.close())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(situation=situations(), file=rows, replace=st.booleans())
def test_an_import_leaves_exactly_what_is_expected_or_everything_as_it_was(
    plain_store: Store, situation: tuple[int, Holdings], file: Rows, replace: bool
) -> None:
    limit, holdings = situation
    verdicts, after = expected(limit, holdings, file, replace=replace)

    async def imported() -> Holdings:
        store = plain_store
        await store.commit(empty)
        await store.make(*HOSTS, max_desktops_per_user=limit)
        for host, user in holdings.items():
            await store.set(user, host)
        try:
            await store.import_file(write_rows(file), replace=replace)
        except InvalidArgument as refusal:
            # A file without rows is refused too.
            assert Outcome.REJECTED in verdicts or not file
            assert refusal.reason in ("IMPORT_REJECTED", "FIELD_VIOLATION")
            assert await store.holdings() == holdings
            return holdings
        assert await store.replayed_history() == after
        return await store.holdings()

    left = asyncio.run(imported())

    assert left == (holdings if Outcome.REJECTED in verdicts or not file else after)


def empty(connection: object) -> None:
    for table in ("app_groups", "hosts", "history", "collections"):
        connection.exec_driver_sql(f"DELETE FROM {table}")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("row", "reason", "words"),
    [
        (("pc-9", USERS[1]), "HOST_NOT_FOUND", "host pc-9 is not in"),
        (("pc-0", USERS[1]), "HOST_HELD", f"held by {USERS[0]}; import with replace"),
        (("pc-1", USERS[0]), "USER_LIMIT_REACHED", f"{USERS[0]} holds pc-0"),
        (("pc-1", "alice"), "FIELD_VIOLATION", "neither 'DOMAIN\\user' nor 'user@domain'"),
    ],
)
def test_a_rejection_says_why(row: tuple[str, str], reason: str, words: str) -> None:
    (verdict,) = planned(1, {"pc-0": USERS[0]}, [row], replace=False).verdicts

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECTED, reason)
    assert words in verdict.message


def test_a_host_with_two_users_is_rejected_with_the_line_of_the_first() -> None:
    file = [("pc-0", USERS[0]), ("pc-1", USERS[1]), ("PC-0", USERS[2])]

    verdicts = planned(1, {}, file, replace=True).verdicts

    assert [one.outcome.value for one in verdicts] == ["ASSIGNED", "ASSIGNED", "REJECTED"]
    assert verdicts[2].reason == "HOST_HELD"
    assert "stands in line 1 with another user" in verdicts[2].message
