"""The answer of Connect over the wire: gateways, user names, rights and the signature."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deskhold.api.broker.v1 import collections_pb2, sessions_pb2
from deskhold.api.broker.v1.agents_pb2 import HostReport
from deskhold.api.broker.v1.hosts_pb2 import Host, NewHost
from deskhold.client import Client
from deskhold.client.broker.collections import Gateway
from deskhold.errors import InvalidArgument
from tests.broker_service.pair import Eng, Pair

ALICE = "CONTOSO\\Alice"
CAROL = "CONTOSO\\Carol"
HIDDEN = "10.20.30.40"


def lines(way: sessions_pb2.ConnectResponse) -> dict[str, str]:
    """Return the properties of the file that clients get: name to value."""
    text = way.rdp_file_content.decode("utf-16").removesuffix("\r\n")
    return {line.split(":", 2)[0]: line.split(":", 2)[2] for line in text.split("\r\n")}


@pytest.fixture
def lab(owner: Client, tenant: str) -> collections_pb2.Collection:
    """A collection behind a gateway: Alice holds lab-1."""
    made = owner.create_collection(
        tenant, "lab", type="personal", gateway=Gateway("gate.contoso.com", 3390)
    )
    owner.add_hosts(made.name, [NewHost(host_id="lab-1", host=Host(address=HIDDEN, port=3999))])
    owner.set_assignment(made.name, user=ALICE, host_id="lab-1")
    return made


def test_behind_a_gateway_clients_receive_only_the_gateways_address(
    owner: Client, tenant: str, lab: collections_pb2.Collection
) -> None:
    way = owner.connect(lab.name, user=ALICE)

    assert (way.address, way.port) == ("gate.contoso.com", 3390)
    assert lines(way)["full address"] == "gate.contoso.com:3390"
    assert lines(way)["loadbalanceinfo"] == way.routing_token
    assert HIDDEN.encode() not in way.SerializeToString()
    assert HIDDEN.encode("utf-16-le") not in way.SerializeToString()
    route = owner.resolve_routing_token(tenant, lines(way)["loadbalanceinfo"])
    assert (route.address, route.port, route.user) == (HIDDEN, 3999, ALICE)


def test_a_validated_connect_behind_a_gateway_carries_no_token(
    owner: Client, lab: collections_pb2.Collection
) -> None:
    way = owner.connect(lab.name, user=ALICE, validate_only=True)

    assert (way.address, way.port) == ("gate.contoso.com", 3390)
    assert "loadbalanceinfo" not in lines(way)


def test_the_token_can_be_the_cookie_that_load_balancers_read(
    owner: Client, lab: collections_pb2.Collection
) -> None:
    changed = owner.update_collection(
        lab.name, gateway=Gateway("2001:db8::1", token_format="msts_cookie")
    )
    way = owner.connect(lab.name, user=ALICE)

    assert changed.gateway == collections_pb2.Gateway(
        address="2001:db8::1",
        port=3389,
        token_format=collections_pb2.ROUTING_TOKEN_FORMAT_MSTS_COOKIE,
    )
    assert lines(way)["full address"] == "[2001:db8::1]:3389"
    assert lines(way)["loadbalanceinfo"] == f"Cookie: msts={way.routing_token}"
    assert len(lines(way)["loadbalanceinfo"]) <= 120


def test_without_a_gateway_clients_connect_to_the_host_and_get_no_token(
    owner: Client, lab: collections_pb2.Collection
) -> None:
    changed = owner.update_collection(lab.name, gateway="none")
    way = owner.connect(lab.name, user=ALICE)

    assert not changed.HasField("gateway")
    assert (way.address, way.port) == (HIDDEN, 3999)
    assert "loadbalanceinfo" not in lines(way)
    assert "alternate full address" in lines(way)  # the file is signed


def test_a_gateway_stays_when_something_else_is_changed(
    owner: Client, lab: collections_pb2.Collection
) -> None:
    assert owner.update_collection(lab.name, description="x").gateway == lab.gateway
    assert owner.get_collection(lab.name).gateway == lab.gateway


@pytest.mark.parametrize(
    ("gateway", "field"),
    [
        (Gateway(""), "collection.gateway.address"),
        (Gateway("two words"), "collection.gateway.address"),
        (Gateway("x\r\nfull address:s:evil"), "collection.gateway.address"),
        (Gateway("gate", 65536), "collection.gateway.port"),
        (Gateway("gate.contoso.com:3390"), "collection.gateway.address"),
        (Gateway("10.0.0.1:3390"), "collection.gateway.address"),
        (Gateway("fe80::1%eth0"), "collection.gateway.address"),
        (Gateway("[2001:db8::1]"), "collection.gateway.address"),
        (Gateway("1:2"), "collection.gateway.address"),
        (Gateway("gate..contoso.com"), "collection.gateway.address"),
        (Gateway("-"), "collection.gateway.address"),
        (Gateway("g" * 64), "collection.gateway.address"),
    ],
)
def test_an_invalid_gateway_is_refused_by_field(
    owner: Client, tenant: str, gateway: Gateway, field: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.create_collection(tenant, "lab", type="personal", gateway=gateway)
    assert field in [one.field for one in caught.value.violations]


@pytest.mark.parametrize(
    ("address", "full"),
    [
        ("gate", "gate:3389"),
        ("gate_1.contoso.com.", "gate_1.contoso.com.:3389"),
        ("10.0.0.1", "10.0.0.1:3389"),
        ("::1", "[::1]:3389"),
        ("::ffff:10.0.0.1", "[::ffff:10.0.0.1]:3389"),
    ],
)
def test_every_address_of_a_gateway_is_written_as_clients_read_it(
    owner: Client, lab: collections_pb2.Collection, address: str, full: str
) -> None:
    owner.update_collection(lab.name, gateway=Gateway(address))

    assert lines(owner.connect(lab.name, user=ALICE))["full address"] == full


@pytest.mark.parametrize(
    ("format", "user", "spelled"),
    [
        ("as_assigned", CAROL, CAROL),
        ("upn", CAROL, "Carol@contoso.com"),
        ("netbios", "Carol@contoso.com", CAROL),
        ("bare", CAROL, "Carol"),
        ("bare", "Carol@contoso.com", "Carol"),
        # A domain that the map does not know.
        ("upn", "FABRIKAM\\bob", "FABRIKAM\\bob"),
        ("netbios", "bob@fabrikam.com", "bob@fabrikam.com"),
        ("bare", "FABRIKAM\\bob", "bob"),
        ("netbios", "jürgen.山田@contoso.com", "CONTOSO\\jürgen.山田"),
    ],
)
def test_the_collection_chooses_how_the_user_is_spelled(
    owner: Client, eng: Eng, format: str, user: str, spelled: str
) -> None:
    owner.update_collection(eng.name, user_name_format=format)  # type: ignore[arg-type]

    assert lines(owner.connect(eng.name, user=user))["username"] == spelled


def test_administrator_rights_are_pending_until_the_agent_has_applied_them(
    owner: Client, tenant: str
) -> None:
    name = owner.create_collection(
        tenant,
        "lab",
        type="personal",
        auto_assign_user=True,
        grant_administrative_privilege=True,
        host_ids=["lab-1"],
    ).name
    reported = []

    def connected() -> None:
        way = owner.connect(name, user=ALICE)
        rights = sessions_pb2.AdministratorRights.Name(way.administrator_rights)
        reported.append((rights.removeprefix("ADMINISTRATOR_RIGHTS_"), way.administrator))

    connected()
    owner.report_hosts(name, [HostReport(host_id="lab-1", boot_id="1")])
    connected()
    applied = HostReport(host_id="lab-1", boot_id="1", administrators=["alice@contoso.com"])
    owner.report_hosts(name, [applied])
    connected()
    owner.report_hosts(name, [HostReport(host_id="lab-1", boot_id="1", administrators=["a@b.c"])])
    connected()

    assert reported == [
        ("UNMANAGED", False),
        ("PENDING", False),
        ("APPLIED", True),
        ("PENDING", False),
    ]


def test_files_are_signed_by_default_with_a_certificate_of_the_deployments_authority(
    pair: Pair, owner: Client, eng: Eng, tmp_path: Path
) -> None:
    publisher = owner.get_publisher("/")
    found = lines(owner.connect(eng.name))

    assert {"signscope", "signature"} <= set(found)
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(publisher.certificates)
    verified = subprocess.run(
        ["openssl", "verify", "-CAfile", pair.settings["DESKHOLD_CA_FILE"], str(leaf)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    shown = subprocess.run(
        ["openssl", "x509", "-in", str(leaf), "-noout", "-fingerprint", "-sha1"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip().partition("=")[2].replace(":", "") == publisher.sha1_thumbprint
    assert publisher.subject == "CN=deskhold desktop publisher"


def test_properties_as_azure_virtual_desktop_has_them_are_stored_one_a_line(
    owner: Client, tenant: str
) -> None:
    made = owner.create_collection(
        tenant, "lab", type="personal", custom_rdp_properties="audiomode:i:2;use multimon:i:0;"
    )

    assert made.custom_rdp_properties == "audiomode:i:2\nuse multimon:i:0"


def test_an_unknown_property_stays_when_something_else_is_changed(
    owner: Client, tenant: str
) -> None:
    with pytest.raises(InvalidArgument):
        owner.create_collection(tenant, "lab", type="personal", custom_rdp_properties="new:i:1")
    made = owner.create_collection(
        tenant,
        "lab",
        type="personal",
        custom_rdp_properties="new:i:1",
        allow_unknown_rdp_properties=True,
    )

    assert owner.update_collection(made.name, description="x").custom_rdp_properties == "new:i:1"
    with pytest.raises(InvalidArgument):
        owner.update_collection(made.name, custom_rdp_properties="new:i:2")
