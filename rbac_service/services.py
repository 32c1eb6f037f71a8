"""The gRPC services of this process, each with what its servicer needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from google.protobuf.descriptor import FileDescriptor

from deskhold.api.rbac.v1 import (
    access_pb2,
    access_pb2_grpc,
    audit_pb2,
    audit_pb2_grpc,
    groups_pb2,
    groups_pb2_grpc,
    policies_pb2,
    policies_pb2_grpc,
    role_assignments_pb2,
    role_assignments_pb2_grpc,
    role_definitions_pb2,
    role_definitions_pb2_grpc,
    scopes_pb2,
    scopes_pb2_grpc,
    watch_pb2,
    watch_pb2_grpc,
)
from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Database
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from deskhold.chassis.server import Service
from deskhold.identities import Domains
from rbac_service.access.policy import Policy
from rbac_service.access.queries import Queries
from rbac_service.access.servicer import AccessServicer
from rbac_service.access.tokens import Tokens
from rbac_service.access.usecases import Access
from rbac_service.assignments.servicer import RoleAssignmentServicer
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.groups.servicer import GroupServicer
from rbac_service.groups.usecases import Groups
from rbac_service.log.decisions import DecisionLog
from rbac_service.log.servicer import AuditServicer, WatchServicer
from rbac_service.log.usecases import Audit
from rbac_service.log.watch import Feed
from rbac_service.messages import Messages
from rbac_service.policies.servicer import PolicyServicer
from rbac_service.policies.usecases import Policies
from rbac_service.roles.servicer import RoleDefinitionServicer
from rbac_service.roles.usecases import Roles
from rbac_service.scopes.servicer import ScopeServicer
from rbac_service.scopes.usecases import Scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the servicers share.

    Attributes:
        database: The policy store.
        domains: The deployment's domains.
        policy: The policy as this process knows it.
        access: Decides.
        decisions: Keeps what was decided.
        feed: Follows the log for those who watch.
        messages: Knows under which keys somebody may hold roles.
        mutations: Runs the transactions.
        pager: Issues page tokens.
        tokens: Makes and reads revision tokens.
        max_age_seconds: How old the policy may be for answers that minimize latency.
    """

    database: Database
    domains: Domains
    policy: Policy
    access: Access
    decisions: DecisionLog
    feed: Feed
    messages: Messages
    mutations: Mutations
    pager: Pager
    tokens: Tokens
    max_age_seconds: float


def all_services(shared: Shared) -> tuple[Service, ...]:
    """Return every service, in the order in which the protos are read best."""
    database, messages, pager = shared.database, shared.messages, shared.pager
    queries = Queries(shared.policy, now_us)
    # What every servicer that changes something needs, and what every one that lists does.
    writing: dict[str, Any] = {
        "messages": messages,
        "mutations": shared.mutations,
        "clock_us": now_us,
    }
    listing: dict[str, Any] = writing | {"pager": pager}
    role_name = shared.policy.role_name
    access = AccessServicer(
        shared.access,
        queries=queries,
        messages=messages,
        tokens=shared.tokens,
        decisions=shared.decisions,
        pager=pager,
        max_age_seconds=shared.max_age_seconds,
    )
    roles = RoleDefinitionServicer(Roles(database), queries=queries, **listing)
    assignments = RoleAssignmentServicer(
        RoleAssignments(database, shared.domains), role_name=role_name, **listing
    )
    groups = GroupServicer(Groups(database, shared.domains), **listing)
    scopes = ScopeServicer(Scopes(database), **listing)
    policies = PolicyServicer(
        Policies(database, shared.policy, shared.domains), role_name=role_name, **writing
    )
    audit = AuditServicer(Audit(database), shared.decisions, messages, pager)
    return (
        _service(
            access_pb2.DESCRIPTOR, access_pb2_grpc.add_AccessServiceServicer_to_server, access
        ),
        _service(
            role_definitions_pb2.DESCRIPTOR,
            role_definitions_pb2_grpc.add_RoleDefinitionServiceServicer_to_server,
            roles,
        ),
        _service(
            role_assignments_pb2.DESCRIPTOR,
            role_assignments_pb2_grpc.add_RoleAssignmentServiceServicer_to_server,
            assignments,
        ),
        _service(groups_pb2.DESCRIPTOR, groups_pb2_grpc.add_GroupServiceServicer_to_server, groups),
        _service(scopes_pb2.DESCRIPTOR, scopes_pb2_grpc.add_ScopeServiceServicer_to_server, scopes),
        _service(
            policies_pb2.DESCRIPTOR,
            policies_pb2_grpc.add_PolicyServiceServicer_to_server,
            policies,
        ),
        _service(audit_pb2.DESCRIPTOR, audit_pb2_grpc.add_AuditServiceServicer_to_server, audit),
        _service(
            watch_pb2.DESCRIPTOR,
            watch_pb2_grpc.add_WatchServiceServicer_to_server,
            WatchServicer(shared.feed),
        ),
    )


def _service(file: FileDescriptor, register: Callable[[Any, Any], None], servicer: Any) -> Service:
    # One service a file, so the file names it.
    (descriptor,) = file.services_by_name.values()
    return Service(descriptor, partial(register, servicer))
