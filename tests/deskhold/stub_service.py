"""A real gRPC server with real TLS on loopback that answers as a test tells it to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status

from deskhold import status, tls
from deskhold.api.broker.v1 import (
    agents_pb2,
    app_groups_pb2,
    assignments_pb2,
    collections_pb2,
    diagnostics_pb2,
    hosts_pb2,
    registration_pb2,
    sessions_pb2,
)
from deskhold.api.broker.v1 import watch_pb2 as broker_watch_pb2
from deskhold.api.rbac.v1 import (
    access_pb2,
    audit_pb2,
    groups_pb2,
    policies_pb2,
    role_assignments_pb2,
    role_definitions_pb2,
    scopes_pb2,
    watch_pb2,
)
from deskhold.channel import Endpoint
from deskhold.errors import DeskholdError

FILES: tuple[Any, ...] = (
    app_groups_pb2,
    agents_pb2,
    assignments_pb2,
    broker_watch_pb2,
    collections_pb2,
    diagnostics_pb2,
    hosts_pb2,
    registration_pb2,
    sessions_pb2,
    access_pb2,
    audit_pb2,
    groups_pb2,
    policies_pb2,
    role_assignments_pb2,
    role_definitions_pb2,
    scopes_pb2,
    watch_pb2,
)
# Both services have a Watch.
_NAMES = {"deskhold.api.broker.v1.WatchService.Watch": "broker's Watch"}
METHODS: dict[str, Any] = {
    _NAMES.get(method.full_name, method.name): method
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}

Answer = Message | DeskholdError | Callable[[Any], Message]


@dataclass(frozen=True)
class Authority:
    """Signs certificates, and keeps each with its key as PEM files in a folder."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, folder: Path) -> Authority:
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {folder.name}")])
        certificate = _builder(name, name, key).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        made = cls(folder, certificate.sign(key, hashes.SHA256()), key)
        made.ca_file.write_bytes(made.certificate.public_bytes(Encoding.PEM))
        return made

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.crt"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the certificate file and the key file of a host name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(subject, self.certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        cert_file, key_file = self.folder / f"{name}.crt", self.folder / f"{name}.private"
        cert_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return cert_file, key_file


@dataclass(frozen=True)
class Seen:
    """One call as it arrived."""

    method: str
    request: Any
    metadata: dict[str, str | bytes]
    seconds_left: float


@dataclass
class StubService:
    """Both services at one address.

    Attributes:
        authority: Signed its certificate, which is for `localhost`.
        answers: By method name: what to answer, or to raise, or a function of the request. A list
            is used up from its front; its last one stays.
        streams: What a method that streams sends before it ends, call after call; after the last
            one it sends nothing and stays open.
        seen: Every call, in order.
    """

    authority: Authority
    asks_for_certificate: bool = False
    answers: dict[str, Answer | list[Answer]] = field(default_factory=dict)
    streams: list[list[Message | DeskholdError]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    def start(self) -> None:
        self._server = grpc.server(ThreadPoolExecutor(8))
        self._server.add_generic_rpc_handlers((_Handler(self),))
        cert_file, key_file = self.authority.issue("localhost")
        client_ca = self.authority.ca_file if self.asks_for_certificate else None
        credentials = tls.server_credentials(cert_file, key_file, client_ca_file=client_ca)
        self.port = self._server.add_secure_port(f"localhost:{self.port}", credentials)
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(f"localhost:{self.port}", self.authority.ca_file, token="the-token")

    def requests(self, method: str) -> list[Any]:
        """Return the requests of one method, in order."""
        return [one.request for one in self.seen if one.method == method]

    def answer(self, method: str, request: Any) -> Message:
        answer = self.answers[method]
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, DeskholdError):
            raise answer
        return answer if isinstance(answer, Message) else answer(request)


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, service: StubService) -> None:
        self._service = service

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        path = details.method.strip("/").replace("/", ".")
        name = _NAMES.get(path, path.rpartition(".")[2])
        if name not in METHODS:
            return None

        def note(request: Message, context: grpc.ServicerContext) -> None:
            metadata = dict(
                cast("Iterable[tuple[str, str | bytes]]", context.invocation_metadata())
            )
            self._service.seen.append(Seen(name, request, metadata, context.time_remaining()))

        def fail(error: DeskholdError, context: grpc.ServicerContext) -> None:
            sent = status.to_status(error, request_id=error.request_id)
            context.abort_with_status(rpc_status.to_status(sent))

        def serve(request: Message, context: grpc.ServicerContext) -> Message:
            note(request, context)
            try:
                return self._service.answer(name, request)
            except DeskholdError as error:
                fail(error, context)
                raise

        def stream(request: Message, context: grpc.ServicerContext) -> Iterator[Message]:
            note(request, context)
            if not self._service.streams:
                over = threading.Event()
                context.add_callback(over.set)
                over.wait(10)
                return
            for sent in self._service.streams.pop(0):
                if isinstance(sent, DeskholdError):
                    fail(sent, context)
                else:
                    yield sent

        kinds: dict[str, Any] = {
            "request_deserializer": GetMessageClass(METHODS[name].input_type).FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }
        if METHODS[name].server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, **kinds)
        return grpc.unary_unary_rpc_method_handler(serve, **kinds)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )
