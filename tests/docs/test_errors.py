"""docs/errors.md names every reason there is, with the code it is sent with, and no other."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections import defaultdict
from dataclasses import dataclass

import pytest

from deskhold import channel, errors, status
from deskhold.api.errors.v1.error_reason_pb2 import ErrorReason
from deskhold.cli import exits
from tests.docs import sources
from tests.docs.tables import ROOT, code, codes, table

DOCUMENT = "docs/errors.md"
CODES = table(DOCUMENT, "Codes").rows
SERVICES = {code(row["Reason"]): row for row in table(DOCUMENT, "Reasons of the services").rows}
CLIENT = {code(row["Reason"]): row for row in table(DOCUMENT, "Reasons of the client").rows}
PROTO = (ROOT / "protos/deskhold/api/errors/v1/error_reason.proto").read_text("utf-8")

CLASSES: dict[str, type[errors.DeskholdError]] = {
    name: cls
    for name, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, errors.DeskholdError)
}
PUBLISHED = {
    name.removeprefix("ERROR_REASON_") for name, number in ErrorReason.items() if number != 0
}
# The verdict on a row of an import, never the error of a call.
ONLY_IN_VERDICTS = {("HOST_HELD", "INVALID_ARGUMENT")}


@dataclass(frozen=True)
class Made:
    """An error that is made somewhere in the code."""

    module: str
    code: str
    reason: str
    metadata: frozenset[str]
    has_delay: bool

    @property
    def is_sent(self) -> bool:
        """Whether a service makes it."""
        return self.module.startswith(("broker_service/", "rbac_service/", "deskhold/chassis/"))


def made() -> list[Made]:
    found = [_of_class(name) for name in CLASSES if "default_reason" in vars(CLASSES[name])]
    for module, tree in sources.modules().items():
        for name, call in sources.calls(tree):
            if name == "of_field":
                found.append(
                    Made(module, "INVALID_ARGUMENT", "FIELD_VIOLATION", frozenset({"field"}), False)
                )
            elif name in CLASSES and (reason := _reason(name, call)):
                found.append(_of_call(module, name, call, reason))
    return found


def _of_class(name: str) -> Made:
    cls = CLASSES[name]
    sent = "INTERNAL" if cls is errors.DeskholdError else status.code_of(cls("")).name
    return Made("deskhold/errors.py", sent, cls.default_reason, frozenset(), False)


def _of_call(module: str, name: str, call: ast.Call, reason: str) -> Made:
    metadata = sources.keyword(call, "metadata")
    keys = metadata.keys if isinstance(metadata, ast.Dict) else []
    return Made(
        module,
        status.code_of(CLASSES[name]("")).name,
        reason,
        frozenset(filter(None, map(sources.text, keys))),
        sources.keyword(call, "retry_after_seconds") is not None,
    )


def _reason(name: str, call: ast.Call) -> str | None:
    given = sources.keyword(call, "reason")
    if given is not None:
        return sources.text(given)  # None for a variable: `status` and `channel` read theirs
    return CLASSES[name].default_reason if "default_reason" in vars(CLASSES[name]) else None


def _comment(reason: str) -> str:
    """Return what the proto says about a reason, as one line."""
    comment = re.search(r"((?: *//.*\n)+) *ERROR_REASON_" + reason + " = ", PROTO)
    assert comment is not None
    return " ".join(line.strip().removeprefix("// ") for line in comment[1].splitlines())


MADE = made()


def test_the_table_holds_exactly_the_published_reasons() -> None:
    assert set(SERVICES) == PUBLISHED


def test_every_reason_that_a_service_gives_is_published() -> None:
    assert {one.reason for one in MADE if one.is_sent} <= PUBLISHED


def test_every_published_reason_is_given_somewhere() -> None:
    assert {one.reason for one in MADE} >= PUBLISHED


def test_every_error_without_a_usual_reason_says_one() -> None:
    without = [
        f"{module}:{call.lineno}"
        for module, tree in sources.modules().items()
        for name, call in sources.calls(tree)
        if name in CLASSES and "default_reason" not in vars(CLASSES[name])
        if sources.keyword(call, "reason") is None
    ]

    assert without == []


@pytest.mark.parametrize("reason", sorted(SERVICES))
def test_the_code_is_the_one_the_service_uses(reason: str) -> None:
    used = {(one.reason, one.code) for one in MADE if one.reason == reason} - ONLY_IN_VERDICTS

    assert used == {(reason, SERVICES[reason]["Code"])}


@pytest.mark.parametrize("reason", sorted(SERVICES))
def test_the_code_is_the_one_the_proto_promises(reason: str) -> None:
    promised = _comment(reason).partition(":")[0]

    assert promised == SERVICES[reason]["Code"]


@pytest.mark.parametrize("reason", sorted(SERVICES))
def test_the_example_of_the_proto_has_the_metadata_of_the_one_here(reason: str) -> None:
    of_proto = re.search(r"Example: ({.*?})\.$", _comment(reason))

    assert of_proto is not None
    assert set(json.loads(of_proto[1])) == set(json.loads(code(SERVICES[reason]["Example"])))


@pytest.mark.parametrize("reason", sorted(SERVICES))
def test_the_example_has_the_metadata_that_the_code_gives(reason: str) -> None:
    example = json.loads(code(SERVICES[reason]["Example"]))

    given = [one.metadata for one in MADE if one.reason == reason]
    assert any(set(example) == keys for keys in given)
    assert all(isinstance(value, str) for value in example.values())


def test_the_reasons_with_a_delay_are_those_that_the_text_names() -> None:
    text = " ".join((ROOT / DOCUMENT).read_text("utf-8").split())
    (named,) = re.findall(r"where a repetition can help: with ([A-Z_, and]+)\.", text)

    delayed = {one.reason for one in MADE if one.has_delay}
    assert set(re.findall("[A-Z_]{2,}", named)) == delayed


def test_the_reasons_of_the_client_are_exactly_those_that_are_not_published() -> None:
    of_connections = {reason for _, reason, _ in channel._UNREACHED}
    by_client = {one.reason for one in MADE if not one.is_sent} | of_connections

    assert set(CLIENT) == by_client - PUBLISHED


@pytest.mark.parametrize("reason", sorted(CLIENT))
def test_a_reason_of_the_client_is_raised_as_the_class_that_the_table_says(reason: str) -> None:
    raised = defaultdict(set)
    for one in MADE:
        raised[one.reason].add(one.code)
    for _, of_connection, _ in channel._UNREACHED:
        raised[of_connection].add("UNAVAILABLE")

    said = (CLASSES[name] for name in codes(CLIENT[reason]["Class"]))
    assert raised[reason] == {status.code_of(cls("")).name for cls in said}


def test_the_table_of_codes_is_that_of_the_code() -> None:
    said = {
        (row["Code"], code(row["Class in `deskhold.errors`"]), int(row["Exit code"]))
        for row in CODES
    }

    concrete = {name: cls for name, cls in CLASSES.items() if cls is not errors.DeskholdError}
    assert said == {
        (status.code_of(cls("")).name, name, exits.code(cls(""))) for name, cls in concrete.items()
    }


def test_a_rejected_import_is_the_one_exception_among_exit_codes() -> None:
    exceptions = {
        reason
        for reason, row in SERVICES.items()
        for cls in CLASSES.values()
        if cls is not errors.DeskholdError and status.code_of(cls("")).name == row["Code"]
        if exits.code(cls("", reason=reason)) != exits.code(cls(""))
    }

    assert exceptions == {"IMPORT_REJECTED"}
