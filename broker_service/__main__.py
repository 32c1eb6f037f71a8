"""Start the service: `python -m broker_service`."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import uvloop

from broker_service import tables
from broker_service.access_table import access_table
from broker_service.assignments.imports import Transfers
from broker_service.assignments.servicer import AssignmentServicer
from broker_service.assignments.usecases import Assignments
from broker_service.collections.servicer import CollectionServicer
from broker_service.collections.usecases import Collections
from broker_service.hosts.servicer import HostServicer
from broker_service.hosts.usecases import CollectionContents, Hosts
from broker_service.rbac import Authority
from broker_service.registration import Registration
from broker_service.sessions.servicer import SessionServicer
from broker_service.sessions.usecases import Sessions
from deskhold.api.broker.v1 import (
    assignments_pb2,
    assignments_pb2_grpc,
    collections_pb2,
    collections_pb2_grpc,
    hosts_pb2,
    hosts_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
)
from deskhold.channel import Endpoint, open_async
from deskhold.chassis.clock import now_us
from deskhold.chassis.database import Database, migrate
from deskhold.chassis.paging import Pager
from deskhold.chassis.replay import Mutations
from deskhold.chassis.server import Server, Service
from deskhold.chassis.settings import Reader, ServerSettings, address, explained
from deskhold.chassis.telemetry import configure_logging

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> int:
    """Read the settings, bring the schema up to date, serve; return the exit code."""
    with explained("broker"):
        reader = Reader.of("broker", os.environ)
        settings = ServerSettings.read(reader)
        authority_address = reader.read("AUTHORITY_ADDRESS", address)
        reader.finish()
        migrate(settings.database_url, MIGRATIONS)
        uvloop.run(_serve(settings, authority_address))
    return 0


async def _serve(settings: ServerSettings, authority_address: str) -> None:
    logger = configure_logging("broker", settings.log_level)
    database = Database(settings.database_url)
    channel = open_async(
        Endpoint(
            authority_address,
            settings.ca_file,
            cert_file=settings.tls_cert_file,
            key_file=settings.tls_key_file,
        )
    )
    authority = Authority(channel, logger)
    registration = Registration(database, authority, clock_us=now_us, logger=logger)
    server = Server(
        settings,
        services=_services(settings, database, registration),
        table=access_table(settings.domains),
        authorizer=authority,
        logger=logger,
    )
    try:
        await server.serve_until_told(registration.run)
    finally:
        await channel.close()
        await database.close()


def _services(
    settings: ServerSettings, database: Database, registration: Registration
) -> tuple[Service, ...]:
    domains = settings.domains
    mutations = Mutations(database.writer, tables.replies, now_us)
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
            hosts_pb2.DESCRIPTOR.services_by_name["HostService"],
            partial(
                hosts_pb2_grpc.add_HostServiceServicer_to_server,
                HostServicer(Hosts(database), mutations, pager, now_us),
            ),
        ),
        Service(
            assignments_pb2.DESCRIPTOR.services_by_name["AssignmentService"],
            partial(
                assignments_pb2_grpc.add_AssignmentServiceServicer_to_server,
                AssignmentServicer(
                    Assignments(database, domains),
                    Transfers(database, domains),
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
                SessionServicer(Sessions(database, domains), now_us),
            ),
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
