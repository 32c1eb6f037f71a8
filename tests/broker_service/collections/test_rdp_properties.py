from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_service.collections import rdp_properties
from broker_service.collections.rdp_properties import PROPERTIES, SIGNED, is_own
from deskhold.errors import InvalidArgument

FIELD = "collection.custom_rdp_properties"
# The properties that rdpsign.exe signs (45), as independent signers of .rdp files list them.
SECURE = """
    full address, alternate full address, pcb, use redirection server name, server port,
    negotiate security layer, enablecredsspsupport, disableconnectionsharing,
    autoreconnection enabled, gatewayhostname, gatewayusagemethod, gatewayprofileusagemethod,
    gatewaycredentialssource, support url, promptcredentialonce, require pre-authentication,
    pre-authentication server address, alternate shell, shell working directory,
    remoteapplicationprogram, remoteapplicationexpandworkingdir, remoteapplicationmode,
    remoteapplicationguid, remoteapplicationname, remoteapplicationicon, remoteapplicationfile,
    remoteapplicationfileextensions, remoteapplicationcmdline, remoteapplicationexpandcmdline,
    prompt for credentials, authentication level, audiomode, redirectdrives, redirectprinters,
    redirectcomports, redirectsmartcards, redirectposdevices, redirectclipboard, devicestoredirect,
    drivestoredirect, loadbalanceinfo, redirectdirectx, rdgiskdcproxy, kdcproxyname,
    eventloguploadaddress
"""
# Known properties that no signature covers. A new property goes into one of the two lists.
NOT_SECURE = """
    allowed security protocols, armpath, authoring tool, camerastoredirect, domain,
    gatewayaccesstoken, gatewaycertificatelogonauthority, gatewayusername, geo, hubdiscoverygeourl,
    remoteapplicationappid, resourceprovider, selectedmonitors, signature, signscope,
    smartrawprinters, usbdevicestoredirect, username, winposstr, workspace id, wvd endpoint pool,
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
    targetisaadjoined, use multimon, videoplaybackmode, password 51
"""
# "Supported RDP properties" of Microsoft, all of it (March 2025).
MICROSOFTS = """
    alternate full address, alternate shell, authentication level, disableconnectionsharing, domain,
    enablecredsspsupport, enablerdsaadauth, full address, gatewaycredentialssource,
    gatewayhostname, gatewayprofileusagemethod, gatewayusagemethod, kdcproxyname,
    promptcredentialonce, targetisaadjoined, username, autoreconnection enabled,
    bandwidthautodetect, compression, networkautodetect, videoplaybackmode, audiocapturemode,
    audiomode, camerastoredirect, devicestoredirect, drivestoredirect,
    encode redirected video capture, keyboardhook, redirectclipboard, redirectcomports,
    redirected video capture encoding quality, redirectlocation, redirectprinters,
    redirectsmartcards, redirectwebauthn, usbdevicestoredirect, desktop size id, desktopheight,
    desktopscalefactor, desktopwidth, dynamic resolution, maximizetocurrentdisplays,
    screen mode id, selectedmonitors, singlemoninwindowedmode, smart sizing, use multimon,
    remoteapplicationcmdline, remoteapplicationexpandcmdline, remoteapplicationexpandworkingdir,
    remoteapplicationfile, remoteapplicationicon, remoteapplicationmode, remoteapplicationname,
    remoteapplicationprogram
"""


def names(text: str) -> list[str]:
    return [" ".join(name.split()) for name in text.split(",")]


def parsed(text: str) -> list[str]:
    return rdp_properties.parse(text, field=FIELD).split("\n")


def refused(text: str, *, allow_unknown: bool = False) -> str:
    """Return why a text is refused."""
    with pytest.raises(InvalidArgument) as caught:
        rdp_properties.parse(text, field=FIELD, allow_unknown=allow_unknown)
    assert caught.value.reason == "FIELD_VIOLATION"
    assert caught.value.metadata == {"field": FIELD}
    return caught.value.message


def test_a_signature_covers_every_property_that_clients_treat_as_secure_in_their_order() -> None:
    assert [name.lower() for name in SIGNED] == names(SECURE)
    assert not set(names(SECURE)) & set(names(NOT_SECURE))
    assert set(PROPERTIES) == {*names(SECURE), *names(NOT_SECURE)}


def test_every_property_that_microsoft_documents_is_known() -> None:
    assert set(names(MICROSOFTS)) <= set(PROPERTIES)


@pytest.mark.parametrize("name", [name for name in PROPERTIES if not is_own(name)])
def test_every_known_property_that_is_not_the_brokers_can_be_set(name: str) -> None:
    line = f"{name}:{PROPERTIES[name]}:" + {"s": "x", "i": "1", "b": "0A"}[PROPERTIES[name]]

    assert parsed(line) == [line]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "audiomode:i:0",
        "AudioMode:i:2",
        "use multimon:i:1\nredirectclipboard:i:0",
        "drivestoredirect:s:*",
        "drivestoredirect:s:",
        "gatewayhostname:s:gate.contoso.com:443",
        "kdcproxyname:s:ümlaut",
        "autoreconnect max retries:i:-1",
        "password 51:b:01AbFF",
    ],
)
def test_properties_one_a_line_stay_as_they_are(text: str) -> None:
    assert rdp_properties.parse(text, field=FIELD) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        # As Azure Virtual Desktop shows and takes them.
        (
            "drivestoredirect:s:*;audiomode:i:0;videoplaybackmode:i:1;redirectclipboard:i:1;"
            "redirectprinters:i:1;devicestoredirect:s:*;redirectcomports:i:1;"
            "redirectsmartcards:i:1;usbdevicestoredirect:s:*;enablecredsspsupport:i:1;"
            "redirectwebauthn:i:1;use multimon:i:1;",
            [
                "drivestoredirect:s:*",
                "audiomode:i:0",
                "videoplaybackmode:i:1",
                "redirectclipboard:i:1",
                "redirectprinters:i:1",
                "devicestoredirect:s:*",
                "redirectcomports:i:1",
                "redirectsmartcards:i:1",
                "usbdevicestoredirect:s:*",
                "enablecredsspsupport:i:1",
                "redirectwebauthn:i:1",
                "use multimon:i:1",
            ],
        ),
        ("audiomode:i:0; use multimon:i:1 ;", ["audiomode:i:0", "use multimon:i:1"]),
        ("audiomode:i:0;;use multimon:i:1", ["audiomode:i:0", "use multimon:i:1"]),
        # Lists keep their own semicolons.
        ("drivestoredirect:s:C:\\;E:\\;", ["drivestoredirect:s:C:\\;E:\\;"]),
        ("drivestoredirect:s:C:;E:;audiomode:i:1", ["drivestoredirect:s:C:;E:", "audiomode:i:1"]),
        (
            "camerastoredirect:s:*;-\\\\?\\usb#vid_0bda&pid_58b0&mi;audiomode:i:1",
            ["camerastoredirect:s:*;-\\\\?\\usb#vid_0bda&pid_58b0&mi", "audiomode:i:1"],
        ),
        # As they come out of an editor.
        ("audiomode:i:0\r\n\r\n use multimon:i:1\r\n", ["audiomode:i:0", "use multimon:i:1"]),
        ("\n", [""]),
    ],
)
def test_a_text_as_people_have_it_is_split_into_its_properties(text: str, lines: list[str]) -> None:
    assert parsed(text) == lines
    assert parsed("\n".join(lines)) == lines


@pytest.mark.parametrize(
    "text",
    [
        "domain:s:contoso;full address:s:evil.example",
        "drivestoredirect:s:C:;full address:s:evil.example",
        "audiomode:i:0;alternate full address:s:evil.example",
        "audiomode:i:0;;;loadbalanceinfo:s:x",
        "audiomode:i:0; username:s:mallory",
    ],
)
def test_nothing_is_smuggled_in_behind_a_semicolon(text: str) -> None:
    assert "is set by the broker; leave it out" in refused(text)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("domain:s:contoso;evil", "'evil'"), ("audiomode:i:0;x=1;use multimon:i:1", "'x=1'")],
)
def test_nothing_is_lost_behind_a_semicolon(text: str, quoted: str) -> None:
    assert f"{quoted} is not name:type:value" in refused(text)


@pytest.mark.parametrize(
    "name",
    [
        "full address",
        "Full Address",
        "alternate full address",
        "server port",
        "username",
        "loadbalanceinfo",
        "use redirection server name",
        "signscope",
        "signature",
        "alternate shell",
        "remoteapplicationmode",
        "RemoteApplicationProgram",
        "remoteapplicationanything",
    ],
)
@pytest.mark.parametrize("allow_unknown", [False, True])
def test_a_property_of_the_brokers_is_refused_by_name(name: str, allow_unknown: bool) -> None:
    assert refused(f"audiomode:i:0\n{name}:s:x", allow_unknown=allow_unknown) == (
        f"{FIELD}: line 2: '{name}' is set by the broker; leave it out"
    )


# Some client may take each of them for a property of the broker's, or for no property at all.
@pytest.mark.parametrize("allow_unknown", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "full address ",
        "full  address",
        "full\u00a0address",
        "\ufefffull address",
        "full\u200b address",
        "full addre\N{LATIN SMALL LETTER LONG S}s",
        "redirectclipboard ",  # signed, by its name without the blank
        "\N{KELVIN SIGN}eyboardhook",  # lower() makes a known name of it
        "/v",  # an option of FreeRDP's command line: connect to another host
        "#x",
        "[x]",
    ],
)
def test_a_name_that_clients_may_read_as_another_is_refused(name: str, allow_unknown: bool) -> None:
    assert "is no name of a property" in refused(f"{name}:i:1", allow_unknown=allow_unknown)
    behind_a_list = f"drivestoredirect:s:*;{name}:i:1"
    assert "is no name of a property" in refused(behind_a_list, allow_unknown=allow_unknown)


@pytest.mark.parametrize("name", ["new", "New-1", "x.y_z", "a b+c"])
def test_an_unknown_property_that_is_allowed_stays_as_it_is(name: str) -> None:
    line = f"{name}:s:x"

    assert rdp_properties.parse(line, field=FIELD, allow_unknown=True) == line


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("audiomodes", "audiomode"),
        ("audi0mode", "audiomode"),
        ("redirectclipbord", "redirectclipboard"),
        ("supporturl", "support url"),
        ("useMultiMon", "use multimon"),
        ("zzz", ""),
    ],
)
def test_an_unknown_property_is_refused_with_the_nearest_and_a_way_to_allow_it(
    name: str, nearest: str
) -> None:
    hint = f" (the nearest is '{nearest}')" if nearest else ""

    assert refused(f"{name}:i:1") == (
        f"{FIELD}: line 1: '{name}' is no property that RDP clients are known to read{hint};"
        " correct it, leave it out, or set allow_unknown_rdp_properties"
    )
    assert rdp_properties.parse(f"{name}:i:1", field=FIELD, allow_unknown=True) == f"{name}:i:1"


def test_an_unknown_property_that_is_allowed_still_has_a_type() -> None:
    assert "'brand new' is an integer" in refused("brand new:i:x", allow_unknown=True)
    assert "is not name:type:value" in refused("brand new:x:1", allow_unknown=True)
    assert "is not name:type:value" in refused(":i:1", allow_unknown=True)


@pytest.mark.parametrize("line", ["audiomode", "audiomode:i", "audiomode:x:1", "audiomode::1"])
def test_a_line_has_a_name_a_type_and_a_value(line: str) -> None:
    assert f"{line!r} is not name:type:value" in refused(line)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("audiomode:s:0", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:one", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:1.5", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i: 1", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:٣", "an integer; write audiomode:i:VALUE"),
        ("audiomode:i:4294967296", "an integer; write audiomode:i:VALUE"),
        ("drivestoredirect:i:1", "text; write drivestoredirect:s:VALUE"),
        ("password 51:b:0", "hexadecimal bytes; write password 51:b:VALUE"),
        ("password 51:b:xy", "hexadecimal bytes; write password 51:b:VALUE"),
    ],
)
def test_a_value_is_of_the_type_of_its_name(line: str, hint: str) -> None:
    assert hint in refused(line)


@pytest.mark.parametrize("separator", ["\n", ";"])
def test_a_name_is_there_once_case_aside(separator: str) -> None:
    text = separator.join(["audiomode:i:0", "use multimon:i:1", "AUDIOMODE:i:1"])

    assert "'AUDIOMODE' is there twice" in refused(text)


@pytest.mark.parametrize(
    "character", ["\r", "\v", "\f", "\0", "\t", "\x1c", "\x85", "\u2028", "\u2029"]
)
@pytest.mark.parametrize("allow_unknown", [False, True])
def test_no_value_brings_a_line_of_its_own(character: str, allow_unknown: bool) -> None:
    text = f"domain:s:contoso{character}full address:s:evil.example"

    assert "line 1: it holds a control character" in refused(text, allow_unknown=allow_unknown)


def test_a_line_feed_ends_a_value() -> None:
    assert "line 2: 'full address' is set by the broker" in refused(
        "domain:s:contoso\nfull address:s:evil.example"
    )


@given(st.text(alphabet=st.sampled_from("adriomevst:;i\r\n \\*01"), max_size=60))
def test_whatever_is_accepted_is_one_property_a_line_and_accepted_again(text: str) -> None:
    try:
        properties = rdp_properties.parse(text, field=FIELD, allow_unknown=True)
    except InvalidArgument:
        return
    assert rdp_properties.parse(properties, field=FIELD, allow_unknown=True) == properties
    for line in properties.split("\n") if properties else ():
        name, type, _ = line.split(":", 2)
        assert name
        assert type in "sib"
        assert not is_own(name.lower())
