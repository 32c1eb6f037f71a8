import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deskhold import environment
from deskhold.embedded.paths import Home
from deskhold.errors import FailedPrecondition, Unavailable
from tests.deskhold.embedded.stand_ins import Spoken, events, launcher, stand_in


@pytest.fixture
def addresses(home: Home) -> tuple[str, str]:
    said = environment.read({environment.HOME: str(home.path)})
    return said["DESKHOLD_RBAC_ADDRESS"], said["DESKHOLD_BROKER_ADDRESS"]


def kill(home: Home, service: str, number: signal.Signals) -> None:
    os.kill(int(home.process_id(service)), number)


async def test_services_start_in_order_and_stop_in_reverse(
    home: Home, addresses: tuple[str, str]
) -> None:
    say = Spoken()
    both = launcher(
        home, stand_in(home, "rbac", addresses[0]), stand_in(home, "broker", addresses[1]), say=say
    )
    running = asyncio.create_task(both.run())
    await say.wait_for("go on")

    os.kill(os.getpid(), signal.SIGTERM)

    assert await running == 0
    assert events(home) == ["rbac started", "broker started", "broker stopped", "rbac stopped"]
    assert addresses[0] in say.lines[0]
    assert addresses[1] in say.lines[1]
    assert not home.pid_file("rbac").exists()
    assert not home.pid_file("broker").exists()


async def test_a_service_that_dies_is_reported_and_leaves_the_other_running(
    home: Home, addresses: tuple[str, str]
) -> None:
    say = Spoken()
    both = launcher(
        home, stand_in(home, "rbac", addresses[0]), stand_in(home, "broker", addresses[1]), say=say
    )
    running = asyncio.create_task(both.run())
    await say.wait_for("go on")

    kill(home, "rbac", signal.SIGKILL)

    assert "broker keeps running" in await say.wait_for("rbac was killed by SIGKILL")
    await say.wait_for("run rbac")
    assert not home.pid_file("rbac").exists()
    assert not running.done()

    kill(home, "broker", signal.SIGTERM)

    await say.wait_for("broker ended with exit code 0")
    assert await running == 1


async def test_a_service_that_died_is_started_alone_beside_the_first_launcher(
    home: Home, addresses: tuple[str, str]
) -> None:
    first_words, second_words = Spoken(), Spoken()
    rbac, broker = (
        stand_in(home, *pair) for pair in zip(("rbac", "broker"), addresses, strict=True)
    )
    first = asyncio.create_task(launcher(home, rbac, broker, say=first_words).run())
    await first_words.wait_for("go on")
    kill(home, "rbac", signal.SIGKILL)
    await first_words.wait_for("rbac was killed")

    second = asyncio.create_task(launcher(home, rbac, say=second_words).run())
    await second_words.wait_for("rbac listens")

    with pytest.raises(FailedPrecondition, match="broker already runs from"):
        await launcher(home, broker, say=Spoken()).run()
    kill(home, "rbac", signal.SIGTERM)
    assert await second == 1
    kill(home, "broker", signal.SIGTERM)
    assert await first == 1


async def test_a_second_launcher_is_refused_and_starts_nothing(
    home: Home, addresses: tuple[str, str]
) -> None:
    say = Spoken()
    rbac, broker = (
        stand_in(home, *pair) for pair in zip(("rbac", "broker"), addresses, strict=True)
    )
    first = asyncio.create_task(launcher(home, broker, say=say).run())
    await say.wait_for("go on")
    process_id = home.process_id("broker")

    with pytest.raises(FailedPrecondition, match=f"broker already runs .* as process {process_id}"):
        await launcher(home, rbac, broker, say=Spoken()).run()

    assert events(home) == ["broker started"]
    kill(home, "broker", signal.SIGTERM)
    assert await first == 1


async def test_the_broker_is_not_started_when_rbac_fails_to(
    home: Home, addresses: tuple[str, str]
) -> None:
    say = Spoken()
    rbac = stand_in(home, "rbac", addresses[0], "fail")

    code = await launcher(home, rbac, stand_in(home, "broker", addresses[1]), say=say).run()

    assert code == 1
    assert "rbac ended with exit code 3" in say.lines[0]
    assert not (home.path / "events").exists()


async def test_a_service_that_never_serves_is_stopped_and_named(
    home: Home, addresses: tuple[str, str]
) -> None:
    mute = stand_in(home, "rbac", addresses[0], "mute")

    with pytest.raises(Unavailable, match="rbac does not serve on localhost"):
        await launcher(home, mute, say=Spoken(), start_seconds=1).run()

    assert events(home) == ["rbac started", "rbac stopped"]


async def test_a_service_deaf_to_sigterm_is_killed_after_the_grace(
    home: Home, addresses: tuple[str, str]
) -> None:
    say = Spoken()
    deaf = stand_in(home, "rbac", addresses[0], "deaf")
    running = asyncio.create_task(launcher(home, deaf, say=say, grace_seconds=0.2).run())
    await say.wait_for("go on")

    os.kill(os.getpid(), signal.SIGINT)

    assert await running == 0
    assert events(home) == ["rbac started"]


async def test_a_second_ctrl_c_ends_the_grace(home: Home, addresses: tuple[str, str]) -> None:
    say = Spoken()
    deaf = stand_in(home, "rbac", addresses[0], "deaf")
    running = asyncio.create_task(launcher(home, deaf, say=say, grace_seconds=600).run())
    await say.wait_for("go on")

    os.kill(os.getpid(), signal.SIGINT)
    await say.wait_for("stopping rbac")
    os.kill(os.getpid(), signal.SIGINT)

    async with asyncio.timeout(10):
        assert await running == 0


ORPHANING = """
import asyncio, os, sys
from pathlib import Path
from deskhold.embedded.paths import Home
from tests.deskhold.embedded.stand_ins import launcher, stand_in

home = Home(Path(sys.argv[1]))
say = lambda line: print(line, flush=True)
asyncio.run(launcher(home, stand_in(home, "rbac", sys.argv[2]), say=say).run())
"""


def test_the_service_of_a_killed_launcher_still_holds_its_home(
    home: Home, addresses: tuple[str, str]
) -> None:
    arguments = [sys.executable, "-c", ORPHANING, str(home.path), addresses[0]]
    root = Path(__file__).parents[3]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=root) as killed:
        assert killed.stdout is not None
        assert "rbac listens" in killed.stdout.readline()
        killed.kill()
    orphan = int(home.process_id("rbac"))
    again = launcher(home, stand_in(home, "rbac", addresses[0]), say=Spoken())

    try:
        with pytest.raises(FailedPrecondition, match=f"as process {orphan}"):
            asyncio.run(again.run())
    finally:
        os.kill(orphan, signal.SIGKILL)
