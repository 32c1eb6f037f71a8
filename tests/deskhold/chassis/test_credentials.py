"""Who is calling, as the connection and the metadata of a real call say it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from grpc import aio

from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest, Scope
from deskhold.channel import Endpoint, open_async
from deskhold.chassis.calls import current
from deskhold.embedded import authority
from deskhold.embedded.home import lay_out
from deskhold.embedded.paths import Home
from deskhold.errors import Unauthenticated
from tests import rpcs
from tests.deskhold.chassis.carrier import Carrier

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST = CreateScopeRequest(scope=Scope(name="/tenantGroups/contoso"))


async def answer_with_the_caller(_: Any) -> Scope:
    caller = current().authenticated
    return Scope(name=caller.key, display_name=",".join(caller.group_ids))


async def who_am_i(carrier: Carrier, channel: aio.Channel, *metadata: tuple[str, str]) -> Scope:
    carrier.behave = answer_with_the_caller
    async with channel:
        return await rpcs.begin(channel, REQUEST, metadata=metadata)  # type: ignore[no-any-return]


def as_service(carrier: Carrier, home: Home, service: str = "broker") -> aio.Channel:
    return open_async(
        Endpoint(
            carrier.service_address,
            carrier.home.ca_file,
            cert_file=home.tls_file(service),
            key_file=home.tls_key_file(service),
        )
    )


async def test_a_bearer_token_names_a_person(carrier: Carrier) -> None:
    token = carrier.tokens.of("CONTOSO\\Alice", groups=["g-1"])
    carrier.behave = answer_with_the_caller

    said = await carrier.call(REQUEST, metadata=(("authorization", f"Bearer {token}"),))

    assert (said.name, said.display_name) == ("user:alice@contoso.com", "g-1")


async def test_a_client_certificate_names_a_service(carrier: Carrier) -> None:
    said = await who_am_i(carrier, as_service(carrier, carrier.home))

    assert said.name == "service_principal:spiffe://deskhold/broker"


async def test_a_token_says_more_than_the_connection_it_came_over(carrier: Carrier) -> None:
    token = carrier.tokens.of("alice@contoso.com")

    said = await who_am_i(
        carrier, as_service(carrier, carrier.home), ("authorization", f"Bearer {token}")
    )

    assert said.name == "user:alice@contoso.com"


async def test_a_bad_token_is_not_saved_by_a_good_certificate(carrier: Carrier) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        await who_am_i(
            carrier, as_service(carrier, carrier.home), ("authorization", "Bearer nonsense")
        )

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_call_without_a_credential_is_told_how_to_get_one(carrier: Carrier) -> None:
    with pytest.raises(Unauthenticated, match="deskhold login") as refused:
        await carrier.call(REQUEST, metadata=())

    assert refused.value.reason == "CREDENTIAL_MISSING"


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "", "Bearer ", "nonsense"])
async def test_what_is_no_bearer_token_is_no_credential(carrier: Carrier, value: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await carrier.call(REQUEST, metadata=(("authorization", value),))

    assert refused.value.reason == "CREDENTIAL_INVALID"


async def test_a_certificate_that_names_no_service_is_no_credential(
    carrier: Carrier, tmp_path: Path
) -> None:
    cert_file, key_file = nameless_certificate(carrier.home, tmp_path)
    channel = open_async(
        Endpoint(
            carrier.service_address, carrier.home.ca_file, cert_file=cert_file, key_file=key_file
        )
    )

    with pytest.raises(grpc.RpcError) as refused:
        await who_am_i(carrier, channel)

    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_services_get_in_by_certificate_only(carrier: Carrier) -> None:
    channel = open_async(Endpoint(carrier.service_address, carrier.home.ca_file))
    token = carrier.tokens.of()

    with pytest.raises(grpc.RpcError) as refused:
        await who_am_i(carrier, channel, ("authorization", f"Bearer {token}"))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_certificate_of_another_authority_does_not_get_in(
    carrier: Carrier, tmp_path: Path
) -> None:
    stranger = lay_out(tmp_path / "stranger", 40000)

    with pytest.raises(grpc.RpcError) as refused:
        await who_am_i(carrier, as_service(carrier, stranger))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_there_is_no_plaintext(carrier: Carrier) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        await who_am_i(carrier, aio.insecure_channel(carrier.address))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def nameless_certificate(home: Home, folder: Path) -> tuple[Path, Path]:
    """Issue a client certificate of the deployment's own authority without a URI."""
    root = authority.certificate_from_pem(home.ca_file.read_bytes())
    root_key = authority.key_from_pem(home.ca_key_file.read_bytes())
    key = authority.new_key()
    named = authority.new_leaf(
        "broker", key, authority=root, authority_key=root_key, now=datetime.now(UTC)
    )
    builder = x509.CertificateBuilder(
        named.issuer,
        named.subject,
        key.public_key(),
        x509.random_serial_number(),
        named.not_valid_before_utc,
        named.not_valid_after_utc,
        [one for one in named.extensions if one.oid != x509.SubjectAlternativeName.oid],
    )
    leaf = builder.sign(root_key, hashes.SHA256())
    files = folder / "nameless.crt", folder / "nameless.private"
    files[0].write_bytes(authority.certificate_to_pem(leaf))
    files[1].write_bytes(authority.key_to_pem(key))
    return files
