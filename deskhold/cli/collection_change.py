"""`deskhold collection create` and `update`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import click

from deskhold import names
from deskhold.cli.collection_shape import WHOLE
from deskhold.cli.flags import collection_name, tenant_options
from deskhold.cli.invocation import Invocation, passed
from deskhold.cli.output import output_option, record, show
from deskhold.cli.tree import Command

if TYPE_CHECKING:
    from deskhold.client.broker.collections import Gateway

_MINUTES = click.IntRange(0)
_RDP_PORT = 3389


def _settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags of what can be changed; those given arrive as one dictionary, `settings`."""

    @wraps(function)
    def packed(
        *args: Any,
        rdp_properties: tuple[str, ...],
        load_balancing: str | None,
        user_name_format: str | None,
        **kwargs: Any,
    ) -> Any:
        settings = {field: kwargs.pop(field) for field in _FIELDS}
        settings["user_name_format"] = user_name_format and user_name_format.replace("-", "_")
        settings["custom_rdp_properties"] = "\n".join(rdp_properties) or None
        settings["load_balancing"] = load_balancing and load_balancing.replace("-", "_")
        given = {field: value for field, value in settings.items() if value is not None}
        return function(*args, settings=given, **kwargs)

    options = (
        click.option("--display-name", metavar="TEXT", help="What people see."),
        click.option("--description", metavar="TEXT", help="What it is for."),
        click.option(
            "--max-desktops",
            "max_desktops_per_user",
            metavar="N",
            type=int,
            help="How many hosts one user may hold; personal only.",
        ),
        click.option(
            "--release-policy",
            type=click.Choice(["free", "quarantine"]),
            help="What becomes of a host that is given back; personal only.",
        ),
        click.option(
            "--load-balancing",
            type=click.Choice(["breadth-first", "depth-first"]),
            help="How new sessions spread over the hosts; pooled only.",
        ),
        click.option(
            "--max-sessions-per-host",
            metavar="N",
            type=int,
            help="How many sessions a host takes, 0 for as many as come; pooled only.",
        ),
        *(
            click.option(
                f"--{kind}-session-limit",
                f"{kind}_session_limit_minutes",
                metavar="MINUTES",
                type=_MINUTES,
                help=f"End {kind} sessions after so long; 0: never.",
            )
            for kind in ("active", "disconnected", "idle")
        ),
        click.option(
            "--rdp-property",
            "rdp_properties",
            metavar="NAME:TYPE:VALUE",
            multiple=True,
            help="A property of `.rdp` files, or several with ';' between; may be repeated.",
        ),
        click.option(
            "--allow-unknown-rdp-properties",
            is_flag=True,
            help="Accept properties that clients are not known to read.",
        ),
        click.option(
            "--user-name-format",
            type=click.Choice(["as-assigned", "upn", "netbios", "bare"]),
            help="How `.rdp` files spell the user; bare for hosts with local accounts.",
        ),
        click.option(
            "--gateway",
            metavar="HOST[:PORT]",
            help="What clients connect to instead of the hosts; it reads routing tokens.",
        ),
        click.option(
            "--gateway-token",
            type=click.Choice(["plain", "msts-cookie"]),
            help="How `.rdp` files carry the token to the gateway; plain at first.",
        ),
    )
    for option in reversed(options):
        packed = option(packed)
    return packed


def _gateway(where: str | None, token: str | None, before: Gateway | None = None) -> Gateway:
    """Return the gateway of `--gateway` and `--gateway-token`; what is not given stays as before.

    Args:
        where: HOST or HOST:PORT.
        token: The form of the token.
        before: The gateway that the collection has.

    Raises:
        UsageError: There is no address, or it is none.
    """
    from deskhold.client.broker.collections import Gateway

    if where is None:
        if before is None:
            raise click.UsageError("--gateway-token needs a gateway; give --gateway too.")
        address, port = before.address, before.port
    else:
        address, port = _address(where)
    format: Any = token.replace("-", "_") if token else before and before.token_format
    return Gateway(address, port, format or "plain")


def _address(text: str) -> tuple[str, int]:
    address, colon, port = text.rpartition(":")
    # An IPv6 address has colons of its own; with a port it stands in brackets.
    if not colon or (":" in address and not address.endswith("]")):
        address, port = text, str(_RDP_PORT)
    if "/" in text or not address or not port.isdecimal() or not 0 < int(port) < 65536:
        raise click.UsageError(
            f"--gateway {text!r} is not HOST or HOST:PORT; it is no URL, and ports end at 65535."
        )
    return address.strip("[]"), int(port)


_FIELDS = (
    "display_name",
    "description",
    "max_desktops_per_user",
    "release_policy",
    "max_sessions_per_host",
    "active_session_limit_minutes",
    "disconnected_session_limit_minutes",
    "idle_session_limit_minutes",
)


@click.command(cls=Command, example="deskhold collection create eng --type personal --auto-assign")
@click.argument("name")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["personal", "pooled"]),
    required=True,
    help="personal: each user holds a host of their own. pooled: any host will do.",
)
@click.option("--auto-assign", is_flag=True, help="A user without a host claims a free one.")
@click.option("--grant-admin", is_flag=True, help="A user is administrator on the host they hold.")
@click.option("--host", "hosts", metavar="H", multiple=True, help="A first host; may be repeated.")
@_settings_options
@tenant_options
@output_option()
@passed
def create(
    invocation: Invocation,
    *,
    name: str,
    kind: Literal["personal", "pooled"],
    auto_assign: bool,
    grant_admin: bool,
    hosts: tuple[str, ...],
    gateway: str | None,
    gateway_token: str | None,
    allow_unknown_rdp_properties: bool,
    settings: dict[str, Any],
    tenant_group: str | None,
    tenant: str | None,
    output: str,
) -> None:
    """Create the collection NAME in a tenant."""
    if (gateway, gateway_token) != (None, None):
        settings["gateway"] = _gateway(gateway, gateway_token)
    full = names.parse(collection_name(name, tenant_group, tenant))
    made = invocation.client.create_collection(
        str(full.parent),
        full.id,
        type=kind,
        auto_assign_user=auto_assign,
        grant_administrative_privilege=grant_admin,
        host_ids=hosts,
        allow_unknown_rdp_properties=allow_unknown_rdp_properties,
        **settings,
    )
    invocation.say(f"created collection {full.id}")
    show(record(made), WHOLE, output)


@click.command(cls=Command, example="deskhold collection update eng --idle-session-limit 120")
@click.argument("name")
@_settings_options
@click.option("--no-rdp-properties", is_flag=True, help="Remove all properties of `.rdp` files.")
@click.option("--no-gateway", is_flag=True, help="Let clients connect to the hosts themselves.")
@click.option("--etag", metavar="ETAG", default="", help="Change only this version.")
@click.option("--validate-only", is_flag=True, help="Change nothing, say what would be there.")
@tenant_options
@output_option()
@passed
def update(
    invocation: Invocation,
    *,
    name: str,
    settings: dict[str, Any],
    no_rdp_properties: bool,
    gateway: str | None,
    gateway_token: str | None,
    no_gateway: bool,
    allow_unknown_rdp_properties: bool,
    etag: str,
    validate_only: bool,
    tenant_group: str | None,
    tenant: str | None,
    output: str,
) -> None:
    """Change what is given of the collection NAME; the rest stays.

    Properties of `.rdp` files replace those there were. The type, --auto-assign and --grant-admin
    are fixed when it is created.
    """
    if no_rdp_properties:
        if "custom_rdp_properties" in settings:
            raise click.UsageError("--no-rdp-properties goes without --rdp-property.")
        settings["custom_rdp_properties"] = ""
    full = collection_name(name, tenant_group, tenant)
    if no_gateway:
        if (gateway, gateway_token) != (None, None):
            raise click.UsageError("--no-gateway goes without --gateway and --gateway-token.")
        settings["gateway"] = "none"
    elif gateway is not None and gateway_token is not None:
        settings["gateway"] = _gateway(gateway, gateway_token)
    elif (gateway, gateway_token) != (None, None):
        from deskhold.client.broker.collections import Gateway

        before = invocation.client.get_collection(full)
        settings["gateway"] = _gateway(gateway, gateway_token, before=Gateway.of(before))
        etag = etag or before.etag
    if not settings:
        raise click.UsageError("say what to change; see --help.")
    made = invocation.client.update_collection(
        full,
        etag=etag,
        validate_only=validate_only,
        allow_unknown_rdp_properties=allow_unknown_rdp_properties,
        **settings,
    )
    invocation.say(f"{'would change' if validate_only else 'changed'} collection {name}")
    show(record(made), WHOLE, output)
