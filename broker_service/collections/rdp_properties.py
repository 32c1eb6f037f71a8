"""Which lines may stand in a collection's custom RDP properties.

A line is `name:type:value`, the type `s` for text, `i` for an integer, `b` for hexadecimal bytes.
The names are those of Microsoft's lists of RDP file settings ("Supported RDP properties", and the
older ones that its clients still read). What says where a file leads, for whom, and who vouches for
it is the broker's: a line of an administrator could lead users past it.
"""

from __future__ import annotations

import re
import unicodedata

from deskhold.errors import InvalidArgument
from deskhold.names import quoted

_TEXTS = """
    allowed security protocols, camerastoredirect, devicestoredirect, domain, drivestoredirect,
    eventloguploadaddress, gatewayhostname, kdcproxyname, pcb, selectedmonitors,
    shell working directory, usbdevicestoredirect, winposstr, workspace id
"""
_INTEGERS = """
    administrative session, allow desktop composition, allow font smoothing, audiocapturemode,
    audiomode, audioqualitymode, authentication level, autoreconnect max retries,
    autoreconnection enabled, bandwidthautodetect, bitmapcachepersistenable, bitmapcachesize,
    compression, connect to console, connection type, desktop size id, desktopheight,
    desktopscalefactor, desktopwidth, disable ctrl+alt+del, disable cursor setting,
    disable full window drag, disable menu anims, disable themes, disable wallpaper,
    disableclipboardredirection, disableconnectionsharing, disableprinterredirection,
    disableremoteappcapscheck, displayconnectionbar, dynamic resolution, enablecredsspsupport,
    enablerdsaadauth, enablesuperpan, enableworkspacereconnect, encode redirected video capture,
    gatewaybrokeringtype, gatewaycredentialssource, gatewayprofileusagemethod,
    gatewayusagemethod, keyboardhook, maximizetocurrentdisplays, negotiate security layer,
    networkautodetect, pinconnectionbar, prompt for credentials,
    prompt for credentials on client, promptcredentialonce, public mode, rdgiskdcproxy,
    redirectclipboard, redirectcomports, redirectdirectx, redirectdrives,
    redirected video capture encoding quality, redirectlocation, redirectposdevices,
    redirectprinters, redirectsmartcards, redirectwebauthn, remoteappmousemoveinject,
    screen mode id, session bpp, singlemoninwindowedmode, smart sizing, span monitors,
    superpanaccelerationfactor, targetisaadjoined, use multimon, videoplaybackmode
"""
_BYTES = "password 51"


def _named(text: str, type: str) -> dict[str, str]:
    return {" ".join(name.split()): type for name in text.split(",")}


# Name, in lower case, to type.
_KNOWN = _named(_TEXTS, "s") | _named(_INTEGERS, "i") | _named(_BYTES, "b")
_OWN = frozenset(
    (
        "full address",
        "alternate full address",
        "server port",
        "username",
        "loadbalanceinfo",
        "use redirection server name",
        "signscope",
        "signature",
        "alternate shell",
    )
)
_OWN_BEGINNING = "remoteapplication"
_TYPES = {"s": "text", "i": "an integer", "b": "hexadecimal bytes"}
_INTEGER = re.compile(r"-?[0-9]{1,10}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_MAX_INTEGER = 2**32


def check(text: str, *, field: str) -> None:
    """Check lines for `.rdp` files, separated by line feeds; an empty text has none.

    Args:
        text: The lines.
        field: The request field they came from, for the error.

    Raises:
        InvalidArgument: Says which line is wrong, and quotes its name.
    """
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n") if text else (), start=1):
        wrong = _what_is_wrong(line, seen)
        if wrong:
            raise InvalidArgument.of_field(field, f"line {number}: {wrong}")


def _what_is_wrong(line: str, seen: set[str]) -> str:
    """Return what is wrong with a line, or nothing; add its name to those seen."""
    # Whatever some client might take for the end of a line would let a value bring its own lines.
    if any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in line):
        return "it holds a control character; separate lines by line feeds only"
    name, _, rest = line.partition(":")
    type, colon, value = rest.partition(":")
    if not colon or type not in _TYPES:
        return f"{quoted(line)} is not name:type:value, with the type s, i or b"
    key = name.lower()
    known = _KNOWN.get(key, "")
    if key in _OWN or key.startswith(_OWN_BEGINNING):
        wrong = "is set by the broker; leave it out"
    elif not known:
        wrong = "is no RDP property that clients know; correct it or leave it out"
    elif key in seen:
        wrong = "is there twice; leave one out"
    elif type != known or not _is_of(type, value):
        wrong = f"is {_TYPES[known]}; write {name}:{known}:VALUE"
    else:
        seen.add(key)
        return ""
    return f"{quoted(name)} {wrong}"


def _is_of(type: str, value: str) -> bool:
    if type == "i":
        return _INTEGER.fullmatch(value) is not None and abs(int(value)) < _MAX_INTEGER
    return type == "s" or _HEX.fullmatch(value) is not None
