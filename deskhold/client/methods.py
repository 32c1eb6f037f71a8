"""Every RPC of both services, a line each, and where the services are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

from deskhold import environment, errors
from deskhold.channel import Endpoint
from deskhold.client.bindings import Followed, Paged, Unary
from deskhold.client.broker import (
    agents,
    app_groups,
    assignments,
    collections,
    diagnostics,
    hosts,
    registration,
    sessions,
    watch,
)
from deskhold.client.calls import BROKER, RBAC, Call, Method
from deskhold.client.rbac import (
    access,
    audit,
    groups,
    policies,
    role_assignments,
    roles,
    scopes,
)
from deskhold.client.settings import endpoint


class Methods:
    """Every RPC of both services."""

    create_collection = Unary(collections.create_collection)
    get_collection = Unary(collections.get_collection)
    list_collections = Paged(collections.list_collections)
    update_collection = Unary(collections.update_collection)
    delete_collection = Unary(collections.delete_collection)
    create_app_group = Unary(app_groups.create_app_group)
    get_app_group = Unary(app_groups.get_app_group)
    list_app_groups = Paged(app_groups.list_app_groups)
    update_app_group = Unary(app_groups.update_app_group)
    delete_app_group = Unary(app_groups.delete_app_group)
    add_hosts = Unary(hosts.add_hosts)
    get_host = Unary(hosts.get_host)
    list_hosts = Paged(hosts.list_hosts)
    update_host = Unary(hosts.update_host)
    update_hosts = Unary(hosts.update_hosts)
    move_hosts = Unary(hosts.move_hosts)
    remove_hosts = Unary(hosts.remove_hosts)
    report_hosts = Unary(agents.report_hosts)
    set_assignment = Unary(assignments.set_assignment)
    remove_assignment = Unary(assignments.remove_assignment)
    list_assignments = Paged(assignments.list_assignments)
    swap_assignments = Unary(assignments.swap_assignments)
    move_assignment = Unary(assignments.move_assignment)
    reserve_host = Unary(assignments.reserve_host)
    cancel_reservation = Unary(assignments.cancel_reservation)
    confirm_release = Unary(assignments.confirm_release)
    list_assignment_periods = Paged(assignments.list_assignment_periods)
    import_assignments = Unary(assignments.import_assignments)
    export_assignments = Unary(assignments.export_assignments)
    connect = Unary(sessions.connect)
    resolve_routing_token = Unary(sessions.resolve_routing_token)
    get_publisher = Unary(sessions.get_publisher)
    compare_scopes = Unary(registration.compare_scopes)
    repair_scopes = Unary(registration.repair_scopes)
    list_activities = Paged(diagnostics.list_activities)
    watch_resources = Followed(watch.watch_resources)
    get_session = Unary(sessions.get_session)
    list_sessions = Paged(sessions.list_sessions)
    disconnect_session = Unary(sessions.disconnect_session)
    log_off_session = Unary(sessions.log_off_session)
    send_session_message = Unary(sessions.send_session_message)
    get_session_command = Unary(sessions.get_session_command)

    check_access = Unary(access.check_access)
    batch_check_access = Unary(access.batch_check_access)
    explain_access = Unary(access.explain_access)
    test_permissions = Unary(access.test_permissions)
    list_accessible_scopes = Paged(access.list_accessible_scopes)
    list_principals_with_access = Paged(access.list_principals_with_access)
    list_effective_permissions = Paged(access.list_effective_permissions)
    what_if = Unary(access.what_if)
    who_am_i = Unary(access.who_am_i)
    get_role_definition = Unary(roles.get_role_definition)
    list_role_definitions = Paged(roles.list_role_definitions)
    create_role_definition = Unary(roles.create_role_definition)
    update_role_definition = Unary(roles.update_role_definition)
    delete_role_definition = Unary(roles.delete_role_definition)
    undelete_role_definition = Unary(roles.undelete_role_definition)
    list_role_definition_versions = Paged(roles.list_role_definition_versions)
    list_actions = Unary(roles.list_actions)
    list_grantable_roles = Unary(roles.list_grantable_roles)
    lint_policy = Unary(roles.lint_policy)
    create_role_assignment = Unary(role_assignments.create_role_assignment)
    get_role_assignment = Unary(role_assignments.get_role_assignment)
    list_role_assignments = Paged(role_assignments.list_role_assignments)
    delete_role_assignment = Unary(role_assignments.delete_role_assignment)
    create_group = Unary(groups.create_group)
    get_group = Unary(groups.get_group)
    list_groups = Paged(groups.list_groups)
    delete_group = Unary(groups.delete_group)
    add_group_member = Unary(groups.add_group_member)
    remove_group_member = Unary(groups.remove_group_member)
    list_group_members = Paged(groups.list_group_members)
    create_scope = Unary(scopes.create_scope)
    get_scope = Unary(scopes.get_scope)
    list_scopes = Paged(scopes.list_scopes)
    delete_scope = Unary(scopes.delete_scope)
    export_policy = Unary(policies.export_policy)
    import_policy = Unary(policies.import_policy)
    list_log_entries = Paged(audit.list_log_entries)
    verify_log = Unary(audit.verify_log)
    list_decisions = Paged(audit.list_decisions)
    watch = Followed(audit.watch)

    def __init__(
        self,
        *,
        broker: Endpoint | None = None,
        rbac: Endpoint | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """Take the endpoints; a channel is opened when a call first needs it.

        Args:
            broker: Where the broker listens; None if no method of its is called.
            rbac: Where the RBAC service listens; None likewise.
            timeout_seconds: The deadline of every call; 30 seconds when not given, 120 for import
                and export.
        """
        self._endpoints = {BROKER: broker, RBAC: rbac}
        self._timeout_seconds = timeout_seconds
        self._channels: dict[str, Any] = {}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return a client for the services that the settings name (`deskhold.client.settings`).

        Raises:
            ValueError: The settings file is malformed.
        """
        settings = environment.read(os.environ if environ is None else environ)
        return cls(
            broker=endpoint(settings, "DESKHOLD_BROKER_ADDRESS"),
            rbac=endpoint(settings, "DESKHOLD_RBAC_ADDRESS"),
        )

    def _endpoint_of(self, method: Method) -> Endpoint:
        endpoint = self._endpoints[method.service]
        if endpoint is None:
            setting = f"DESKHOLD_{method.service.upper()}_ADDRESS"
            raise errors.Unavailable(
                f"nothing says where the {method.service} service listens; start the services"
                f" ('make run'), or set {setting} and DESKHOLD_CA_FILE",
                reason="NOT_CONFIGURED",
                metadata={"setting": setting},
            )
        return endpoint

    def _timeout_of(self, call: Call[Any]) -> float:
        return self._timeout_seconds or call.timeout_seconds
