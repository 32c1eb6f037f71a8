"""Start the service: `python -m broker_service`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from prometheus_client import CollectorRegistry

from broker_service.access_table import access_table
from broker_service.agents.monitor import Monitor
from broker_service.diagnostics.recorder import Recorder
from broker_service.dialling import Dialling
from broker_service.registration.outbox import Registration
from broker_service.request_sizes import MAX_BYTES
from broker_service.retention import ACTIVITY_DAYS, ACTIVITY_ROWS, Retention, Rule, rules
from broker_service.services import services
from broker_service.sessions.routing import LIFETIME_SECONDS, RoutingTokens
from broker_service.sessions.signing import Signer, optional_signer
from broker_service.watch.hub import Hub
from deskhold.channel import Endpoint
from deskhold.chassis.background import Task
from deskhold.chassis.clock import now_us
from deskhold.chassis.database import Database, migrate
from deskhold.chassis.readiness import Check, database_check
from deskhold.chassis.reloading import Reload
from deskhold.chassis.server import Server
from deskhold.chassis.settings import Reader, ServerSettings, address, count, explained
from deskhold.chassis.telemetry import configure_logging

MIGRATIONS = Path(__file__).parent / "migrations"


def main() -> int:
    """Read the settings, bring the schema up to date, serve; return the exit code."""
    with explained("broker"):
        reader = Reader.of("broker", os.environ)
        settings = ServerSettings.read(reader)
        authority_address = reader.read("AUTHORITY_ADDRESS", address)
        signer = reader.read("RDP_SIGNING_FILE", optional_signer, "")
        token_seconds = reader.read("ROUTING_TOKEN_SECONDS", count, str(LIFETIME_SECONDS))
        kept = rules(
            activity_days=reader.read("ACTIVITY_DAYS", count, str(ACTIVITY_DAYS)),
            activity_rows=reader.read("ACTIVITY_ROWS", count, str(ACTIVITY_ROWS)),
        )
        reader.finish()
        migrate(settings.database_url, MIGRATIONS)
        routing_tokens = RoutingTokens(settings.page_key, token_seconds)
        uvloop.run(_serve(settings, authority_address, signer, routing_tokens, kept))
    return 0


async def _serve(
    settings: ServerSettings,
    authority_address: str,
    signer: Signer | None,
    routing_tokens: RoutingTokens,
    kept: Sequence[Rule],
) -> None:
    logger = configure_logging("broker", settings.log_level)
    registry = CollectorRegistry()
    database = Database(settings.database_url)
    dialling = Dialling(
        Endpoint(
            authority_address,
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
    retention = Retention(database, kept, clock_us=now_us)
    monitor = Monitor(database, clock_us=now_us, logger=logger)
    server = Server(
        settings,
        services=services(
            settings,
            database,
            registration,
            authority,
            signer,
            routing_tokens=routing_tokens,
            recorder=recorder,
            hub=hub,
        ),
        table=access_table(settings.domains),
        authorizer=authority,
        logger=logger,
        registry=registry,
        end_streams=hub.close,
        observers=(recorder.layer,),
        checks=(database_check(database), Check("rbac", authority.require_ready)),
        max_bytes=MAX_BYTES,
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
            Task("registration", registration.run),
            Task("monitor", monitor.run),
            Task("recorder", recorder.queue.run),
            Task("hub", hub.run),
            Task("retention", retention.run),
        )
    finally:
        await recorder.queue.close(logger)
        await dialling.close()
        await database.close()


if __name__ == "__main__":
    sys.exit(main())
