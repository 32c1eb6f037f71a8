"""The command that starts the gateway: its settings, options and signals."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import fields
from signal import SIGINT, SIGTERM

import pytest

from examples.gateway.server import Bounds
from tests.docs.tables import code, table
from tests.examples.gateway.conftest import GATEWAY
from tests.examples.gateway.desks import GREETING, Connection, Desk, EchoHost, answer
from tests.examples.gateway.packets import asking
from tests.journeys.pair import TENANT, Pair

COMMAND = (sys.executable, "-m", "examples.gateway.gateway")
ALL_OPTIONS = ("--listen", "127.0.0.1:0", "--tenant", TENANT, "--broker-seconds", "60")
Start = Callable[..., Awaitable["Running"]]


class Running:
    """The gateway as a process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.out = process.stdout
        self.log = process.stderr
        self.port = 0

    async def logged(self, words: str) -> str:
        """Return the next line of the log with these words."""
        async for line in self.log:
            if words in line.decode():
                return line.decode()
        raise AssertionError(f"the gateway ended without logging {words!r}")

    async def enter(self, desk: Desk) -> Connection:
        """Return a client's connection that has reached the host."""
        connection = await asyncio.open_connection("127.0.0.1", self.port)
        connection[1].write(asking(desk.token))
        assert await connection[0].readexactly(len(GREETING)) == GREETING
        return connection


@pytest.fixture
async def start(pair: Pair, host: EchoHost) -> AsyncIterator[Start]:
    """Start the gateway with some options; it is killed in the end if it has not ended."""
    started: list[Running] = []
    token_file = pair.token_file(GATEWAY)

    async def start_one(*options: str) -> Running:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            *ALL_OPTIONS,
            *options,
            env=pair.environ | {"DESKHOLD_TOKEN_FILE": str(token_file)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(Running(process))
        line = (await started[-1].out.readline()).decode()
        assert line.startswith("gateway listens on 127.0.0.1:")
        started[-1].port = int(line.rpartition(":")[2])
        return started[-1]

    yield start_one
    for one in started:
        if one.process.returncode is None:
            one.process.kill()
        await one.process.communicate()


async def test_after_sigterm_nobody_is_accepted_and_open_connections_go_on(
    start: Start, desk: Desk
) -> None:
    gateway = await start()
    reader, writer = await gateway.enter(desk)

    gateway.process.send_signal(SIGTERM)
    await gateway.logged("stopping; 1 connections are open")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(b"still here")
    assert await reader.readexactly(10) == b"still here"
    writer.write_eof()

    assert await gateway.process.wait() == 0


async def test_when_the_grace_time_is_over_connections_are_closed(start: Start, desk: Desk) -> None:
    gateway = await start("--grace-seconds", "0.1")
    connection = await gateway.enter(desk)

    gateway.process.send_signal(SIGTERM)

    assert await answer(connection) == b""
    assert "closed by the gateway" in await gateway.logged("closed 127.0.0.1:")
    assert await gateway.process.wait() == 0


async def test_a_second_signal_ends_the_grace_time(start: Start, desk: Desk) -> None:
    gateway = await start("--grace-seconds", "3600")
    connection = await gateway.enter(desk)

    gateway.process.send_signal(SIGTERM)
    await gateway.logged("stopping")
    gateway.process.send_signal(SIGINT)

    assert await answer(connection) == b""
    assert await gateway.process.wait() == 0


async def test_the_token_is_not_in_the_log_however_much_is_logged(start: Start, desk: Desk) -> None:
    gateway = await start("--verbose")
    await gateway.enter(desk)

    gateway.process.send_signal(SIGTERM)
    gateway.process.send_signal(SIGINT)

    out, log = await gateway.process.communicate()
    assert b"opened" in log
    assert desk.token.encode() not in out + log


WRONG: dict[tuple[str, ...], str] = {
    ("--connections", "0"): "0 is not above 0",
    ("--connections", "1.5"): "invalid",
    ("--idle-seconds", "inf"): "inf is not above 0",
    ("--connections", "1000000000"): "raise the limit (ulimit -n, LimitNOFILE=) or lower",
    ("--listen", "3389"): "'3389' is not HOST:PORT",
    ("--listen", "127.0.0.1:70000"): "'127.0.0.1:70000' is not HOST:PORT",
    ("--tenant", "default"): "'default' is no resource name",
}


@pytest.mark.parametrize("options", WRONG)
def test_an_option_that_cannot_be_used_is_named(pair: Pair, options: tuple[str, ...]) -> None:
    done = run(pair.environ, *options)

    assert done.returncode == 2
    assert WRONG[options] in done.stderr


def test_without_settings_the_missing_ones_are_named(pair: Pair) -> None:
    done = run(pair.environ | {"DESKHOLD_HOME": "/nowhere"})

    assert done.returncode == 2
    assert "set DESKHOLD_BROKER_ADDRESS and DESKHOLD_CA_FILE" in done.stderr


def test_an_address_that_is_taken_is_named(pair: Pair) -> None:
    taken = f"127.0.0.1:{pair.base_port}"

    token = pair.token_file(GATEWAY)

    done = run(pair.environ | {"DESKHOLD_TOKEN_FILE": str(token)}, "--listen", taken)

    assert done.returncode == 1
    assert f"cannot listen at {taken}" in done.stderr


def test_a_credential_that_the_broker_refuses_ends_the_start(pair: Pair) -> None:
    token = pair.token_file("stranger@contoso.com")

    done = run(pair.environ | {"DESKHOLD_TOKEN_FILE": str(token)})

    assert done.returncode == 1
    assert done.stderr.startswith("error: gateway denied: ACTION_DENIED: user:stranger@contoso.com")
    assert "listens" not in done.stdout


def run(environ: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Run a gateway that ends by itself."""
    return subprocess.run(
        [*COMMAND, *ALL_OPTIONS, *options],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_readme_names_every_bound_with_its_default() -> None:
    rows = table("examples/gateway/README.md", "Bounds").rows

    said = {code(row["Option"]): float(row["Default"].replace(",", "")) for row in rows}
    assert said == {f"--{one.name.replace('_', '-')}": one.default for one in fields(Bounds)}
