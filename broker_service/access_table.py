"""A row per RPC of this service: the action it needs and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from deskhold import names
from deskhold.chassis.access import Need, Row, named
from deskhold.chassis.calls import Caller
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains, Principal, PrincipalKind
from deskhold.names import Kind

_CONNECT: Final = "deskhold.resources/appGroups/connect/action"
_CONNECT_ON_BEHALF: Final = "deskhold.resources/appGroups/connectOnBehalf/action"


def access_table(domains: Domains) -> Mapping[str, Row]:
    """Return the table.

    Args:
        domains: The deployment's domains, to tell whether somebody connects for themselves.
    """

    def connect(request: Any, caller: Caller) -> Sequence[Need]:
        name = names.parse(request.name, Kind.COLLECTION, Kind.APP_GROUP)
        if name.kind is Kind.COLLECTION:
            name = name.child("appGroups", names.DESKTOP_APP_GROUP)
        is_own = not request.user or _is(caller, request.user)
        return (Need(_CONNECT if is_own else _CONNECT_ON_BEHALF, name.scope),)

    def _is(caller: Caller, user: str) -> bool:
        try:
            return caller.key == domains.key(Principal(PrincipalKind.USER, user))
        except InvalidArgument:
            return False

    return {
        "CollectionService/CreateCollection": _at_tenant("collections/write"),
        "CollectionService/GetCollection": _at("collections/read", field="name"),
        "CollectionService/ListCollections": _at_tenant("collections/read"),
        "CollectionService/DeleteCollection": _at("collections/delete", field="name"),
        "HostService/BatchCreateHosts": _at("hosts/write"),
        "HostService/GetHost": named("deskhold.resources/hosts/read", Kind.HOST),
        "HostService/ListHosts": _at("hosts/read"),
        "HostService/BatchDeleteHosts": _at("hosts/delete"),
        "AssignmentService/SetAssignment": _at("assignments/write"),
        "AssignmentService/RemoveAssignment": _at("assignments/delete"),
        "AssignmentService/ListAssignments": _at("assignments/read"),
        "AssignmentService/ImportAssignments": _import,
        "AssignmentService/ExportAssignments": _at("assignments/read"),
        "SessionService/Connect": connect,
    }


def _at(action: str, *, field: str = "parent") -> Row:
    return named(f"deskhold.resources/{action}", Kind.COLLECTION, field=field)


def _at_tenant(action: str) -> Row:
    return named(f"deskhold.resources/{action}", Kind.TENANT, field="parent")


def _import(request: Any, caller: Caller) -> Sequence[Need]:
    write = _at("assignments/write")(request, caller)
    if not request.replace:
        return write
    return (*write, *_at("assignments/delete")(request, caller))
