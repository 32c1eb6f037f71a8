"""The flags that name things: scopes, collections, principals.

Scope flags combine as in the delegated access of Windows Virtual Desktop: `--diagnostics` goes with
`--infrastructure` or `--tenant`, what is named inside a tenant lies in `default` unless said
otherwise. Wherever an id of a collection or app group is taken, its full name is too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import Any

import click

from deskhold import names
from deskhold.errors import InvalidArgument
from deskhold.identities import Principal, PrincipalKind

_DEFAULT_ID = "default"
_FIELDS = {
    "tenantGroups": "tenant group",
    "tenants": "tenant",
    "collections": "collection",
    "appGroups": "app group",
}
_Function = Callable[..., Any]
_Decorator = Callable[[_Function], _Function]


@dataclass(frozen=True, slots=True)
class ScopeFlags:
    """The scope flags of one command line, as given."""

    infrastructure: bool = False
    tenant_group: str | None = None
    tenant: str | None = None
    collection: str | None = None
    app_group: str | None = None
    diagnostics: bool = False
    scope: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether any of them is."""
        return self != ScopeFlags()

    def required(self) -> str:
        """Return the scope.

        Raises:
            UsageError: None is given, or they do not go together.
            InvalidArgument: An id cannot be one.
        """
        if not self.is_given:
            raise click.UsageError(
                "say where: --infrastructure for the whole deployment, --tenant-group G,"
                " --tenant T, --collection C, --app-group A with --collection, --diagnostics with"
                " --infrastructure or --tenant, or --scope PATH."
            )
        return self.or_deployment()

    def or_deployment(self) -> str:
        """Return the scope, the deployment when no flag is given; raises as `required`."""
        self._refuse_contradictions()
        if self.scope:
            return names.parse_scope(self.scope).scope
        if self.app_group and "/" in self.app_group:
            return names.parse(self.app_group.lstrip("/"), names.Kind.APP_GROUP).scope
        if self.collection:
            name = collection_name(self.collection, self.tenant_group, self.tenant)
            return _below(name, "appGroups", self.app_group)
        return self._tenancy() + ("/diagnostics" if self.diagnostics else "")

    def _tenancy(self) -> str:
        if self.tenant:
            return "/" + tenant_name(self.tenant_group, self.tenant)
        if self.tenant_group:
            return f"/{_child('', 'tenantGroups', self.tenant_group)}"
        return "" if self.diagnostics else names.DEPLOYMENT_SCOPE

    def _refuse_contradictions(self) -> None:
        inside = self.tenant_group or self.tenant or self.collection or self.app_group
        alone = self.scope or ("/" in self.app_group if self.app_group else False)
        others = len([one for one in fields(self) if getattr(self, one.name)]) - 1
        if alone and others:
            raise click.UsageError("a full scope or app group name goes without other scope flags.")
        if self.infrastructure and inside:
            raise click.UsageError(
                "--infrastructure is the whole deployment; it goes without --tenant-group,"
                " --tenant, --collection and --app-group."
            )
        if self.app_group and not self.collection and not alone:
            raise click.UsageError("--app-group needs --collection.")
        if self.diagnostics and (self.collection or not (self.infrastructure or self.tenant)):
            raise click.UsageError(
                "--diagnostics goes with --infrastructure or with --tenant, and nothing below."
            )


def scope_options(function: _Function) -> _Function:
    """Add the scope flags, which arrive as one `ScopeFlags` named `where`."""

    @wraps(function)
    def packed(*args: Any, **kwargs: Any) -> Any:
        given = {one.name: kwargs.pop(one.name) for one in fields(ScopeFlags)}
        return function(*args, where=ScopeFlags(**given), **kwargs)

    options: tuple[_Decorator, ...] = (
        click.option(
            "--infrastructure", "--deployment", is_flag=True, help="The whole deployment: /."
        ),
        *_tenant_options(),
        click.option("--collection", "--host-pool", metavar="C", help="A collection."),
        click.option("--app-group", metavar="A", help="An app group of the collection."),
        click.option(
            "--diagnostics",
            is_flag=True,
            help="The diagnostics of --infrastructure or of --tenant.",
        ),
        click.option("--scope", metavar="PATH", help="Any scope, as a path."),
    )
    return _stacked(packed, options)


def tenant_options(function: _Function) -> _Function:
    """Add `--tenant-group` and `--tenant`, which arrive as such."""
    return _stacked(function, _tenant_options())


def collection_options(function: _Function) -> _Function:
    """Add `--collection` and the tenant flags, which arrive as one full name, `collection`."""

    @wraps(function)
    def packed(
        *args: Any, collection: str, tenant_group: str | None, tenant: str | None, **kwargs: Any
    ) -> Any:
        name = collection_name(collection, tenant_group, tenant)
        return function(*args, collection=name, **kwargs)

    needed = click.option(
        "--collection", "--host-pool", metavar="C", required=True, help="The collection."
    )
    return _stacked(packed, (needed, *_tenant_options()))


def principal_options(function: _Function) -> _Function:
    """Add the flags of a principal, which arrive as `principal`: one, or None."""

    @wraps(function)
    def packed(
        *args: Any,
        user: str | None,
        service_principal: str | None,
        group: str | None,
        directory: str,
        **kwargs: Any,
    ) -> Any:
        given = {
            PrincipalKind.USER: user,
            PrincipalKind.SERVICE_PRINCIPAL: service_principal,
            PrincipalKind.GROUP: group,
        }
        chosen = [Principal(kind, value, directory) for kind, value in given.items() if value]
        if len(chosen) > 1 or (directory and not chosen):
            raise click.UsageError(
                "give one of --user, --service-principal and --group; --directory says where it is."
            )
        return function(*args, principal=chosen[0] if chosen else None, **kwargs)

    options: tuple[_Decorator, ...] = (
        click.option(
            "--user",
            "--sign-in-name",
            metavar="U",
            help="A user: DOMAIN\\user or user@domain.",
        ),
        click.option(
            "--service-principal", "--application-id", metavar="S", help="A program, by its id."
        ),
        click.option("--group", "--group-object-id", metavar="G", help="A group, by its id."),
        click.option(
            "--directory",
            "--aad-tenant-id",
            metavar="D",
            default="",
            help="The directory the principal is from, when it is not the deployment's own.",
        ),
    )
    return _stacked(packed, options)


def role_option(*, required: bool, text: str) -> _Decorator:
    """Add `--role`, which arrives as such; empty when it is not given."""
    return click.option(
        "--role",
        "--role-definition-name",
        metavar="R",
        required=required,
        default=None if required else "",
        help=text,
    )


def tenant_name(tenant_group: str | None, tenant: str | None) -> str:
    """Return the full name of a tenant; what is not given is `default`.

    Raises:
        InvalidArgument: An id cannot be one.
    """
    group = _child("", "tenantGroups", tenant_group or _DEFAULT_ID)
    return _child(group, "tenants", tenant or _DEFAULT_ID)


def collection_name(collection: str, tenant_group: str | None, tenant: str | None) -> str:
    """Return the full name of a collection given by id or by full name.

    Raises:
        UsageError: A full name and tenant flags are given.
        InvalidArgument: An id or the name cannot be one.
    """
    if "/" not in collection:
        return _child(tenant_name(tenant_group, tenant), "collections", collection)
    if tenant_group or tenant:
        raise click.UsageError("a collection's full name goes without --tenant-group and --tenant.")
    return str(names.parse(collection.lstrip("/"), names.Kind.COLLECTION, field="collection"))


def _below(parent: str, segment: str, child: str | None) -> str:
    return "/" + (_child(parent, segment, child) if child else parent)


def _child(parent: str, segment: str, child: str) -> str:
    if not names.is_id(child):
        raise InvalidArgument.of_field(
            _FIELDS[segment],
            f"{child!r} is no id; begin with a letter or digit, after which up to 62 letters,"
            " digits, '.', '_' and '-' may follow",
        )
    return f"{parent}/{segment}/{child}".lstrip("/")


def _tenant_options() -> tuple[_Decorator, ...]:
    return (
        click.option("--tenant-group", metavar="G", help="A tenant group.  [default: default]"),
        click.option("--tenant", metavar="T", help="A tenant.  [default: default]"),
    )


def _stacked(function: _Function, options: tuple[_Decorator, ...]) -> _Function:
    for option in reversed(options):
        function = option(function)
    return function
