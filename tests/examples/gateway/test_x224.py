"""The first packet is read as clients build it, and rebuilt as hosts read it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.gateway import x224
from tests.examples.gateway.packets import TLS_AND_NLA, built

WITH_CORRELATION = struct.pack("<BBHI", 1, 8, 8, 3) + struct.pack("<BBH", 6, 0, 36) + bytes(32)

TOKENS = {
    b"dh2.abc\r\n": "dh2.abc",
    b"dh2.abc \r\n": "dh2.abc",
    b"Cookie: msts=dh2.abc\r\n": "dh2.abc",
    b"Cookie: msts=dh2.abc \r\n": "dh2.abc",
    b"cookie:MSTS=dh2.abc\r\n": "dh2.abc",
    b"Cookie: msts=3640205228.15629.0000\r\n": "3640205228.15629.0000",
    b"tsv://MS Terminal Services Plugin.1.Pool\r\n": "tsv://MS Terminal Services Plugin.1.Pool",
    b"Cookie: mstshash=alice\r\n": "",
    b"Cookie: xmsts=dh2.abc\r\n": "",
    b"Cookie: msts\r\n": "",
    b"Cookie: msts=\r\n": "",
    b"\r\n": "",
    b"": "",
}


@pytest.mark.parametrize("rest", [b"", TLS_AND_NLA, WITH_CORRELATION])
@pytest.mark.parametrize("line", TOKENS)
def test_the_token_is_read_and_the_host_receives_the_packet_without_it(
    line: bytes, rest: bytes
) -> None:
    packet = built(line + rest, references=b"\0\0\x12\x34")

    request = x224.parse(packet)

    assert x224.packet_length(packet[:4]) == len(packet)
    assert request.token == TOKENS[line]
    assert request.without_token() == built(rest, references=b"\0\0\x12\x34")


MALFORMED = {
    "another code": built(TLS_AND_NLA, code=0xD0),
    "a credit": built(TLS_AND_NLA, code=0xE1),
    "no end of line": built(b"dh2.abc"),
    "no end of line before the request": built(b"dh2.abc" + TLS_AND_NLA),
    "line feed only": built(b"dh2.abc\n" + TLS_AND_NLA),
    "bytes after the request": built(b"dh2.abc\r\n" + TLS_AND_NLA + b"x"),
    "half a request": built(b"dh2.abc\r\n" + TLS_AND_NLA[:4]),
    "two lines": built(b"dh2.abc\r\nCookie: mstshash=alice\r\n" + TLS_AND_NLA),
    "a response": built(struct.pack("<BBHI", 2, 0, 8, 1)),
    "another length of the request": built(struct.pack("<BBHI", 1, 0, 9, 3)),
    "info that is not announced": built(TLS_AND_NLA + WITH_CORRELATION[8:]),
    "announced info is absent": built(WITH_CORRELATION[:8]),
    "not ASCII": built(b"dh2.\xe4\r\n" + TLS_AND_NLA),
    "a control character": built(b"dh2.\0\r\n" + TLS_AND_NLA),
    "X.224 shorter than TPKT": b"\x03\x00\x00\x0c\x06\xe0\0\0\0\0\0x",
    "X.224 longer than TPKT": b"\x03\x00\x00\x0b\x07\xe0\0\0\0\0\0",
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_packet_that_is_no_connection_request_is_malformed(case: str) -> None:
    with pytest.raises(x224.Malformed):
        x224.parse(MALFORMED[case])


@pytest.mark.parametrize(
    "start", ["02000013", "16030100", "03000000", "0300000a", "03000104", "0300ffff"]
)
def test_a_packet_that_is_none_or_too_long_is_known_by_its_first_bytes(start: str) -> None:
    with pytest.raises(x224.Malformed):
        x224.packet_length(bytes.fromhex(start))


@pytest.mark.parametrize("start", ["0300000b", "03000103", "03ff0013"])
def test_every_length_that_x224_can_carry_is_accepted(start: str) -> None:
    assert x224.packet_length(bytes.fromhex(start)) == int(start[4:], 16)


visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)
correlations = st.binary(min_size=32, max_size=32)


@given(
    visible.filter(lambda token: not token.lower().startswith("cookie:")),
    st.sampled_from(["{}\r\n", "{} \r\n", "Cookie: msts={}\r\n"]),
    st.integers(0, 7),
    st.integers(0, 2**32 - 1),
    st.none() | correlations,
)
def test_a_token_goes_and_everything_else_stays(
    token: str, form: str, flags: int, protocols: int, correlation: bytes | None
) -> None:
    rest = struct.pack("<BBHI", 1, flags | (8 if correlation else 0), 8, protocols)
    if correlation is not None:
        rest += struct.pack("<BBH", 6, 0, 36) + correlation
    line = form.format(token).encode()
    if len(line) + len(rest) > 254 - 6:
        line = b"x\r\n"
        token = "x"

    request = x224.parse(built(line + rest))

    assert request.token == token
    assert request.without_token() == built(rest)


@given(st.integers(0, 7), correlations)
def test_without_a_token_a_line_end_within_the_correlation_id_is_none(
    flags: int, correlation: bytes
) -> None:
    rest = struct.pack("<BBHIBBH", 1, flags | 8, 8, 3, 6, 0, 36) + b"\r\n" + correlation[2:]

    request = x224.parse(built(rest))

    assert request.token == ""
    assert request.without_token() == built(rest)


@given(st.binary(min_size=11, max_size=259))
def test_any_bytes_are_a_request_or_malformed(data: bytes) -> None:
    packet = bytes((3, 0, *len(data).to_bytes(2, "big"), len(data) - 5)) + data[5:]
    try:
        request = x224.parse(packet)
    except x224.Malformed:
        return
    assert x224.parse(request.without_token()).token == ""


def test_the_refusal_is_a_connection_confirm_with_a_negotiation_failure() -> None:
    version, reserved, length, li, code, destination, source, options = struct.unpack(
        ">BBHBBHHB", x224.REFUSAL[:11]
    )
    failure, flags, failure_length, reason = struct.unpack("<BBHI", x224.REFUSAL[11:])

    assert (version, reserved, length, li) == (3, 0, len(x224.REFUSAL), len(x224.REFUSAL) - 5)
    assert (code, destination, source, options) == (0xD0, 0, 0, 0)
    assert (failure, flags, failure_length, reason) == (3, 0, 8, 4)
