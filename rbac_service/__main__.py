"""Start the service, or name the first Owner.

python -m rbac_service                           serve
python -m rbac_service bootstrap --owner USER    name the first Owner of an empty store
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from functools import partial
from pathlib import Path

import uvloop

from deskhold.api.rbac.v1 import (
    access_pb2,
    access_pb2_grpc,
    role_assignments_pb2,
    role_assignments_pb2_grpc,
    role_definitions_pb2,
    role_definitions_pb2_grpc,
    scopes_pb2,
    scopes_pb2_grpc,
)
from deskhold.chassis.clock import now_us
from deskhold.chassis.database import Database, migrate
from deskhold.chassis.paging import Pager
from deskhold.chassis.replay import Mutations
from deskhold.chassis.server import Server, Service
from deskhold.chassis.settings import Reader, ServerSettings, explained
from deskhold.chassis.telemetry import configure_logging
from deskhold.errors import DeskholdError
from rbac_service import tables
from rbac_service.access.policy import Policy
from rbac_service.access.servicer import AccessServicer
from rbac_service.access.usecases import Access
from rbac_service.access_table import access_table
from rbac_service.assignments.servicer import RoleAssignmentServicer
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.authorizer import SelfAuthorizer
from rbac_service.bootstrap import bootstrap
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.rules import Catalogue
from rbac_service.roles.servicer import RoleDefinitionServicer
from rbac_service.scopes.servicer import ScopeServicer
from rbac_service.scopes.usecases import Scopes

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> int:
    """Read the settings, bring the schema up to date, do what is asked; return the exit code."""
    arguments = _parse_arguments()
    with explained("rbac"):
        reader = Reader.of("rbac", os.environ)
        settings = ServerSettings.read(reader)
        enforcement_point = reader.read("ENFORCEMENT_POINT", str, "spiffe://deskhold/broker")
        reader.finish()
        migrate(settings.database_url, MIGRATIONS)
        if arguments.command == "bootstrap":
            return asyncio.run(_bootstrap(settings, arguments.owner, enforcement_point))
        uvloop.run(_serve(settings))
    return 0


async def _serve(settings: ServerSettings) -> None:
    logger = configure_logging("rbac", settings.log_level)
    database = Database(settings.database_url)
    catalogue = Catalogue(BUILT_IN_ROLES)
    access = Access(Policy(database), catalogue)
    mutations = Mutations(database.writer, tables.replies, now_us)
    pager = Pager(settings.page_key)
    services = (
        Service(
            access_pb2.DESCRIPTOR.services_by_name["AccessService"],
            partial(
                access_pb2_grpc.add_AccessServiceServicer_to_server,
                AccessServicer(access, settings.domains),
            ),
        ),
        Service(
            role_definitions_pb2.DESCRIPTOR.services_by_name["RoleDefinitionService"],
            partial(
                role_definitions_pb2_grpc.add_RoleDefinitionServiceServicer_to_server,
                RoleDefinitionServicer(catalogue, pager),
            ),
        ),
        Service(
            role_assignments_pb2.DESCRIPTOR.services_by_name["RoleAssignmentService"],
            partial(
                role_assignments_pb2_grpc.add_RoleAssignmentServiceServicer_to_server,
                RoleAssignmentServicer(
                    RoleAssignments(database, catalogue, settings.domains),
                    catalogue,
                    mutations=mutations,
                    pager=pager,
                    clock_us=now_us,
                ),
            ),
        ),
        Service(
            scopes_pb2.DESCRIPTOR.services_by_name["ScopeService"],
            partial(
                scopes_pb2_grpc.add_ScopeServiceServicer_to_server,
                ScopeServicer(Scopes(database), mutations, pager, now_us),
            ),
        ),
    )
    server = Server(
        settings,
        services=services,
        table=access_table(settings.domains),
        authorizer=SelfAuthorizer(access, settings.domains),
        logger=logger,
    )
    try:
        await server.serve_until_told()
    finally:
        await database.close()


async def _bootstrap(settings: ServerSettings, owner: str, enforcement_point: str) -> int:
    database = Database(settings.database_url)
    try:
        await bootstrap(
            database,
            settings.domains,
            owner=owner,
            enforcement_point=enforcement_point,
            now_us=now_us(),
        )
    except DeskholdError as error:
        sys.stderr.write(f"error: {error.message}\n  reason: {error.reason}\n")
        return 1
    finally:
        await database.close()
    sys.stdout.write(f"{owner} is the first Owner of this deployment\n")
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rbac_service", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    command = commands.add_parser("bootstrap", help="name the first Owner of an empty store")
    command.add_argument("--owner", required=True, help=r"DOMAIN\user or user@domain")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
