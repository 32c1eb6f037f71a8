"""A deployment on a real database: the use cases in process, and the service on the wire."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from google.protobuf.message import Message
from prometheus_client import CollectorRegistry

from deskhold import issuer
from deskhold.chassis.clock import now_us
from deskhold.chassis.db import Connection, Database
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.paging import Pager
from deskhold.chassis.server import Server
from deskhold.chassis.settings import ServerSettings
from deskhold.identities import Domains, Principal, PrincipalKind
from deskhold.names import parse_scope
from deskhold.status import from_rpc_error
from rbac_service import tables
from rbac_service.access.policy import Policy
from rbac_service.access.tokens import Tokens
from rbac_service.access.usecases import Access
from rbac_service.access_table import access_table
from rbac_service.assignments.drafts import AssignmentDraft
from rbac_service.assignments.rules import RoleAssignment
from rbac_service.assignments.usecases import RoleAssignments
from rbac_service.authorizer import SelfAuthorizer
from rbac_service.bootstrap import bootstrap
from rbac_service.groups.usecases import Groups
from rbac_service.log.decisions import DecisionLog
from rbac_service.log.rules import Author
from rbac_service.log.watch import Feed
from rbac_service.messages import Messages
from rbac_service.request_sizes import MAX_BYTES
from rbac_service.scopes.usecases import Scopes
from rbac_service.services import Shared, all_services
from tests.deskhold.stub_service import Authority
from tests.ports import held_ports

DOMAINS = Domains.parse("X=x")
OWNER = Author("user:alice@x", "r-1", "d-1", ("user:alice@x",))
TENANT = "/tenantGroups/default/tenants/default"
PAGE_KEY = b"0123456789abcdef"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Keys:
    """Certificates and a token issuer, made once for a session."""

    authority: Authority
    issuer: issuer.Issuer
    jwks_file: Path
    cert_file: Path
    key_file: Path

    @classmethod
    def make(cls, folder: Path) -> Keys:
        authority = Authority.make(folder / "ca")
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwks_file = folder / "jwks.json"
        jwks_file.write_text(json.dumps(issuer.public_jwks(key)))
        return cls(
            authority,
            issuer.Issuer("https://issuer.test", "deskhold", key),
            jwks_file,
            *authority.issue("localhost"),
        )


@dataclass
class Deployment:
    """What one process of the service has opened."""

    keys: Keys
    url: str
    database: Database
    shared: Shared
    registry: CollectorRegistry

    @classmethod
    async def make(cls, url: str, keys: Keys) -> Deployment:
        made = cls.open(url, keys)
        await bootstrap(
            made.database,
            DOMAINS,
            owner="alice@x",
            enforcement_point="spiffe://deskhold/broker",
            now_us=now_us(),
        )
        return made

    @classmethod
    def open(cls, url: str, keys: Keys, **feed: Any) -> Deployment:
        database, registry = Database(url), CollectorRegistry()
        policy = Policy(database)
        shared = Shared(
            database=database,
            domains=DOMAINS,
            policy=policy,
            access=Access(policy, now_us),
            decisions=DecisionLog(database, registry),
            feed=Feed(database, **feed),
            messages=Messages(DOMAINS),
            mutations=Mutations(database, tables.replies, now_us),
            pager=Pager(PAGE_KEY),
            tokens=Tokens(PAGE_KEY),
            max_age_seconds=1.0,
        )
        return cls(keys, url, database, shared, registry)

    async def close(self) -> None:
        await self.database.close()

    async def commit(self, work: Callable[[Connection], Any]) -> Any:
        return await self.database.write(work)

    async def try_out(self, work: Callable[[Connection], Any]) -> Any:
        return await self.database.write(work, dry=True)

    async def assign(
        self, user: str, role: str, scope: str = "/", *, author: Author = OWNER, **terms: Any
    ) -> RoleAssignment:
        made: RoleAssignment = await RoleAssignments(self.database, DOMAINS).create(
            AssignmentDraft(scope, principal(user), role, **terms),
            author=author,
            now_us=now_us(),
            commit=self.commit,
        )
        return made

    async def add_scope(self, path: str) -> None:
        await Scopes(self.database).create(
            parse_scope(path), display_name="", author=OWNER, now_us=now_us(), commit=self.commit
        )

    async def add_group(self, group_id: str, *members: str) -> None:
        groups = Groups(self.database, DOMAINS)
        await groups.create(
            group_id, display_name="", author=OWNER, now_us=now_us(), commit=self.commit
        )
        for member in members:
            await groups.add_member(
                group_id, principal(member), author=OWNER, now_us=now_us(), commit=self.commit
            )

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Wire]:
        """Serve on loopback with real TLS, as `__main__` does."""
        shared = self.shared
        port = held_ports()
        server = Server(
            _settings(self.url, self.keys, port),
            services=all_services(shared),
            table=access_table(shared.messages),
            authorizer=SelfAuthorizer(
                shared.access,
                shared.messages,
                shared.decisions,
                max_age_seconds=shared.max_age_seconds,
            ),
            logger=structlog.get_logger(),
            registry=self.registry,
            end_streams=shared.feed.close,
            max_bytes=MAX_BYTES,
        )
        await server.start()
        following = asyncio.create_task(shared.feed.run())
        credentials = grpc.ssl_channel_credentials(self.keys.authority.ca_file.read_bytes())
        try:
            async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
                yield Wire(self.keys, channel, server)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await server.stop()


@dataclass
class Wire:
    """A client of a served deployment."""

    keys: Keys
    channel: grpc.aio.Channel
    server: Server

    async def call(self, method: Any, request: Message, user: str = "alice@x") -> Any:
        """Call a stub's method and return the reply, or raise the error that it stands for."""
        try:
            return await method(request, metadata=self.as_user(user))
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None

    def as_user(self, user: str = "alice@x") -> list[tuple[str, str]]:
        return [("authorization", f"Bearer {issuer.sign(self.keys.issuer, user)}")]


def principal(text: str) -> Principal:
    """Return the principal of `kind:id`, or the user of an id alone."""
    kind, colon, rest = text.partition(":")
    return Principal(PrincipalKind(kind), rest) if colon else Principal(PrincipalKind.USER, text)


def author_of(user: str) -> Author:
    """Return a user as the author of a change."""
    return Author(f"user:{user}", uuid.uuid4().hex, "d-2", (f"user:{user}",))


def _settings(url: str, keys: Keys, port: int) -> ServerSettings:
    return ServerSettings(
        listen=f"localhost:{port}",
        service_listen="",
        database_url=url,
        tls_cert_file=keys.cert_file,
        tls_key_file=keys.key_file,
        ca_file=keys.authority.ca_file,
        token_issuer=keys.issuer.issuer,
        token_audience=keys.issuer.audience,
        token_jwks_file=keys.jwks_file,
        page_key=PAGE_KEY,
        domains=DOMAINS,
        log_level="ERROR",
        metrics_listen="",
        reflection=False,
        max_seconds=30.0,
        max_concurrent=100,
        drain_seconds=30.0,
    )
