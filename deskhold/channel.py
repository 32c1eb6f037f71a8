"""How anyone dials: TLS, keepalive, retries of what is safe to repeat, failures in plain words.

`open_sync` and `open_async` give bare channels without interceptors, fit for a hot path. What the
SDK adds to each call is here too, as functions: `call_metadata` before
it, `explain` after it failed.

Failures that happen before a service is reached have reasons of their own, beside those in
`deskhold.api.errors.v1.ErrorReason`: SERVICE_UNREACHABLE, TLS_HANDSHAKE_FAILED, CONNECTION_LOST,
TLS_FILE_UNREADABLE.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import grpc
from grpc import aio

from deskhold import errors, status, tls, tracing

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_KEEPALIVE_TIME_MS = 30_000
_KEEPALIVE_TIMEOUT_MS = 10_000
# Where others can take over, a process that stands still is noticed sooner. Servers here allow a
# ping in 10 seconds.
_BALANCED_KEEPALIVE_TIME_MS = 12_000
_BALANCED_KEEPALIVE_TIMEOUT_MS = 3_000
_FIRST_RECONNECT_MS = 100
_LAST_RECONNECT_MS = 2_000
# Four attempts within about a second: enough for a restart behind a load balancer, too few to hide
# an outage.
_RETRY_POLICY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
# A client whose calls fail one after another stops retrying; each success earns a tenth of a retry
# back (gRFC A6).
_RETRY_THROTTLING = {"maxTokens": 10, "tokenRatio": 0.1}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service listens, whom to trust there, and what to show.

    Attributes:
        address: `host:port`, or any other gRPC target.
        ca_file: PEM file with the authorities that sign the server's certificate.
        token: Bearer token, or what returns one before each call; may raise
            `deskhold.errors.Unauthenticated`.
        cert_file: PEM file with the client's own certificate chain.
        key_file: PEM file with its private key.
        server_name: The name to look for in the server's certificate, when it is not the host of
            the address.
    """

    address: str
    ca_file: str | Path
    token: str | Callable[[], str] | None = field(default=None, repr=False)
    cert_file: str | Path | None = None
    key_file: str | Path | None = None
    server_name: str | None = None


def open_sync(endpoint: Endpoint, *, repeatable: Iterable[str] = ()) -> grpc.Channel:
    """Return a channel; it connects at the first call.

    Args:
        endpoint: Where to.
        repeatable: Methods, as `package.Service/Method`, that are called again
            when the answer is UNAVAILABLE.

    Raises:
        Unavailable: A PEM file cannot be read.
    """
    return grpc.secure_channel(
        endpoint.address, _credentials(endpoint), options=_options(endpoint, repeatable)
    )


def open_async(
    endpoint: Endpoint, *, repeatable: Iterable[str] = (), health_service: str = ""
) -> aio.Channel:
    """Return a channel for the running event loop; otherwise as `open_sync`.

    Args:
        endpoint: Where to.
        repeatable: As in `open_sync`.
        health_service: Take the endpoint's addresses in turn, without those that are away or say
            that this service is not ready there. Empty: use the first that answers.
    """
    options = _options(endpoint, repeatable, health_service)
    return aio.secure_channel(endpoint.address, _credentials(endpoint), options=options)


def call_metadata(endpoint: Endpoint, request_id: str) -> tuple[tuple[str, str], ...]:
    """Return what goes with one call: who is calling, its id in the server's log, its trace.

    Raises:
        Unauthenticated: The endpoint's token cannot be had.
    """
    token = endpoint.token() if callable(endpoint.token) else endpoint.token
    metadata = ((status.REQUEST_ID_KEY, request_id), *tracing.outgoing())
    return metadata if token is None else (*metadata, ("authorization", f"Bearer {token}"))


def explain(
    error: grpc.RpcError, *, endpoint: Endpoint, request_id: str = ""
) -> errors.DeskholdError:
    """Return the error that a failed call stands for, with the request id.

    gRPC reports a refused connection, a wrong certificate and a lost connection alike as
    UNAVAILABLE; these are told apart by its words, which are not part of its contract: an unknown
    wording only makes the message less helpful.
    """
    explained = status.from_rpc_error(error)
    # types-grpcio takes the pairs for objects.
    trailers = cast("Iterable[tuple[str, str | bytes]]", error.trailing_metadata() or ())
    sent_by_service = any(key == status.DETAILS_KEY for key, _ in trailers)
    # A server that stops answers CANCELLED to calls that it has not begun.
    unanswered = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    if unanswered and not sent_by_service:
        explained = _unreached(explained.message, endpoint)
    if not explained.request_id:
        explained.request_id = request_id
    return explained


# What gRPC says when no connection comes about -> our reason, and what to do.
# The first that fits counts.
_UNREACHED = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "TLS_HANDSHAKE_FAILED",
        "the certificate of {address} was not signed by an authority in {ca_file};"
        " give the file of its authority",
    ),
    (
        "Hostname Verification Check failed",
        "TLS_HANDSHAKE_FAILED",
        "the certificate of {address} is for another name;"
        " use the address it names, or set the server name",
    ),
    (
        "WRONG_VERSION_NUMBER",
        "TLS_HANDSHAKE_FAILED",
        "{address} does not speak TLS; something else than deskhold listens there",
    ),
    (
        "security handshaker",
        "TLS_HANDSHAKE_FAILED",
        "{ca_file}, or the client's own certificate or key, is no valid PEM file",
    ),
    (
        "Connection refused",
        "SERVICE_UNREACHABLE",
        "nobody listens at {address}; start the services ('make run') or correct the address",
    ),
    (
        "errors resolving",
        "SERVICE_UNREACHABLE",
        "the host name of {address} cannot be resolved; correct the address",
    ),
    # Before the more general "Socket closed" of a call in flight.
    (
        "failed to connect",
        "SERVICE_UNREACHABLE",
        "{address} closes the connection during the TLS handshake or cannot be reached;"
        " a service that asks for a client certificate does so to clients without a trusted one",
    ),
    (
        "",
        "CONNECTION_LOST",
        "the connection to {address} was lost before the answer came;"
        " a mutation may or may not have been made",
    ),
)


def _unreached(details: str, endpoint: Endpoint) -> errors.Unavailable:
    reason, message = next(rest for words, *rest in _UNREACHED if words in details)
    named = {"address": endpoint.address, "ca_file": str(endpoint.ca_file)}
    return errors.Unavailable(
        message.format_map(named), reason=reason, metadata=named | {"grpc": details}
    )


def _credentials(endpoint: Endpoint) -> grpc.ChannelCredentials:
    return tls.client_credentials(
        endpoint.ca_file, cert_file=endpoint.cert_file, key_file=endpoint.key_file
    )


def _options(
    endpoint: Endpoint, repeatable: Iterable[str], health_service: str = ""
) -> list[tuple[str, str | int]]:
    time_ms = _BALANCED_KEEPALIVE_TIME_MS if health_service else _KEEPALIVE_TIME_MS
    timeout_ms = _BALANCED_KEEPALIVE_TIMEOUT_MS if health_service else _KEEPALIVE_TIMEOUT_MS
    options: list[tuple[str, str | int]] = [
        ("grpc.keepalive_time_ms", time_ms),
        ("grpc.keepalive_timeout_ms", timeout_ms),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        # gRPC would wait up to two minutes before it tries a service again that was restarted.
        ("grpc.initial_reconnect_backoff_ms", _FIRST_RECONNECT_MS),
        ("grpc.max_reconnect_backoff_ms", _LAST_RECONNECT_MS),
        # Tokens go to the service that was named, not to whatever proxy the environment holds.
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config", _service_config(repeatable, health_service)),
        # Otherwise DNS may bring another service config, and costs a TXT query.
        ("grpc.service_config_disable_resolution", 1),
    ]
    if endpoint.server_name:
        options.append(("grpc.ssl_target_name_override", endpoint.server_name))
    return options


def _service_config(repeatable: Iterable[str], health_service: str = "") -> str:
    names = [
        {"service": service, "method": method}
        for service, _, method in (path.partition("/") for path in sorted(repeatable))
    ]
    config: dict[str, object] = {}
    if names:
        config = {
            "methodConfig": [{"name": names, "retryPolicy": _RETRY_POLICY}],
            "retryThrottling": _RETRY_THROTTLING,
        }
    if health_service:
        config |= {
            "loadBalancingConfig": [{"round_robin": {}}],
            "healthCheckConfig": {"serviceName": health_service},
        }
    return json.dumps(config)
