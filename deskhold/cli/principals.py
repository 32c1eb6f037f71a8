"""Principals in output, and as one word in files: `alice@contoso.com`, `group:helpdesk`."""

from __future__ import annotations

from typing import Any

from deskhold.cli.output import Column, Record, without
from deskhold.identities import Principal, PrincipalKind

KIND = without("PRINCIPAL_KIND_")
COLUMNS = (Column("principal.id", "PRINCIPAL"), Column("principal.kind", "KIND", KIND))


def word(principal: Record) -> str:
    """Return a principal of a record as one word: a user's id as it is, others with their kind."""
    kind = KIND(principal["kind"])
    return principal["id"] if kind == "user" else f"{kind}:{principal['id']}"


def words(principals: list[Record]) -> str:
    """Return several, outermost last."""
    return " > ".join(map(word, principals))


def of_word(text: str, directory: str = "") -> Principal:
    """Return the principal of a word: `kind:id`, or a user's id."""
    kind, colon, own = text.partition(":")
    if colon and kind in {one.value for one in PrincipalKind}:
        return Principal(PrincipalKind(kind), own, directory)
    return Principal(PrincipalKind.USER, text, directory)


def of_record(principal: dict[str, Any]) -> Principal:
    """Return the principal of a record."""
    kind = PrincipalKind(KIND(principal["kind"]))
    return Principal(kind, principal["id"], principal.get("directory", ""))
