"""Start the service.

python -m broker_service                  serve
python -m broker_service --check-config   check the settings, then exit with 0 or 2
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from broker_service.access_table import access_table
from broker_service.agents.monitor import Monitor
from broker_service.diagnostics.recorder import Recorder
from broker_service.dialling import Dialling
from broker_service.hosts.inventory import Inventory
from broker_service.metrics import register
from broker_service.registration.outbox import Registration
from broker_service.request_sizes import MAX_BYTES
from broker_service.retention import ACTIVITY_DAYS, ACTIVITY_ROWS, HISTORY_DAYS, Retention, rules
from broker_service.services import services
from broker_service.sessions.outcomes import Outcomes
from broker_service.sessions.routing import LIFETIME_SECONDS, RoutingTokens, lifetime_seconds
from broker_service.sessions.signing import Signer, optional_signer
from broker_service.watch.hub import Hub
from deskhold.channel import Endpoint
from deskhold.chassis.background import Task
from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Database, migrate
from deskhold.chassis.metrics import DatabaseMetrics
from deskhold.chassis.readiness import Check, database_check
from deskhold.chassis.reloading import Reload
from deskhold.chassis.server import Server, problems_of
from deskhold.chassis.settings import Reader, ServerSettings, addresses, count, explained
from deskhold.chassis.store_clock import StoreClock
from deskhold.chassis.telemetry import configure_logging, warn_of_unknown

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The settings that only this service has.

    Attributes:
        authority_addresses: Where each rbac serves services.
        signer: Signs `.rdp` files; None: they are not signed.
        token_seconds: How long a routing token is valid.
        activity_days, activity_rows: For how long, and how many, activities are kept.
    """

    authority_addresses: tuple[str, ...]
    signer: Signer | None
    token_seconds: int
    activity_days: int
    activity_rows: int
    history_days: int

    @classmethod
    def read(cls, reader: Reader) -> BrokerSettings:
        """Read them; the caller finishes the reader before use."""
        return cls(
            authority_addresses=reader.read("AUTHORITY_ADDRESS", addresses),
            signer=reader.read("RDP_SIGNING_FILE", optional_signer, ""),
            token_seconds=reader.read(
                "ROUTING_TOKEN_SECONDS", lifetime_seconds, str(LIFETIME_SECONDS)
            ),
            activity_days=reader.read("ACTIVITY_DAYS", count, str(ACTIVITY_DAYS)),
            activity_rows=reader.read("ACTIVITY_ROWS", count, str(ACTIVITY_ROWS)),
            history_days=reader.read("HISTORY_DAYS", count, str(HISTORY_DAYS)),
        )


def main() -> int:
    """Read the settings, bring the schema up to date, serve; return the exit code."""
    arguments = _parse_arguments()
    with explained("broker"):
        reader = Reader.of("broker", os.environ)
        settings = ServerSettings.read(reader)
        own = BrokerSettings.read(reader)
        if arguments.check_config:
            reader.check(problems_of(settings))
            sys.stdout.write("broker_service: the settings can be used\n")
            return 0
        reader.finish()
        migrate(settings.database_url, MIGRATIONS)
        logger = configure_logging("broker", settings.log_level)
        warn_of_unknown(reader, logger)
        uvloop.run(_serve(settings, own, reader, logger))
    return 0


async def _serve(
    settings: ServerSettings,
    own: BrokerSettings,
    reader: Reader,
    logger: structlog.typing.FilteringBoundLogger,
) -> None:
    registry = CollectorRegistry()
    database = Database(settings.database_url, connections=settings.database_connections)
    dialling = Dialling(
        own.authority_addresses,
        Endpoint(
            "",
            settings.ca_file,
            cert_file=settings.tls_cert_file,
            key_file=settings.tls_key_file,
        ),
        logger,
    )
    authority = dialling.authority
    registration = Registration(database, authority, clock_us=now_us, logger=logger)
    recorder = Recorder(database, settings.domains, registry)
    hub = Hub(database)
    kept = rules(
        activity_days=own.activity_days,
        activity_rows=own.activity_rows,
        history_days=own.history_days,
    )
    retention = Retention(database, kept, clock_us=now_us)
    inventory = Inventory(database)
    register(registry, authority, hub)
    registry.register(DatabaseMetrics(database))
    registry.register(inventory)
    monitor = Monitor(database, clock_us=now_us, logger=logger)
    server = Server(
        settings,
        services=services(
            settings,
            database,
            registration,
            authority,
            own.signer,
            routing_tokens=RoutingTokens(settings.page_key, own.token_seconds),
            recorder=recorder,
            hub=hub,
        ),
        table=access_table(settings.domains),
        authorizer=authority,
        logger=logger,
        registry=registry,
        end_streams=hub.close,
        observers=(recorder.layer, Outcomes(registry).layer),
        checks=(database_check(database), Check("rbac", authority.require_ready)),
        max_bytes=MAX_BYTES,
        reader=reader,
        reloads=(
            Reload(
                "client_certificate",
                (settings.tls_cert_file, settings.tls_key_file, settings.ca_file),
                dialling.dial,
            ),
        ),
    )
    try:
        await server.serve_until_told(
            Task("clock", StoreClock(database, logger).run),
            Task("authority_addresses", dialling.run),
            Task("registration", registration.run),
            Task("monitor", monitor.run),
            Task("inventory", inventory.run),
            Task("recorder", recorder.queue.run),
            Task("hub", hub.run),
            Task("retention", retention.run),
        )
    finally:
        await recorder.queue.close(logger)
        await dialling.close()
        await database.close()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m broker_service", description=__doc__)
    parser.add_argument("--check-config", action="store_true", help="check the settings and end")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
