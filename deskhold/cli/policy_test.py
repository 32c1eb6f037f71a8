"""`deskhold policy test`: assertions about who may do what, for pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO
from xml.etree import ElementTree

import click

from deskhold.cli import exits
from deskhold.cli.files import write_atomically
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import Column, Record, View, output_option, show_all
from deskhold.cli.principals import of_word
from deskhold.cli.role_files import load
from deskhold.cli.tree import Command
from deskhold.identities import Principal

if TYPE_CHECKING:
    from deskhold.client import Client

# What one call of the service takes.
_MAX_CHECKS = 256
_KEYS = {"may", "may-not", "do", "at", "groups", "directory"}
_VIEW = View(
    (
        Column("outcome", "OUTCOME"),
        Column("assertion", "ASSERTION"),
        Column("message", "WHY"),
    ),
    name="assertion",
)


@dataclass(frozen=True, slots=True)
class _Assertion:
    principal: Principal
    allowed: bool
    action: str
    scope: str
    group_ids: tuple[str, ...]

    def __str__(self) -> str:
        verb = "may" if self.allowed else "may not"
        return f"{self.principal.id} {verb} {self.action} at {self.scope}"


@click.command(cls=Command, example="deskhold policy test examples/policy-tests.yaml")
@click.argument("file", type=click.File("r"))
@click.option(
    "--junit",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the outcomes as JUnit XML, too.",
)
@output_option()
@passed
def test(invocation: Invocation, *, file: TextIO, junit: Path | None, output: str) -> None:
    """Check the assertions in FILE, a YAML list; the exit code is 1 when one fails.

    Each says who (`may: alice@contoso.com`, `may-not: group:helpdesk`), what (`do: ACTION`) and
    where (`at: SCOPE`), and may name the groups of the principal's own token (`groups: [...]`). All
    are checked on what the services hold now; for what fails it says why.
    """
    assertions = list(_assertions(load(file.read(), file.name), file.name))
    outcomes = [
        outcome
        for start in range(0, len(assertions), _MAX_CHECKS)
        for outcome in _checked(invocation.client, assertions[start : start + _MAX_CHECKS])
    ]
    if junit is not None:
        try:
            write_atomically(junit, _junit(outcomes, file.name))
        except OSError as error:
            raise click.FileError(str(junit), error.strerror) from error
    show_all(outcomes, _VIEW, output)
    bad = sum(one["outcome"] != "passed" for one in outcomes)
    invocation.say(f"{len(outcomes) - bad} of {len(outcomes)} assertions hold")
    if bad:
        click.get_current_context().exit(exits.FAILED)


def _assertions(document: Any, file: str) -> Iterator[_Assertion]:
    if not isinstance(document, list) or not document:
        raise click.ClickException(f"{file} is no list of assertions.")
    for number, entry in enumerate(document, 1):
        place = f"{file}, assertion {number}"
        if not isinstance(entry, dict) or set(entry) - _KEYS:
            raise click.ClickException(
                f"{place} is not of the form 'may|may-not: WHO, do: ACTION, at: SCOPE'"
                " with 'groups' and 'directory' when needed."
            )
        groups = entry.get("groups") or []
        who = [entry[key] for key in ("may", "may-not") if key in entry]
        texts = [*who, entry.get("do"), entry.get("at"), *groups]
        if len(who) != 1 or not all(isinstance(one, str) and one for one in texts):
            raise click.ClickException(f"{place} needs one of may and may-not, and do and at.")
        principal = of_word(who[0], str(entry.get("directory", "")))
        yield _Assertion(principal, "may" in entry, entry["do"], entry["at"], tuple(groups))


def _checked(client: Client, assertions: list[_Assertion]) -> Iterator[Record]:
    from deskhold.api.rbac.v1.access_pb2 import DECISION_ALLOW
    from deskhold.client.rbac.access import question

    checks = [
        question(one.action, one.scope, principal=one.principal, group_ids=one.group_ids)
        for one in assertions
    ]
    results = client.batch_check_access(checks).results
    for one, result in zip(assertions, results, strict=True):
        if result.WhichOneof("outcome") != "answer":
            yield _outcome(one, "error", result.error.message)
            continue
        allowed = result.answer.decision == DECISION_ALLOW
        if allowed == one.allowed:
            yield _outcome(one, "passed", "")
        elif allowed:
            yield _outcome(one, "failed", f"allowed by {result.answer.role_assignment}")
        else:
            yield _outcome(one, "failed", _why_not(client, one))


def _why_not(client: Client, one: _Assertion) -> str:
    explained = client.explain_access(
        one.action, one.scope, principal=one.principal, group_ids=one.group_ids
    )
    return explained.near_misses[0].message if explained.near_misses else "denied"


def _outcome(one: _Assertion, outcome: str, message: str) -> Record:
    return {"outcome": outcome, "assertion": str(one), "message": message}


def _junit(outcomes: list[Record], file: str) -> bytes:
    kinds = [one["outcome"] for one in outcomes]
    counts = {"failures": kinds.count("failed"), "errors": kinds.count("error")}
    suite = ElementTree.Element(
        "testsuite",
        {"name": file, "tests": str(len(outcomes))}
        | {key: str(count) for key, count in counts.items()},
    )
    for one in outcomes:
        case = ElementTree.SubElement(suite, "testcase", name=one["assertion"], classname=file)
        element = {"failed": "failure", "error": "error"}.get(one["outcome"])
        if element:
            ElementTree.SubElement(case, element, message=one["message"])
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
