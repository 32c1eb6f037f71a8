"""Commands travel in the answers to reports until their results come back."""

from __future__ import annotations

from broker_service.agents.rules import CommandResult
from broker_service.sessions.reported import CommandState
from deskhold.errors import DeskholdError
from tests.broker_service.agents.reports import report, session
from tests.broker_service.agents.stored import command, states
from tests.broker_service.stores import ENG, Store

ALICE, BOB = "alice@contoso.com", "bob@contoso.com"


async def test_commands_are_sent_until_their_result_is_reported(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    here = report(sessions=(session(1),))
    await store.report(here)
    await command(store, "late", created_us=1_000)
    await command(store, "early", created_us=900)

    sent = await store.report(here, report("pc-2"))
    again = await store.report(here)
    done = (CommandResult("early", True, ""), CommandResult("late", False, "no such session"))
    (after,) = await store.report(report(sessions=(session(1),), results=done))

    names = [f"{ENG}/hosts/pc-1/commands/{one}" for one in ("early", "late")]
    assert [[one.name for one in answer.commands] for answer in sent] == [names, []]  # type: ignore[union-attr]
    assert [one.name for one in again[0].commands] == names  # type: ignore[union-attr]
    assert after.commands == ()  # type: ignore[union-attr]
    assert await states(store) == {"early": ("DONE", ""), "late": ("FAILED", "no such session")}


async def test_a_result_is_final_and_of_ones_own_host(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.report(report(sessions=(session(1),)), report("pc-2"))
    await command(store, "one")

    foreign = report("pc-2", results=(CommandResult("one", True, "not mine"),))
    await store.report(foreign)
    unanswered = await states(store)
    for said in ("first", "second"):
        result = (CommandResult("one", True, said), CommandResult("never given", True, ""))
        await store.report(report(sessions=(session(1),), results=result))

    assert unanswered == {"one": ("PENDING", "")}
    assert await states(store) == {"one": ("DONE", "first")}


async def test_a_command_ends_with_its_session_unless_it_was_carried_out(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1), session(2), session(3))))
    for number in (1, 2, 3):
        await command(store, f"to-{number}", number)

    result = (CommandResult("to-1", True, ""),)
    await store.report(report(sessions=(session(3, BOB),), results=result), now_us=2_000)

    expired = (CommandState.EXPIRED.value, "")
    assert await states(store) == {"to-1": ("DONE", ""), "to-2": expired, "to-3": expired}


async def test_no_more_than_a_hundred_commands_are_sent_at_once(store: Store) -> None:
    await store.make("pc-1")
    await store.report(report(sessions=(session(1),)))
    for number in range(105):
        await command(store, f"c{number:03}", created_us=900 + number)

    (answer,) = await store.report(report(sessions=(session(1),)))

    assert not isinstance(answer, DeskholdError)
    assert [one.command_id for one in answer.commands] == [f"c{n:03}" for n in range(100)]
