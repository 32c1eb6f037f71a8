"""A server: its ports, its health, its end.

Health is served per service and for the whole (`""`), to any peer that TLS admits. It is readiness:
it turns NOT_SERVING while something is away that calls need, and turns back. On SIGTERM or SIGINT
it turns for good, balancers get a beat to notice, calls in flight get the drain time, and only then
does `serve_until_told` return, so that its caller closes what it opened. Nothing that runs beside
calls ends the server (`deskhold.chassis.background`).
"""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import grpc
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from deskhold.chassis import (
    access,
    authn,
    deadlines,
    decoding,
    faults,
    layers,
    tracing,
    validation,
)
from deskhold.chassis.background import Supervisor, Task
from deskhold.chassis.calls import Layer
from deskhold.chassis.certificates import Certificates
from deskhold.chassis.health import Health
from deskhold.chassis.metrics import register_certificates, register_process
from deskhold.chassis.monitoring import MonitoringServer
from deskhold.chassis.readiness import Check, Readiness
from deskhold.chassis.reloading import Reload, Reloader
from deskhold.chassis.settings import LIVE, Reader, ServerSettings, SettingsError
from deskhold.chassis.telemetry import Telemetry, set_log_level, warn_of_unknown

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
# What gRPC itself refuses leaves no line in the log; a request that is a little too large shall.
_MIN_RECEIVED_BYTES = 1024 * 1024
_NOTICE_SECONDS = 0.2
_MAX_PENDING = 1 << 16
# What a stranger's connection may cost. A token with 256 GUIDs as groups has 14 KB; of metadata
# above the bound more and more is refused, and all above twice as much.
_MAX_METADATA_BYTES = 16 * 1024
# Far above what one portal needs: a client that has not read this bound yet may begin more calls,
# and gRPC refuses those without a word.
_MAX_STREAMS = 8_000
_IDLE_MS = 15 * 60 * 1000
_HANDSHAKE_MS = 20_000
_PING_INTERVAL_MS = 10_000
_PING_STRIKES = 2
_CALLS_PER_READ = 32
# Python looks for garbage whenever there are as many objects more, by default 700: what hundreds of
# calls in flight have at once, each time looked through for the few cycles that gRPC leaves behind
# (measured at 256 claims in flight: an eighth of the loop's time; with this, 7 % more claims).
_NEW_OBJECTS = 20_000


@dataclass(frozen=True, slots=True)
class Service:
    """One gRPC service to serve.

    Attributes:
        descriptor: Its descriptor.
        register: The generated `add_XServicer_to_server`, with the servicer bound.
    """

    descriptor: ServiceDescriptor
    register: Callable[[Any], None]


class Server:
    """Serves some services behind the layers.

    Args:
        settings: Where and how.
        services: What.
        table: A row for every RPC of them.
        authorizer: Decides.
        logger: Where the lines go.
        registry: Where the metrics are kept.
        end_streams: Ends the streams of the services when the server stops; they have no end of
            their own to wait for.
        observers: Layers of the service's own, which see every call and what it ends with.
        checks: What must be well for the services to be ready.
        max_bytes: The most bytes of a request, by `Service/Method`, where
            `decoding.DEFAULT_MAX_BYTES` are too few.
        reloads: What the service itself reads again when its files change.
        reader: Where the settings came from; with it, some are read again when their file changes.

    Raises:
        RuntimeError: The table has a hole, or `max_bytes` names a method that is not served.
        SettingsError: The issuer's key set cannot be used, or the server's certificate and key are
            no pair.
    """

    def __init__(
        self,
        settings: ServerSettings,
        *,
        services: Sequence[Service],
        table: Mapping[str, access.Row],
        authorizer: access.Authorizer,
        logger: structlog.typing.FilteringBoundLogger,
        registry: CollectorRegistry | None = None,
        end_streams: Callable[[], None] = lambda: None,
        observers: Sequence[Layer] = (),
        checks: Sequence[Check] = (),
        max_bytes: Mapping[str, int] = MappingProxyType({}),
        reloads: Sequence[Reload] = (),
        reader: Reader | None = None,
    ) -> None:
        self._settings = settings
        self._logger = logger
        self._registry = registry or CollectorRegistry()
        if settings.traces_endpoint:
            tracing.start(settings.service, settings.traces_endpoint, settings.traces_share)
        self._end_streams = end_streams
        self._observers = observers
        self._names = [service.descriptor.full_name for service in services]
        self._health = Health()
        self._telemetry = Telemetry(
            logger, self._registry, logged_reads=lambda: self._settings.logged_reads
        )
        self._supervisor = Supervisor(logger, self._registry)
        self._readiness = Readiness(
            checks, logger=logger, registry=self._registry, report=self._set_health
        )
        self._monitoring: MonitoringServer | None = None
        # Before the files are read for the first time, so that no change is missed.
        self._reloader = Reloader((*self._own_reloads(reader), *reloads), logger)
        self._certificates = Certificates(settings)
        register_process(self._registry)
        register_certificates(self._registry, lambda: self._certificates.expiry)
        self._tokens = authn.TokenVerifier(read_issuer(settings), settings.domains)
        self._server = grpc.aio.server(
            maximum_concurrent_rpcs=settings.max_concurrent,
            options=(
                # A second server on the same port must fail, not share it in silence.
                ("grpc.so_reuseport", 0),
                # Whoever comes when more is going on than is served gets an answer that says so.
                # With gRPC's own limits, 1,000 and 3,000, calls of a rush are cancelled without
                # a word, and their callers have to take the connection for lost.
                ("grpc.server.max_pending_requests", _MAX_PENDING),
                ("grpc.server.max_pending_requests_hard_limit", _MAX_PENDING),
                (
                    "grpc.max_receive_message_length",
                    max((_MIN_RECEIVED_BYTES, *max_bytes.values())),
                ),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
                ("grpc.absolute_max_metadata_size", 2 * _MAX_METADATA_BYTES),
                # Clients queue what is more, or are refused before it begins (REFUSED_STREAM). With
                # the former it bounds what a connection can hold.
                ("grpc.max_concurrent_streams", _MAX_STREAMS),
                ("grpc.max_connection_idle_ms", _IDLE_MS),
                ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", _PING_INTERVAL_MS),
                ("grpc.http2.max_ping_strikes", _PING_STRIKES),
                # So that calls that one connection resets as fast as it begins them let others in.
                ("grpc.http2.max_requests_per_read", _CALLS_PER_READ),
                ("grpc.keepalive_permit_without_calls", 1),
            ),
        )
        self._server.add_generic_rpc_handlers(
            self._handlers(services, table, authorizer, max_bytes)
        )
        self._server.add_generic_rpc_handlers([self._health.handlers()])
        if settings.reflection:
            shown = (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(shown, self._server)

    async def start(self) -> None:
        """Open the ports; ready at once when there are no checks, else after the first ones.

        Raises:
            SettingsError: A port is taken, or an address is not of this machine.
        """
        settings = self._settings
        self._open(settings.listen, mutual=False)
        if settings.service_listen:
            self._open(settings.service_listen, mutual=True)
        if settings.metrics_listen:
            self._open_monitoring(settings.metrics_listen)
        await self._set_health(is_ready=not self._readiness.problems)
        await self._server.start()
        self._logger.info("serving", listen=settings.listen, service_listen=settings.service_listen)

    async def stop(self) -> None:
        """Drain: refuse new calls, let those in flight finish."""
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(_NOTICE_SECONDS)  # for balancers, which ask or watch health
        self._end_streams()
        self._health.end_watches()
        await self._server.stop(self._settings.drain_seconds)
        self._telemetry.close()
        await asyncio.to_thread(tracing.stop)
        self._logger.info("drained")

    async def serve_until_told(self, *background: Task) -> None:
        """Start, wait for SIGTERM or SIGINT, stop; SIGHUP makes it read its files again.

        Args:
            background: What runs beside calls, until the last one has ended.
        """
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        loop.add_signal_handler(signal.SIGHUP, self._reloader.ask)
        await self.start()
        # What was made until now stays for good; looking for garbage in it would stop every call
        # for many milliseconds, again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
        self._supervisor.start(
            Task("readiness", self._readiness.run),
            Task("reload", self._reloader.run),
            *background,
        )
        try:
            await told.wait()
        finally:
            await self.stop()
            await self._supervisor.stop()
            if self._monitoring is not None:
                await asyncio.to_thread(self._monitoring.close)

    def _own_reloads(self, reader: Reader | None) -> Sequence[Reload]:
        settings = self._settings

        async def reload_certificates() -> None:
            self._certificates.reload()

        async def reload_keys() -> None:
            self._tokens.accept(read_issuer(settings))

        pair = (settings.tls_cert_file, settings.tls_key_file, settings.ca_file)
        own = [
            Reload("certificates", pair, reload_certificates),
            Reload("token_keys", (settings.token_jwks_file,), reload_keys),
        ]
        if reader is not None:

            async def reload_settings() -> None:
                self._take_settings(reader, reader.again())

            own.append(Reload("settings", (reader.file,), reload_settings))
        return own

    def _take_settings(self, first: Reader, later: Reader) -> None:
        """Take what can change while serving; of the rest, log what waits for the next start."""
        read = ServerSettings.read(later)
        later.finish()
        self._settings = replace(self._settings, **{name: getattr(read, name) for name in LIVE})
        set_log_level(read.log_level)
        warn_of_unknown(later, self._logger)
        waiting = [name for name in first.changed(later) if name.lower() not in LIVE]
        if waiting:
            self._logger.warning("changed settings take effect at the next start", settings=waiting)

    def _longest(self) -> deadlines.Longest:
        return deadlines.Longest(self._settings.max_seconds, self._settings.max_stream_seconds)

    def _open(self, address: str, *, mutual: bool) -> None:
        credentials = self._certificates.credentials(mutual=mutual)
        try:
            self._server.add_secure_port(address, credentials)
        except RuntimeError as error:  # grpc has no more precise one
            raise _cannot_listen(address) from error

    def _open_monitoring(self, address: str) -> None:
        try:
            self._monitoring = MonitoringServer(
                address, registry=self._registry, problems=lambda: self._readiness.problems
            )
        except OSError as error:
            raise _cannot_listen(address) from error

    async def _set_health(self, is_ready: bool) -> None:
        status = health_pb2.HealthCheckResponse
        for name in ("", *self._names):
            await self._health.set(name, status.SERVING if is_ready else status.NOT_SERVING)

    def _handlers(
        self,
        services: Sequence[Service],
        table: Mapping[str, access.Row],
        authorizer: access.Authorizer,
        max_bytes: Mapping[str, int],
    ) -> list[Any]:
        recorder = layers.Recorder()
        for service in services:
            service.register(recorder)
        access.refuse_holes(table, recorder.methods)
        decoding.refuse_strays(max_bytes, recorder.methods)
        settings = self._settings
        return layers.wrap(
            recorder,
            _request_types(services),
            (
                *((tracing.layer,) if tracing.is_on() else ()),
                self._telemetry.layer,
                faults.layer(self._logger),
                *self._observers,
                deadlines.layer(self._longest),
                decoding.bounds(max_bytes),
                authn.layer(authn.Credentials(self._tokens, settings.domains)),
                decoding.layer,
                access.layer(table, authorizer),
                validation.layer,
            ),
            reads=_reads(services),
        )


def _request_types(services: Sequence[Service]) -> dict[str, type[Message]]:
    return {
        f"{service.descriptor.full_name}/{method.name}": GetMessageClass(method.input_type)
        for service in services
        for method in service.descriptor.methods
    }


def _reads(services: Sequence[Service]) -> frozenset[str]:
    return frozenset(
        f"{service.descriptor.full_name}/{method.name}"
        for service in services
        for method in service.descriptor.methods
        if method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    )


def read_issuer(settings: ServerSettings) -> authn.Issuer:
    """Return whose tokens are accepted, with its keys.

    Raises:
        SettingsError: The key set cannot be used.
    """
    try:
        return authn.Issuer.read(
            settings.token_issuer, settings.token_audience, settings.token_jwks_file
        )
    except (ValueError, OSError) as error:
        raise SettingsError(str(error)) from error


def problems_of(settings: ServerSettings) -> Iterator[str]:
    """Return what is wrong with the contents of the files that settings name.

    Settings that could not be read are passed over; their reader says why.
    """
    pair = (settings.tls_cert_file, settings.tls_key_file, settings.ca_file)
    probes: list[tuple[Sequence[object], Callable[[ServerSettings], object]]] = [
        (pair, Certificates),
        ((settings.token_jwks_file,), read_issuer),
    ]
    for needed, probe in probes:
        if None not in needed:
            try:
                probe(settings)
            except SettingsError as error:
                yield str(error)


def _cannot_listen(address: str) -> SettingsError:
    return SettingsError(
        f"cannot listen at {address}: another process listens there,"
        " or the address is not of this machine"
    )
