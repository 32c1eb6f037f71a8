"""Dialling: what goes out, what is tried again, and what a failure says."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from deskhold import channel, errors
from deskhold.api.rbac.v1.access_pb2 import WhoAmIRequest, WhoAmIResponse
from deskhold.api.rbac.v1.principals_pb2 import Principal
from deskhold.channel import Endpoint
from tests.deskhold.stub_service import Authority, StubService
from tests.ports import held_ports

METHOD = "deskhold.api.rbac.v1.AccessService/WhoAmI"
ALICE = WhoAmIResponse(principal=Principal(id="alice@contoso.com"))
AWAY = errors.Unavailable("away", reason="AUTHORITY_UNAVAILABLE")


def ask(endpoint: Endpoint, *, repeatable: tuple[str, ...] = ()) -> WhoAmIResponse:
    """Call WhoAmI over a blocking channel and explain what fails, as the SDK does."""
    with channel.open_sync(endpoint, repeatable=repeatable) as opened:
        rpc = opened.unary_unary(
            f"/{METHOD}",
            request_serializer=WhoAmIRequest.SerializeToString,
            response_deserializer=WhoAmIResponse.FromString,
        )
        try:
            answer: WhoAmIResponse = rpc(
                WhoAmIRequest(), timeout=10, metadata=channel.call_metadata(endpoint, "r-1")
            )
        except grpc.RpcError as error:
            raise channel.explain(error, endpoint=endpoint, request_id="r-1") from error
        return answer


def test_a_call_carries_the_token_and_the_request_id(service: StubService) -> None:
    service.answers["WhoAmI"] = ALICE

    assert ask(service.endpoint) == ALICE

    metadata = service.seen[0].metadata
    assert metadata["authorization"] == "Bearer the-token"
    assert metadata["x-request-id"] == "r-1"


def test_a_token_may_be_fetched_for_each_call(service: StubService) -> None:
    service.answers["WhoAmI"] = ALICE
    tokens = iter(("first", "second"))
    endpoint = replace(service.endpoint, token=lambda: next(tokens))

    ask(endpoint)
    ask(endpoint)

    sent = [one.metadata["authorization"] for one in service.seen]
    assert sent == ["Bearer first", "Bearer second"]


def test_without_a_token_no_credential_is_sent(service: StubService) -> None:
    service.answers["WhoAmI"] = ALICE

    ask(replace(service.endpoint, token=None))

    assert "authorization" not in service.seen[0].metadata


def test_an_endpoint_does_not_show_its_token() -> None:
    assert "geheim" not in repr(Endpoint("localhost:1", "ca.pem", token="geheim"))


async def test_the_asyncio_channel_reaches_the_service_too(service: StubService) -> None:
    service.answers["WhoAmI"] = ALICE
    async with channel.open_async(service.endpoint) as opened:
        rpc = opened.unary_unary(
            f"/{METHOD}",
            request_serializer=WhoAmIRequest.SerializeToString,
            response_deserializer=WhoAmIResponse.FromString,
        )
        assert await rpc(WhoAmIRequest(), timeout=10) == ALICE


def test_a_repeatable_method_is_called_again_while_the_service_is_away(
    service: StubService,
) -> None:
    service.answers["WhoAmI"] = [AWAY, AWAY, ALICE]

    assert ask(service.endpoint, repeatable=(METHOD,)) == ALICE
    assert len(service.seen) == 3


def test_a_method_that_is_not_repeatable_is_called_once(service: StubService) -> None:
    service.answers["WhoAmI"] = [AWAY, ALICE]

    with pytest.raises(errors.Unavailable, match="away"):
        ask(service.endpoint, repeatable=("deskhold.api.rbac.v1.AccessService/CheckAccess",))

    assert len(service.seen) == 1


def test_only_unavailable_is_tried_again(service: StubService) -> None:
    service.answers["WhoAmI"] = errors.ResourceExhausted("too much")

    with pytest.raises(errors.ResourceExhausted):
        ask(service.endpoint, repeatable=(METHOD,))

    assert len(service.seen) == 1


def test_retries_end(service: StubService) -> None:
    service.answers["WhoAmI"] = AWAY

    with pytest.raises(errors.Unavailable):
        ask(service.endpoint, repeatable=(METHOD,))

    assert len(service.seen) == 4


def test_what_the_service_says_is_kept_and_the_request_id_added(service: StubService) -> None:
    service.answers["WhoAmI"] = AWAY

    with pytest.raises(errors.Unavailable) as caught:
        ask(service.endpoint)

    assert (caught.value.message, caught.value.reason) == ("away", "AUTHORITY_UNAVAILABLE")
    assert caught.value.request_id == "r-1"


def test_a_wrong_authority_is_explained(service: StubService, other_authority: Authority) -> None:
    endpoint = replace(service.endpoint, ca_file=other_authority.ca_file)

    with pytest.raises(
        errors.Unavailable, match=r"was not signed by an authority in .*ca\.crt"
    ) as caught:
        ask(endpoint)

    assert caught.value.reason == "TLS_HANDSHAKE_FAILED"
    assert caught.value.metadata["address"] == endpoint.address


def test_a_certificate_for_another_name_is_explained_and_can_be_expected(
    service: StubService,
) -> None:
    service.answers["WhoAmI"] = ALICE
    endpoint = replace(service.endpoint, server_name="broker.example")

    with pytest.raises(errors.Unavailable, match="is for another name"):
        ask(endpoint)

    by_address = service.endpoint.address.replace("localhost", "127.0.0.1")
    assert ask(replace(endpoint, address=by_address, server_name="localhost")) == ALICE


def test_a_missing_client_certificate_is_explained_and_one_gets_in(authority: Authority) -> None:
    stub = StubService(authority, asks_for_certificate=True, answers={"WhoAmI": ALICE})
    stub.start()
    cert_file, key_file = authority.issue("portal")

    with pytest.raises(errors.Unavailable, match="asks for a client certificate"):
        ask(stub.endpoint)
    answer = ask(replace(stub.endpoint, cert_file=cert_file, key_file=key_file))
    stub.stop()

    assert answer == ALICE


def test_that_nobody_listens_is_explained(authority: Authority) -> None:
    free_port = held_ports()

    with pytest.raises(
        errors.Unavailable, match=f"nobody listens at localhost:{free_port}.*make run"
    ):
        ask(Endpoint(f"localhost:{free_port}", authority.ca_file))


def test_a_server_that_does_not_speak_tls_is_explained(authority: Authority) -> None:
    # One address only: of several, gRPC tells what happened at the last one.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        listening.settimeout(10)

        def greet() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(1024)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(errors.Unavailable, match="does not speak TLS"):
            ask(Endpoint(address, authority.ca_file))


def test_an_unknown_host_name_is_explained(authority: Authority) -> None:
    with pytest.raises(errors.Unavailable, match="cannot be resolved"):
        ask(Endpoint("no-such-host.invalid:1", authority.ca_file))


def test_an_authority_file_that_is_no_pem_is_explained(
    service: StubService, tmp_path: Path
) -> None:
    garbage = tmp_path / "ca.crt"
    garbage.write_text("garbage")

    with pytest.raises(errors.Unavailable, match="no valid PEM file"):
        ask(replace(service.endpoint, ca_file=garbage))


def test_a_connection_lost_during_the_call_says_that_the_outcome_is_unknown(
    service: StubService,
) -> None:
    def vanish(_: WhoAmIRequest) -> WhoAmIResponse:
        service.stop()
        return ALICE

    service.answers["WhoAmI"] = vanish

    with pytest.raises(errors.Unavailable) as caught:
        ask(service.endpoint)

    assert caught.value.reason == "CONNECTION_LOST"
    assert "may or may not have been made" in caught.value.message


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable, match=r"absent\.pem cannot be read"):
        channel.open_sync(Endpoint("localhost:1", tmp_path / "absent.pem"))


def test_a_certificate_without_its_key_is_refused(authority: Authority) -> None:
    endpoint = Endpoint("localhost:1", authority.ca_file, cert_file=authority.ca_file)

    with pytest.raises(ValueError, match="needs both"):
        channel.open_sync(endpoint)
