"""Requests are bytes until they are within bounds and their caller is known."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import grpc
import pytest
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from deskhold import status
from deskhold.api.rbac.v1 import access_pb2, policies_pb2
from deskhold.api.rbac.v1.groups_pb2 import Group
from deskhold.api.rbac.v1.policies_pb2 import ImportPolicyRequest, Policy, PolicyGroup
from deskhold.api.rbac.v1.principals_pb2 import PRINCIPAL_KIND_USER, Principal
from deskhold.api.rbac.v1.role_assignments_pb2 import RoleAssignment
from deskhold.api.rbac.v1.scopes_pb2 import ListScopesRequest
from deskhold.chassis import decoding
from deskhold.chassis.decoding import DEFAULT_MAX_BYTES, slices
from deskhold.errors import DeskholdError, InvalidArgument, Unauthenticated
from tests.deskhold.chassis.carrier import TABLE, Carrier

LIST = "/deskhold.api.rbac.v1.ScopeService/ListScopes"
TWO_BYTE_FIELD = b"\x0a\x00"

on_the_module_loop = pytest.mark.asyncio(loop_scope="module")


async def send(
    carrier: Carrier, body: bytes, *, metadata: Any = None, path: str = LIST
) -> DeskholdError | None:
    """Send bytes as they are; return the refusal."""
    method: Any = carrier.channel.unary_unary(path)
    alice = (("authorization", f"Bearer {carrier.tokens.of()}"),)
    try:
        await method(body, metadata=alice if metadata is None else metadata)
    except grpc.RpcError as error:
        return status.from_rpc_error(error)
    return None


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes were decoded, each time."""
    sizes: list[int] = []
    decode = decoding.decode

    def spied(message: Message, part: Any) -> None:
        sizes.append(len(part))
        decode(message, part)

    monkeypatch.setattr(decoding, "decode", spied)
    return sizes


@on_the_module_loop
async def test_nothing_of_a_stranger_is_decoded(carrier: Carrier, decoded: list[int]) -> None:
    refusal = await send(carrier, TWO_BYTE_FIELD * 30_000, metadata=())

    assert isinstance(refusal, Unauthenticated)
    assert decoded == []


@on_the_module_loop
async def test_more_bytes_than_the_method_takes_are_refused_undecoded(
    carrier: Carrier, decoded: list[int]
) -> None:
    refusal = await send(carrier, TWO_BYTE_FIELD * 40_000)

    assert isinstance(refusal, InvalidArgument)
    assert refusal.reason == "REQUEST_TOO_LARGE"
    assert refusal.message == (
        "the request has 80000 bytes and ScopeService/ListScopes takes at most 65536;"
        " send it in parts"
    )
    assert decoded == []
    assert [fault for _, fault in carrier.observed] == [InvalidArgument]


@on_the_module_loop
@pytest.mark.parametrize("body", [b"\x0a\x05ab", b"\xff", b"\x0a\x02\xed\xa0", b"\x0a\x01\xff"])
async def test_what_cannot_be_decoded_is_an_invalid_argument(carrier: Carrier, body: bytes) -> None:
    refusal = await send(carrier, body)

    assert isinstance(refusal, InvalidArgument)
    assert refusal.reason == "REQUEST_MALFORMED"
    assert refusal.metadata["message"] == "deskhold.api.rbac.v1.ListScopesRequest"
    ((call, _),) = carrier.observed
    assert call.authenticated.key == "user:alice@contoso.com"


@on_the_module_loop
async def test_a_text_with_a_nul_is_refused_before_anything_reads_it(carrier: Carrier) -> None:
    refusal = await send(carrier, ListScopesRequest(parent="/a\0b").SerializeToString())

    assert isinstance(refusal, InvalidArgument)
    assert [one.field for one in refusal.violations] == ["parent"]


@on_the_module_loop
async def test_health_decodes_only_short_requests(carrier: Carrier) -> None:
    path = "/grpc.health.v1.Health/Check"
    fine = await send(carrier, b"", metadata=(), path=path)
    long = await send(carrier, TWO_BYTE_FIELD * 100_000, metadata=(), path=path)
    malformed = await send(carrier, b"\xff", metadata=(), path=path)

    assert fine is None
    assert [type(long).__name__, type(malformed).__name__] == ["NotFound", "NotFound"]


async def test_a_limit_for_an_unknown_method_stops_the_start() -> None:
    with pytest.raises(RuntimeError, match="AccessService/Gone"):
        decoding.refuse_strays({"AccessService/Gone": 1}, TABLE)


def large_policy() -> ImportPolicyRequest:
    chance = random.Random(7)
    policy = Policy(
        groups=[
            PolicyGroup(
                group=Group(name=f"groups/g{number}"),
                members=[
                    Principal(kind=PRINCIPAL_KIND_USER, id="x" * chance.randrange(200))
                    for _ in range(chance.randrange(3_000))
                ],
            )
            for number in range(8)
        ],
        role_assignments=[
            RoleAssignment(
                name=f"roleAssignments/{number}",
                principal=Principal(id=f"user-{number}@x"),
                create_time=Timestamp(seconds=number, nanos=17),
            )
            for number in range(5_000)
        ],
    )
    return ImportPolicyRequest(scope="/tenantGroups/a", policy=policy)


@pytest.mark.parametrize(
    "message",
    [
        large_policy(),
        ImportPolicyRequest(scope="/"),
        access_pb2.BatchCheckAccessRequest(
            checks=[
                access_pb2.CheckAccessRequest(scope="/" + "x" * size, group_ids=["g"] * 40)
                for size in range(0, 100_000, 991)
            ],
            stop_at_first_deny=True,
        ),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_decoded_in_slices_is_the_message(message: Message) -> None:
    body = message.SerializeToString()
    made = type(message)()

    for part_of, part in slices(made, memoryview(body)):
        decoding.decode(part_of, part)

    assert made == message


def test_slices_are_small_but_for_single_values() -> None:
    body = large_policy().SerializeToString()

    sizes = []
    for message, part in slices(made := ImportPolicyRequest(), memoryview(body)):
        sizes.append(len(part))
        decoding.decode(message, part)

    assert made.IsInitialized()
    assert max(sizes) < 2 * DEFAULT_MAX_BYTES
    assert sum(sizes) <= len(body)


@pytest.mark.parametrize(
    "body", [b"\x0a\x80\x80\x80\x80\x80", b"\x0b" * 9, b"\x09\x00", b"\x80" * 20, b"\x0a\x7fab"]
)
def test_a_form_that_is_cut_off_or_of_another_kind_is_malformed(body: bytes) -> None:
    with pytest.raises(DecodeError):
        list(slices(policies_pb2.ImportPolicyRequest(), memoryview(body)))


def test_the_number_of_fields_has_a_bound_however_short_they_are() -> None:
    message = access_pb2.BatchCheckAccessRequest()

    with pytest.raises(InvalidArgument) as refused:
        for part_of, part in slices(message, memoryview(TWO_BYTE_FIELD * 2_000_000)):
            decoding.decode(part_of, part)

    assert refused.value.reason == "REQUEST_TOO_LARGE"


@on_the_module_loop
async def test_other_calls_go_on_while_a_large_request_is_decoded(laid: Any) -> None:
    roomy = Carrier(laid, max_bytes={"ScopeService/ListScopes": 4_000_000})
    await roomy.server.start()
    try:
        large = ListScopesRequest(parent="/").SerializeToString() + b"\xa2\x06\x00" * 200_000
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        refusal = await send(roomy, large)
        counting.cancel()
    finally:
        await roomy.close()

    assert refusal is None
    assert turns >= 9  # one for each slice
