"""The certificates, in the hands of gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from deskhold import tls
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home

WHO = "/test.Who/Ami"


class WhoAmI(grpc.GenericRpcHandler):
    """Answers each call with the URI in the caller's certificate."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        def answer(_: bytes, context: grpc.ServicerContext) -> bytes:
            shown: Any = context.auth_context()  # its type stub has other values than gRPC gives
            names: list[bytes] = shown.get("x509_subject_alternative_name", [])
            return b" ".join(name for name in names if name.startswith(b"spiffe:"))

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def port(home: Home) -> Iterator[int]:
    server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((WhoAmI(),))
    credentials = tls.server_credentials(
        home.tls_file("rbac"), home.tls_key_file("rbac"), client_ca_file=home.ca_file
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield port
    server.stop(None).wait()


def ask(address: str, credentials: grpc.ChannelCredentials) -> bytes:
    with grpc.secure_channel(address, credentials) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(WHO)
        return call(b"", timeout=10)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_service_is_known_to_another_by_the_uri_in_its_certificate(
    home: Home, port: int, host: str
) -> None:
    credentials = tls.client_credentials(
        home.ca_file, cert_file=home.tls_file("broker"), key_file=home.tls_key_file("broker")
    )

    assert ask(f"{host}:{port}", credentials) == b"spiffe://deskhold/broker"


def test_a_client_without_a_certificate_is_refused(home: Home, port: int) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        ask(f"localhost:{port}", tls.client_credentials(home.ca_file))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_client_of_another_authority_is_refused(home: Home, port: int) -> None:
    stranger = lay_out(home.path.with_name("stranger"), 7443)
    credentials = tls.client_credentials(
        home.ca_file,
        cert_file=stranger.tls_file("broker"),
        key_file=stranger.tls_key_file("broker"),
    )

    with pytest.raises(grpc.RpcError) as refused:
        ask(f"localhost:{port}", credentials)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
