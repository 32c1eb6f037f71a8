"""The wiring of the services: rooms, use cases, servicers."""

from __future__ import annotations

from functools import partial

from broker_service import tables
from broker_service.agents.servicer import AgentServicer
from broker_service.agents.usecases import Agents
from broker_service.app_groups.servicer import AppGroupServicer
from broker_service.app_groups.usecases import AppGroups
from broker_service.assignments.imports import Transfers
from broker_service.assignments.moves import Moves
from broker_service.assignments.reservations import Reservations
from broker_service.assignments.servicer import AssignmentServicer
from broker_service.assignments.usecases import Assignments
from broker_service.collections.servicer import CollectionServicer
from broker_service.collections.usecases import Collections
from broker_service.diagnostics.recorder import Recorder
from broker_service.diagnostics.servicer import DiagnosticsServicer
from broker_service.diagnostics.usecases import Diagnostics
from broker_service.history.usecases import Periods
from broker_service.hosts.changing import ChangeHosts
from broker_service.hosts.servicer import HostServicer
from broker_service.hosts.usecases import CollectionContents, Hosts
from broker_service.rbac import Authority
from broker_service.registration.outbox import Registration
from broker_service.registration.servicer import RegistrationServicer
from broker_service.registration.usecases import ScopeComparison
from broker_service.sessions.commands import SessionCommands
from broker_service.sessions.routing import RoutingTokens
from broker_service.sessions.servicer import SessionServicer
from broker_service.sessions.signing import Signer
from broker_service.sessions.usecases import Sessions
from broker_service.watch.hub import Hub
from broker_service.watch.servicer import WatchServicer
from deskhold.api.broker.v1 import (
    agents_pb2,
    agents_pb2_grpc,
    app_groups_pb2,
    app_groups_pb2_grpc,
    assignments_pb2,
    assignments_pb2_grpc,
    collections_pb2,
    collections_pb2_grpc,
    diagnostics_pb2,
    diagnostics_pb2_grpc,
    hosts_pb2,
    hosts_pb2_grpc,
    registration_pb2,
    registration_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
    watch_pb2,
    watch_pb2_grpc,
)
from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Database
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from deskhold.chassis.server import Service
from deskhold.chassis.settings import ServerSettings


def services(
    settings: ServerSettings,
    database: Database,
    registration: Registration,
    authority: Authority,
    signer: Signer | None,
    *,
    routing_tokens: RoutingTokens,
    recorder: Recorder,
    hub: Hub,
) -> tuple[Service, ...]:
    """Return the services with what they stand on."""
    domains = settings.domains
    mutations = Mutations(database, tables.replies, now_us)
    pager = Pager(settings.page_key)
    collections = Collections(database, registration, CollectionContents())
    return (
        Service(
            collections_pb2.DESCRIPTOR.services_by_name["CollectionService"],
            partial(
                collections_pb2_grpc.add_CollectionServiceServicer_to_server,
                CollectionServicer(collections, mutations, pager, now_us),
            ),
        ),
        Service(
            app_groups_pb2.DESCRIPTOR.services_by_name["AppGroupService"],
            partial(
                app_groups_pb2_grpc.add_AppGroupServiceServicer_to_server,
                AppGroupServicer(AppGroups(database, registration), mutations, pager, now_us),
            ),
        ),
        Service(
            hosts_pb2.DESCRIPTOR.services_by_name["HostService"],
            partial(
                hosts_pb2_grpc.add_HostServiceServicer_to_server,
                HostServicer(
                    Hosts(database),
                    ChangeHosts(),
                    mutations=mutations,
                    pager=pager,
                    clock_us=now_us,
                ),
            ),
        ),
        Service(
            agents_pb2.DESCRIPTOR.services_by_name["AgentService"],
            partial(
                agents_pb2_grpc.add_AgentServiceServicer_to_server,
                AgentServicer(Agents(database), domains, now_us, recorder.register),
            ),
        ),
        Service(
            assignments_pb2.DESCRIPTOR.services_by_name["AssignmentService"],
            partial(
                assignments_pb2_grpc.add_AssignmentServiceServicer_to_server,
                AssignmentServicer(
                    Assignments(database, domains),
                    moves=Moves(domains),
                    reservations=Reservations(domains),
                    periods=Periods(database, domains),
                    transfers=Transfers(database, domains),
                    mutations=mutations,
                    pager=pager,
                    clock_us=now_us,
                ),
            ),
        ),
        Service(
            sessions_pb2.DESCRIPTOR.services_by_name["SessionService"],
            partial(
                sessions_pb2_grpc.add_SessionServiceServicer_to_server,
                SessionServicer(
                    Sessions(database, domains, routing_tokens, signer),
                    now_us,
                    commands=SessionCommands(database, domains),
                    mutations=mutations,
                    pager=pager,
                ),
            ),
        ),
        Service(
            registration_pb2.DESCRIPTOR.services_by_name["RegistrationService"],
            partial(
                registration_pb2_grpc.add_RegistrationServiceServicer_to_server,
                RegistrationServicer(ScopeComparison(database, authority, registration)),
            ),
        ),
        Service(
            diagnostics_pb2.DESCRIPTOR.services_by_name["DiagnosticsService"],
            partial(
                diagnostics_pb2_grpc.add_DiagnosticsServiceServicer_to_server,
                DiagnosticsServicer(Diagnostics(database, recorder), pager, domains),
            ),
        ),
        Service(
            watch_pb2.DESCRIPTOR.services_by_name["WatchService"],
            partial(
                watch_pb2_grpc.add_WatchServiceServicer_to_server,
                WatchServicer(hub),
            ),
        ),
    )
