"""Start the service, or do what only the store's own machine may.

python -m rbac_service                           serve
python -m rbac_service --check-config            check the settings, then exit with 0 or 2
python -m rbac_service bootstrap --owner USER    name the first Owner of an empty store
python -m rbac_service new-epoch                 after the store was restored from a backup:
                                                 tokens of before ask for full consistency
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvloop
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import DBAPIError

from deskhold.chassis.background import Task
from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Database, migrate
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.metrics import DatabaseMetrics
from deskhold.chassis.paging import Pager
from deskhold.chassis.readiness import Check, database_check
from deskhold.chassis.server import Server, problems_of
from deskhold.chassis.settings import (
    Reader,
    ServerSettings,
    SettingsError,
    count,
    explained,
    positive,
)
from deskhold.chassis.store_clock import StoreClock
from deskhold.chassis.telemetry import configure_logging, warn_of_unknown
from deskhold.errors import DeskholdError, Unavailable
from rbac_service import tables
from rbac_service.access.policy import Policy
from rbac_service.access.tokens import Tokens
from rbac_service.access.usecases import Access
from rbac_service.access_table import access_table
from rbac_service.authorizer import SelfAuthorizer
from rbac_service.bootstrap import bootstrap
from rbac_service.epoch import new_epoch
from rbac_service.log.decisions import KEPT, DecisionLog
from rbac_service.log.watch import Feed
from rbac_service.messages import Messages
from rbac_service.metrics import register
from rbac_service.request_sizes import MAX_BYTES
from rbac_service.services import Shared, all_services

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that only this service has.

    Attributes:
        max_age_seconds: How old the policy may be for answers that minimize latency.
        kept_decisions: How many decisions are kept.
    """

    max_age_seconds: float
    kept_decisions: int


def main() -> int:
    """Read the settings, bring the schema up to date, do what is asked; return the exit code."""
    arguments = _parse_arguments()
    with explained("rbac"):
        reader = Reader.of("rbac", os.environ)
        settings = ServerSettings.read(reader)
        enforcement_point = reader.read("ENFORCEMENT_POINT", str, "spiffe://deskhold/broker")
        limits = Limits(
            max_age_seconds=reader.read("MAX_STALENESS_SECONDS", positive, "1"),
            kept_decisions=reader.read("KEPT_DECISIONS", count, str(KEPT)),
        )
        if arguments.check_config:
            reader.check(problems_of(settings))
            sys.stdout.write("rbac_service: the settings can be used\n")
            return 0
        reader.finish()
        migrate(settings.database_url, MIGRATIONS)
        if arguments.command == "bootstrap":
            return asyncio.run(_bootstrap(settings, arguments.owner, enforcement_point))
        if arguments.command == "new-epoch":
            return asyncio.run(_new_epoch(settings))
        logger = configure_logging("rbac", settings.log_level)
        warn_of_unknown(reader, logger)
        uvloop.run(_serve(settings, limits, reader, logger))
    return 0


async def _serve(
    settings: ServerSettings,
    limits: Limits,
    reader: Reader,
    logger: structlog.typing.FilteringBoundLogger,
) -> None:
    registry = CollectorRegistry()
    database = Database(settings.database_url, connections=settings.database_connections)
    policy = Policy(database)
    feed = Feed(database)
    decisions = DecisionLog(database, registry, kept=limits.kept_decisions)
    access = Access(policy, now_us)
    messages = Messages(settings.domains)
    register(registry, policy, feed)
    registry.register(DatabaseMetrics(database))
    shared = Shared(
        database=database,
        domains=settings.domains,
        policy=policy,
        access=access,
        decisions=decisions,
        feed=feed,
        messages=messages,
        mutations=Mutations(database, tables.replies, now_us),
        pager=Pager(settings.page_key),
        tokens=Tokens(settings.page_key),
        max_age_seconds=limits.max_age_seconds,
    )
    server = Server(
        settings,
        services=all_services(shared),
        table=access_table(messages),
        authorizer=SelfAuthorizer(
            access, messages, decisions, max_age_seconds=limits.max_age_seconds
        ),
        logger=logger,
        registry=registry,
        end_streams=feed.close,
        checks=(database_check(database), Check("policy_snapshot", policy.require_fresh)),
        max_bytes=MAX_BYTES,
        reader=reader,
    )
    try:
        await _read_policy(policy)
        await server.serve_until_told(
            Task("clock", StoreClock(database, logger).run),
            Task("policy_tail", policy.tail),
            Task("watch", feed.run),
            Task("decision_log", decisions.queue.run),
        )
    finally:
        await decisions.queue.close(logger)
        await database.close()


async def _read_policy(policy: Policy) -> None:
    """Read it before anybody is told that this process serves: nobody waits for it then.

    The collector, too, is to know it as something that stays (`Server.serve_until_told`).
    """
    try:
        await policy.current()
    except (Unavailable, DBAPIError) as error:
        said, *_ = str(error.__cause__ or error).splitlines()
        raise SettingsError(f"the policy cannot be read: {said}") from error


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


async def _new_epoch(settings: ServerSettings) -> int:
    database = Database(settings.database_url)
    try:
        epoch = await new_epoch(database, now_us=now_us())
    finally:
        await database.close()
    sys.stdout.write(f"the history of this store is called {epoch} from now on\n")
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rbac_service", description=__doc__)
    parser.add_argument("--check-config", action="store_true", help="check the settings and end")
    commands = parser.add_subparsers(dest="command")
    command = commands.add_parser("bootstrap", help="name the first Owner of an empty store")
    command.add_argument("--owner", required=True, help=r"DOMAIN\user or user@domain")
    commands.add_parser("new-epoch", help="after a restore: distrust the tokens of before")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
