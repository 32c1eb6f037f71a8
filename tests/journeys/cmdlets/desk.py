"""The command line as people type it, with what it prints and the requests that it sends."""

from __future__ import annotations

import codecs
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from click.testing import CliRunner, Result
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from deskhold.cli import main
from deskhold.client import Client
from tests.docs.cmdlets import commands
from tests.journeys.pair import OWNER, Pair
from tests.terminals import run_on_terminal

# What --debug says of a call: its method, its metadata, and last the request.
_CALL = re.compile(r"^> ([\w.]+)/(\w+) at .*\n(?:>   .*\n)*>   (.*)\n", re.MULTILINE)

# All desks of a process share the services, so no two give the same name.
_NUMBERS = count(1)


@dataclass(frozen=True)
class Done:
    """What became of a command.

    Attributes:
        code: Its exit code.
        said: What it printed on stderr.
        printed: What it printed on stdout, as JSON where it speaks JSON.
        requests: What it sent, each with its RPC.
    """

    code: int
    said: str
    printed: Any
    requests: tuple[tuple[str, Message], ...]

    @property
    def reason(self) -> str:
        """Why it failed, for programs; `wrong usage` when nothing was sent at all."""
        named = re.search(r"^  reason: (\w+)$", self.said, re.MULTILINE)
        return named[1] if named else "wrong usage"

    def sent(self, rpc: str) -> Message:
        """Return the last request that went to an RPC."""
        return [request for name, request in self.requests if name == rpc][-1]


class Desk:
    """Types commands against both services.

    Attributes:
        pair: The services.
        client: The Owner's client, for what has to be there first.
    """

    def __init__(self, pair: Pair, client: Client) -> None:
        self.pair = pair
        self.client = client
        self._environ: dict[str, str | None] = {
            **{key: None for key in os.environ if key.startswith("DESKHOLD_")},
            "DESKHOLD_HOME": str(pair.home.path),
            "DESKHOLD_TOKEN_FILE": str(pair.token_file(OWNER)),
            "GRPC_VERBOSITY": "NONE",
        }

    def new(self, stem: str) -> str:
        """Return a name that nothing has yet."""
        return f"{stem}-{next(_NUMBERS):04}"

    def type(self, command: str, words: list[str]) -> Done:
        """Run a command, in this process and away from any terminal."""
        arguments = self._arguments(command, words)
        done = self.run(arguments)
        is_rdp = done.stdout_bytes.startswith(codecs.BOM_UTF16_LE)
        stdout = done.stdout_bytes.decode("utf-16") if is_rdp else done.stdout
        return _done(done.exit_code, done.stderr, stdout, arguments)

    def run(self, arguments: list[str], **settings: str) -> Result:
        """Run the command line as it is given, with settings that win over those of the desk."""
        done = CliRunner().invoke(main, arguments, env=self._environ | settings)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done

    def follow(self, command: str, words: list[str]) -> Following:
        """Start a command that goes on until it is interrupted, in a process of its own."""
        return Following(self._arguments(command, words), self._whole_environ)

    def type_on_terminal(self, command: str, words: list[str], *, answer: str) -> Done:
        """Run a command on a terminal, where somebody gives an answer to what it asks."""
        arguments = self._arguments(command, words)
        shown = run_on_terminal(arguments, self._whole_environ, answer=answer)
        return _done(shown.code, shown.terminal.replace("\r\n", "\n"), shown.stdout, arguments)

    @property
    def _whole_environ(self) -> dict[str, str]:
        environ = {**os.environ, **self._environ}
        return {key: value for key, value in environ.items() if value is not None}

    def _arguments(self, command: str, words: list[str]) -> list[str]:
        speaks_json = any(one.name == "output" for one in commands()[command].params)
        form = ["-o", "json"] if speaks_json and "-o" not in words else []
        return [*command.split(), "--debug", *words, *form]


class Following:
    """A command that prints a line of JSON for each thing that happens, until it is interrupted."""

    def __init__(self, arguments: list[str], environ: dict[str, str]) -> None:
        # Who ignores interrupts, as a shell's background jobs do, hands that on to its children.
        program = (
            "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
            " from deskhold.cli import main; main()"
        )
        self._arguments = arguments
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def read(self) -> Any:
        """Return what it prints next; what it said, when it ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else self._process.communicate()[1]

    def interrupt(self) -> Done:
        """Interrupt it; return how it ended."""
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate()
        return Done(self._process.returncode, said, None, tuple(_requests(said)))


def _done(code: int, said: str, stdout: str, arguments: list[str]) -> Done:
    is_json = stdout and arguments[-2:] == ["-o", "json"]
    printed = json.loads(stdout) if is_json else stdout
    return Done(code, said, printed, tuple(_requests(said)))


def held(message: Message, field: str) -> Iterator[Any]:
    """Yield what a field, `Message.field`, holds in a message and in those inside it.

    What is not set is not yielded. Enums are their names; times, durations and messages are as
    JSON has them.
    """
    for descriptor, value in message.ListFields():
        for one in value if descriptor.is_repeated else [value]:
            if f"{message.DESCRIPTOR.name}.{descriptor.name}" == field:
                yield _plain(descriptor, one)
            elif isinstance(one, Message):
                yield from held(one, field)


def enum_values(message: Message) -> Iterator[str]:
    """Yield the names of all values of enums in a message and in those inside it."""
    for descriptor, value in message.ListFields():
        for one in value if descriptor.is_repeated else [value]:
            if descriptor.enum_type is not None:
                yield _plain(descriptor, one)
            elif isinstance(one, Message):
                yield from enum_values(one)


def _plain(descriptor: FieldDescriptor, value: Any) -> Any:
    if descriptor.enum_type is not None:
        return descriptor.enum_type.values_by_number[value].name
    if isinstance(value, Message):
        return MessageToDict(value, preserving_proto_field_name=True)
    return value.decode() if isinstance(value, bytes) else value


def _requests(said: str) -> Iterator[tuple[str, Message]]:
    # By its full name, because both services have a WatchService.
    for service, method, text in _CALL.findall(said):
        found = Default().FindMethodByName(f"{service}.{method}")
        rpc = f"{found.containing_service.name}.{method}"
        yield rpc, text_format.Parse(text, GetMessageClass(found.input_type)())
