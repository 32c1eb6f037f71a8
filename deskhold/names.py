"""Resource names and scopes (AIP-122): parse, format, parent, contains.

A name carries its parents, and `"/" + name` is its scope, so that a permission is decided from the
name in a request before anything is loaded. Hosts, their assignments, sessions and commands have no
scope of their own; the collection's counts for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from deskhold.errors import InvalidArgument

ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
DEPLOYMENT_SCOPE = "/"
DESKTOP_APP_GROUP = "desktop"
_MAX_LENGTH = 1024
# A refusal quotes what it refuses, and travels in trailers, of which clients accept 8 KiB.
_MAX_QUOTED = 100


class Kind(Enum):
    """What a name names; the value is the pattern people see in errors."""

    DEPLOYMENT = ""
    DIAGNOSTICS = "diagnostics"
    TENANT_GROUP = "tenantGroups/{tenant_group}"
    TENANT = "tenantGroups/{tenant_group}/tenants/{tenant}"
    TENANT_DIAGNOSTICS = "tenantGroups/{tenant_group}/tenants/{tenant}/diagnostics"
    COLLECTION = "tenantGroups/{tenant_group}/tenants/{tenant}/collections/{collection}"
    APP_GROUP = COLLECTION + "/appGroups/{app_group}"
    HOST = COLLECTION + "/hosts/{host}"
    ASSIGNMENT = COLLECTION + "/hosts/{host}/assignment"
    SESSION = COLLECTION + "/hosts/{host}/sessions/{session}"
    COMMAND = COLLECTION + "/hosts/{host}/commands/{command}"


SCOPE_KINDS = frozenset(Kind) - {Kind.HOST, Kind.ASSIGNMENT, Kind.SESSION, Kind.COMMAND}


@dataclass(frozen=True, slots=True)
class Name:
    """A parsed resource name.

    Attributes:
        text: The name as it is written, without a leading slash; empty for the deployment.
        kind: What it names.
        ids: Its ids, outermost first.
        scope: The scope at which roles for this resource count.
    """

    text: str
    kind: Kind
    ids: tuple[str, ...]
    scope: str

    def __str__(self) -> str:
        return self.text

    @property
    def id(self) -> str:
        """The last id: the resource's own."""
        return self.ids[-1]

    @property
    def collection(self) -> Name:
        """The collection this name lies in, itself if it is one."""
        if self.kind is Kind.COLLECTION:
            return self
        return parse("/".join(self.text.split("/")[:6]), Kind.COLLECTION)

    @property
    def parent(self) -> Name:
        """The name one step up. The deployment has none.

        Raises:
            ValueError: For the deployment.
        """
        if self.kind is Kind.DEPLOYMENT:
            raise ValueError("the deployment has no parent")
        segments = self.text.split("/")
        return _parse("/".join(segments[: -1 if len(segments) % 2 else -2]))

    def child(self, segment: str, child_id: str) -> Name:
        """Return the name one step down, for example `child("hosts", "pc-017")`."""
        return _parse(f"{self.text}/{segment}/{child_id}".lstrip("/"))


def parse(text: str, *kinds: Kind, field: str = "name") -> Name:
    """Return a name of one of the kinds.

    Args:
        text: The name, without a leading slash.
        kinds: What it may name; any kind when none is given.
        field: The request field it came from, for the error.

    Raises:
        InvalidArgument: It is no such name; says what it should look like.
    """
    try:
        name = _parse(text)
    except ValueError as error:
        raise InvalidArgument.of_field(
            field, f"{quoted(text)} {error}; give {_wanted(kinds)}"
        ) from None
    if kinds and name.kind not in kinds:
        raise InvalidArgument.of_field(field, f"{quoted(text)} is not of the form {_wanted(kinds)}")
    return name


def parse_scope(text: str, *, field: str = "scope") -> Name:
    """Return the name of the resource whose scope is given, for example of `/tenantGroups/contoso`.

    Raises:
        InvalidArgument: It is no scope.
    """
    try:
        return _parse_scope(text)
    except ValueError:
        # What is refused is looked at again, with the words for it.
        if text.startswith("/"):
            return parse(text[1:], *SCOPE_KINDS, field=field)
        raise InvalidArgument.of_field(
            field, f"{quoted(text)} does not begin with '/'; the deployment is '/'"
        ) from None


@lru_cache(maxsize=65536)
def ancestors(scope: str) -> tuple[str, ...]:
    """Return a scope and all scopes above it, innermost first, ending in `/`.

    The scope is taken to be well-formed. Diagnostics lie under the tenant
    or deployment whose they are.
    """
    above = []
    segments = scope[1:].split("/") if scope != DEPLOYMENT_SCOPE else []
    while segments:
        above.append("/" + "/".join(segments))
        del segments[-1 if len(segments) % 2 else -2 :]
    return (*above, DEPLOYMENT_SCOPE)


def contains(outer: str, inner: str) -> bool:
    """Say whether a scope is, or lies above, another."""
    return outer in (DEPLOYMENT_SCOPE, inner) or inner.startswith(outer + "/")


def _wanted(kinds: tuple[Kind, ...]) -> str:
    return " or ".join(f"'{kind.value}'" for kind in kinds or tuple(Kind) if kind.value)


def quoted(text: str) -> str:
    """Return a name or id of any length as errors show it."""
    return repr(text if len(text) <= _MAX_QUOTED else text[:_MAX_QUOTED] + "…")


def is_id(text: str) -> bool:
    """Say whether a text may be the id of a resource."""
    return ID_PATTERN.fullmatch(text) is not None


def fold_id(text: str) -> str:
    """Return the form in which host ids are compared: Windows ignores their case."""
    return text.lower()


_SHAPES = {
    tuple(
        segment for segment in kind.value.split("/") if segment and not segment.startswith("{")
    ): kind
    for kind in Kind
}


@lru_cache(maxsize=65536)
def _parse(text: str) -> Name:
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"is longer than {_MAX_LENGTH} characters")
    segments = text.split("/") if text else []
    kind = _SHAPES.get(tuple(segments[0::2]))
    singleton = kind in (Kind.DIAGNOSTICS, Kind.TENANT_DIAGNOSTICS, Kind.ASSIGNMENT)
    if kind is None or len(segments) % 2 != singleton:
        raise ValueError("is no resource name")
    ids = tuple(segments[1::2])
    for one in ids:
        if not is_id(one):
            raise ValueError(
                f"holds the id {quoted(one)}, which is not a letter or digit"
                " followed by up to 62 letters, digits, '.', '_' or '-'"
            )
    scope = "/" + (text if kind in SCOPE_KINDS else "/".join(segments[:6]))
    return Name(text, kind, ids, scope)


@lru_cache(maxsize=65536)
def _parse_scope(text: str) -> Name:
    name = _parse(text[1:])
    if not text.startswith("/") or name.kind not in SCOPE_KINDS:
        raise ValueError("is no scope")
    return name
