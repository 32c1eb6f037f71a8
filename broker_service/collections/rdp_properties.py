"""The properties of `.rdp` files: which there are, which are signed, which a collection may set.

A property is `name:type:value`, the type `s` for text, `i` for an integer, `b` for hexadecimal
bytes. The names are those of Microsoft's list ("Supported RDP properties"), and older ones that its
clients still read. A collection cannot set where a file leads, for whom, and who signs it: a
property of an administrator could lead users elsewhere.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from deskhold.errors import InvalidArgument
from deskhold.names import quoted

# The properties that a signature covers, in the order in which mstsc reads them, by their names in
# `signscope` (the list of rdpsign.exe, as the open signers of .rdp files give it).
SIGNED: Final = {
    "Full Address": "s",
    "Alternate Full Address": "s",
    "PCB": "s",
    "Use Redirection Server Name": "i",
    "Server Port": "i",
    "Negotiate Security Layer": "i",
    "EnableCredSspSupport": "i",
    "DisableConnectionSharing": "i",
    "AutoReconnection Enabled": "i",
    "GatewayHostname": "s",
    "GatewayUsageMethod": "i",
    "GatewayProfileUsageMethod": "i",
    "GatewayCredentialsSource": "i",
    "Support URL": "s",
    "PromptCredentialOnce": "i",
    "Require pre-authentication": "i",
    "Pre-authentication server address": "s",
    "Alternate Shell": "s",
    "Shell Working Directory": "s",
    "RemoteApplicationProgram": "s",
    "RemoteApplicationExpandWorkingdir": "i",
    "RemoteApplicationMode": "i",
    "RemoteApplicationGuid": "s",
    "RemoteApplicationName": "s",
    "RemoteApplicationIcon": "s",
    "RemoteApplicationFile": "s",
    "RemoteApplicationFileExtensions": "s",
    "RemoteApplicationCmdLine": "s",
    "RemoteApplicationExpandCmdLine": "i",
    "Prompt For Credentials": "i",
    "Authentication Level": "i",
    "AudioMode": "i",
    "RedirectDrives": "i",
    "RedirectPrinters": "i",
    "RedirectCOMPorts": "i",
    "RedirectSmartCards": "i",
    "RedirectPOSDevices": "i",
    "RedirectClipboard": "i",
    "DevicesToRedirect": "s",
    "DrivesToRedirect": "s",
    "LoadBalanceInfo": "s",
    "RedirectDirectX": "i",
    "RDGIsKDCProxy": "i",
    "KDCProxyName": "s",
    "EventLogUploadAddress": "s",
}
_TEXTS: Final = """
    allowed security protocols, armpath, authoring tool, camerastoredirect, domain,
    gatewayaccesstoken, gatewaycertificatelogonauthority, gatewayusername, geo, hubdiscoverygeourl,
    remoteapplicationappid, resourceprovider, selectedmonitors, signature, signscope,
    smartrawprinters, usbdevicestoredirect, username, winposstr, workspace id, wvd endpoint pool
"""
_INTEGERS: Final = """
    administrative session, allow desktop composition, allow font smoothing, allowrelativemousemode,
    audiocapturemode, audioqualitymode, auto connect, autoreconnect max retries,
    bandwidthautodetect, bitmapcachepersistenable, bitmapcachesize, compression, connect to console,
    connection type, desktop size id, desktopheight, desktopscalefactor, desktopwidth,
    disable ctrl+alt+del, disable cursor setting, disable cursor settings, disable full window drag,
    disable menu anims, disable themes, disable wallpaper, disableclipboardredirection,
    disableprinterredirection, disableremoteappcapscheck, displayconnectionbar, dynamic resolution,
    enablerdsaadauth, enablesuperpan, enableworkspacereconnect, encode redirected video capture,
    forcehidpioptimizations, gatewaybrokeringtype, hidef color depth, keyboardhook,
    maximizetocurrentdisplays, networkautodetect, pinconnectionbar,
    prompt for credentials on client, public mode, redirected video capture encoding quality,
    redirectlocation, redirectwebauthn, remoteappmousemoveinject, screen mode id, session bpp,
    singlemoninwindowedmode, smart sizing, span monitors, superpanaccelerationfactor,
    targetisaadjoined, use multimon, videoplaybackmode
"""
_BYTES: Final = "password 51"


def _named(text: str, type: str) -> dict[str, str]:
    return {" ".join(name.split()): type for name in text.split(",")}


# Every known property: its name in lower case, and its type.
PROPERTIES: Final = {
    **{name.lower(): type for name, type in SIGNED.items()},
    **_named(_TEXTS, "s"),
    **_named(_INTEGERS, "i"),
    **_named(_BYTES, "b"),
}
_OWN: Final = frozenset(
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
_OWN_BEGINNING: Final = "remoteapplication"
# Their values are lists, separated by semicolons.
_LISTS: Final = frozenset(
    ("camerastoredirect", "devicestoredirect", "drivestoredirect", "usbdevicestoredirect")
)
_TYPES: Final = {"s": "text", "i": "an integer", "b": "hexadecimal bytes"}
# Clients read other characters in ways of their own: FreeRDP takes a line that begins with a slash
# for an option of its command line, and a blank at an end of a name may be trimmed.
_NAME: Final = re.compile(r"[A-Za-z0-9]+(?:[ +._-][A-Za-z0-9]+)*")
_BEGINNING: Final = re.compile(r"\s*[^:;]+:[sib]:")
_INTEGER: Final = re.compile(r"-?[0-9]{1,10}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_MAX_INTEGER: Final = 2**32


def is_own(name: str) -> bool:
    """Return whether the broker alone sets a property, whose name is in lower case."""
    return name in _OWN or name.startswith(_OWN_BEGINNING)


def parse(text: str, *, field: str, allow_unknown: bool = False) -> str:
    """Return the properties of a text one a line, blank lines and blanks around them left out.

    A semicolon separates properties too, as in Azure Virtual Desktop; only the properties whose
    values are lists may hold one. So whatever follows a semicolon is checked as well.

    Args:
        text: The properties, separated by line ends or semicolons.
        field: The request field they came from, for the error.
        allow_unknown: Accept names that are not in `PROPERTIES`.

    Raises:
        InvalidArgument: Names the line and the property that cannot be set, and why.
    """
    lines: dict[str, str] = {}
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        for given in _split(line):
            problem = _problem(given, lines, allow_unknown=allow_unknown)
            if problem:
                raise InvalidArgument.of_field(field, f"line {number}: {problem}")
            lines[given.partition(":")[0].lower()] = given
    return "\n".join(lines.values())


def _split(line: str) -> Iterator[str]:
    """Yield the properties of a line."""
    first, *rest = line.split(";")
    current = first
    for piece in rest:
        is_list = current.partition(":")[0].strip().lower() in _LISTS
        if is_list and not _BEGINNING.match(piece):
            current += f";{piece}"
            continue
        if current.strip(" "):
            yield current.strip(" ")
        current = piece
    if current.strip(" "):
        yield current.strip(" ")


def _problem(given: str, seen: dict[str, str], *, allow_unknown: bool) -> str:
    """Return why a property cannot be set, or nothing."""
    # Whatever some client might take for the end of a line would let a value bring its own lines.
    if any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in given):
        return "it holds a control character; separate properties by line feeds or semicolons only"
    name, _, rest = given.partition(":")
    type, colon, value = rest.partition(":")
    if not (name and colon) or type not in _TYPES:
        return f"{quoted(given)} is not name:type:value, with the type s, i or b"
    if not _NAME.fullmatch(name):
        return (
            f"{quoted(name)} is no name of a property; write letters and digits, between them"
            " single blanks, '+', '-', '.' or '_'"
        )
    key = name.lower()
    known = PROPERTIES.get(key, type if allow_unknown else "")
    if is_own(key):
        wrong = "is set by the broker; leave it out"
    elif not known:
        wrong = f"is no property that RDP clients are known to read{_nearest(key)}; correct it,"
        wrong += " leave it out, or set allow_unknown_rdp_properties"
    elif key in seen:
        wrong = "is there twice; leave one out"
    elif type != known or not _is_of(type, value):
        wrong = f"is {_TYPES[known]}; write {name}:{known}:VALUE"
    else:
        return ""
    return f"{quoted(name)} {wrong}"


def _nearest(key: str) -> str:
    can_be_set = [name for name in PROPERTIES if not is_own(name)]
    nearest = difflib.get_close_matches(key, can_be_set, n=1)
    return f" (the nearest is {quoted(nearest[0])})" if nearest else ""


def _is_of(type: str, value: str) -> bool:
    if type == "i":
        return _INTEGER.fullmatch(value) is not None and abs(int(value)) < _MAX_INTEGER
    return type == "s" or _HEX.fullmatch(value) is not None
