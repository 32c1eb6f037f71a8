"""A row per RPC of this service: the action it needs and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from deskhold import names
from deskhold.api.broker.v1 import watch_pb2
from deskhold.chassis.access import Need, Row, named
from deskhold.chassis.calls import Caller
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains, PrincipalKind
from deskhold.names import Kind

_CONNECT: Final = "deskhold.resources/appGroups/connect/action"
_CHOOSE_HOST: Final = "deskhold.resources/appGroups/chooseHost/action"
_CONNECT_ON_BEHALF: Final = "deskhold.resources/appGroups/connectOnBehalf/action"
# What force and replace may end: assignments, reservations and quarantines.
_END: Final = ("assignments/delete", "assignments/confirmRelease/action")
# What is read by who watches resources of a kind.
_NOUNS: Final = {
    watch_pb2.RESOURCE_KIND_COLLECTION: "collections",
    watch_pb2.RESOURCE_KIND_APP_GROUP: "appGroups",
    watch_pb2.RESOURCE_KIND_HOST: "hosts",
    watch_pb2.RESOURCE_KIND_ASSIGNMENT: "assignments",
    watch_pb2.RESOURCE_KIND_SESSION: "sessions",
}


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
        way_in = Need(_CONNECT if is_own else _CONNECT_ON_BEHALF, name.scope)
        return (way_in, Need(_CHOOSE_HOST, name.scope)) if request.host_id else (way_in,)

    def watch(request: Any, _: Caller) -> Sequence[Need]:
        name = names.parse(request.parent, Kind.TENANT, Kind.COLLECTION, field="parent")
        nouns = [_NOUNS[kind] for kind in request.kinds if kind in _NOUNS] or _NOUNS.values()
        return [Need(f"deskhold.resources/{noun}/read", name.scope) for noun in nouns]

    def _is(caller: Caller, user: str) -> bool:
        own = caller.principal
        if own.kind is not PrincipalKind.USER or own.directory:
            return False
        try:
            return domains.user_key(own.id) == domains.user_key(user)
        except InvalidArgument:
            return False

    return {
        "CollectionService/CreateCollection": _at_tenant("collections/write"),
        "CollectionService/GetCollection": _at("collections/read", field="name"),
        "CollectionService/ListCollections": _at_tenant("collections/read"),
        "CollectionService/UpdateCollection": _at("collections/write", field="collection.name"),
        "CollectionService/DeleteCollection": _at(
            "collections/delete", field="name", force=("hosts/delete", *_END)
        ),
        "AppGroupService/CreateAppGroup": _at("appGroups/write"),
        "AppGroupService/GetAppGroup": _at_app_group("appGroups/read"),
        "AppGroupService/ListAppGroups": _at("appGroups/read"),
        "AppGroupService/UpdateAppGroup": _at_app_group("appGroups/write", field="app_group.name"),
        "AppGroupService/DeleteAppGroup": _at_app_group("appGroups/delete"),
        "HostService/BatchCreateHosts": _at("hosts/write"),
        "HostService/GetHost": _at_host("hosts/read"),
        "HostService/ListHosts": _at("hosts/read"),
        "HostService/UpdateHost": _at_host("hosts/write", field="host.name"),
        "HostService/BatchUpdateHosts": _at("hosts/write"),
        "HostService/MoveHosts": _move,
        "HostService/BatchDeleteHosts": _at("hosts/delete", force=_END),
        "AgentService/ReportHosts": _at("agents/report/action"),
        "AssignmentService/SetAssignment": _at("assignments/write", force=_END),
        "AssignmentService/RemoveAssignment": _at("assignments/delete"),
        "AssignmentService/ListAssignments": _at("assignments/read"),
        "AssignmentService/SwapAssignments": _at("assignments/write"),
        "AssignmentService/MoveAssignment": _at("assignments/write"),
        "AssignmentService/ReserveHost": _at("assignments/write"),
        "AssignmentService/CancelReservation": _at("assignments/delete"),
        "AssignmentService/ConfirmRelease": _at("assignments/confirmRelease/action"),
        "AssignmentService/ListAssignmentPeriods": _at("assignments/read"),
        "AssignmentService/ImportAssignments": _at("assignments/write", replace=_END),
        "AssignmentService/ExportAssignments": _at("assignments/read"),
        "SessionService/Connect": connect,
        "SessionService/ResolveRoutingToken": _at_tenant("gateways/resolve/action"),
        "SessionService/GetPublisher": _at_deployment_or_tenant("publishers/read"),
        "SessionService/ListSessions": named(
            "deskhold.resources/sessions/read", Kind.COLLECTION, Kind.TENANT, field="parent"
        ),
        "SessionService/GetSession": _at_session("sessions/read"),
        "SessionService/DisconnectSession": _at_session("sessions/disconnect/action"),
        "SessionService/LogOffSession": _at_session("sessions/logOff/action"),
        "SessionService/SendSessionMessage": _at_session("sessions/sendMessage/action"),
        "SessionService/GetSessionCommand": named("deskhold.resources/sessions/read", Kind.COMMAND),
        "RegistrationService/CompareScopes": _at_deployment_or_tenant("registration/read"),
        "RegistrationService/RepairScopes": _at_deployment_or_tenant("registration/write"),
        "DiagnosticsService/ListActivities": named(
            "deskhold.diagnostics/read", Kind.DIAGNOSTICS, Kind.TENANT_DIAGNOSTICS, field="parent"
        ),
        "WatchService/Watch": watch,
    }


def _at(action: str, *, field: str = "parent", **more: Sequence[str]) -> Row:
    """Return the row of an RPC at a collection.

    Args:
        action: The action that it always needs.
        field: The field that names the collection.
        more: For a flag of the request, the actions that it needs too when the flag is set.
    """
    always = named(f"deskhold.resources/{action}", Kind.COLLECTION, field=field)

    def needs(request: Any, caller: Caller) -> Sequence[Need]:
        (need,) = always(request, caller)
        added = [
            action for flag, actions in more.items() if getattr(request, flag) for action in actions
        ]
        return (need, *(Need(f"deskhold.resources/{one}", need.scope) for one in added))

    return needs if more else always


def _at_tenant(action: str) -> Row:
    return named(f"deskhold.resources/{action}", Kind.TENANT, field="parent")


def _at_app_group(action: str, *, field: str = "name") -> Row:
    return named(f"deskhold.resources/{action}", Kind.APP_GROUP, field=field)


def _at_host(action: str, *, field: str = "name") -> Row:
    return named(f"deskhold.resources/{action}", Kind.HOST, field=field)


def _at_session(action: str) -> Row:
    return named(f"deskhold.resources/{action}", Kind.SESSION)


def _at_deployment_or_tenant(action: str) -> Row:
    def needs(request: Any, _: Caller) -> Sequence[Need]:
        name = names.parse_scope(request.scope)
        if name.kind not in (Kind.DEPLOYMENT, Kind.TENANT):
            raise InvalidArgument.of_field(
                "scope", f"{names.quoted(request.scope)} is neither '/' nor a tenant; give one"
            )
        return (Need(f"deskhold.resources/{action}", name.scope),)

    return needs


def _move(request: Any, caller: Caller) -> Sequence[Need]:
    leave = _at("hosts/delete")(request, caller)
    return (*leave, *_at("hosts/write", field="destination")(request, caller))
