"""Scope flags combine as in the delegated access of Windows Virtual Desktop."""

from __future__ import annotations

import click
import pytest

from deskhold.cli.flags import ScopeFlags, collection_name
from deskhold.errors import InvalidArgument

DEFAULT = "/tenantGroups/default/tenants/default"


@pytest.mark.parametrize(
    ("flags", "scope"),
    [
        (ScopeFlags(infrastructure=True), "/"),
        (ScopeFlags(infrastructure=True, diagnostics=True), "/diagnostics"),
        (ScopeFlags(tenant_group="g"), "/tenantGroups/g"),
        (ScopeFlags(tenant="t"), "/tenantGroups/default/tenants/t"),
        (ScopeFlags(tenant_group="g", tenant="t"), "/tenantGroups/g/tenants/t"),
        (
            ScopeFlags(tenant="t", diagnostics=True),
            "/tenantGroups/default/tenants/t/diagnostics",
        ),
        (
            ScopeFlags(tenant_group="g", tenant="t", diagnostics=True),
            "/tenantGroups/g/tenants/t/diagnostics",
        ),
        (ScopeFlags(collection="c"), f"{DEFAULT}/collections/c"),
        (
            ScopeFlags(tenant="t", collection="c"),
            "/tenantGroups/default/tenants/t/collections/c",
        ),
        (
            ScopeFlags(tenant_group="g", collection="c"),
            "/tenantGroups/g/tenants/default/collections/c",
        ),
        (
            ScopeFlags(collection="c", app_group="a"),
            f"{DEFAULT}/collections/c/appGroups/a",
        ),
        (ScopeFlags(collection=f"{DEFAULT[1:]}/collections/c"), f"{DEFAULT}/collections/c"),
        (ScopeFlags(collection=f"{DEFAULT}/collections/c"), f"{DEFAULT}/collections/c"),
        (
            ScopeFlags(collection=f"{DEFAULT}/collections/c", app_group="a"),
            f"{DEFAULT}/collections/c/appGroups/a",
        ),
        (
            ScopeFlags(app_group=f"{DEFAULT}/collections/c/appGroups/a"),
            f"{DEFAULT}/collections/c/appGroups/a",
        ),
        (ScopeFlags(scope="/"), "/"),
        (ScopeFlags(scope="/tenantGroups/g"), "/tenantGroups/g"),
    ],
    ids=str,
)
def test_flags_that_go_together_name_one_scope(flags: ScopeFlags, scope: str) -> None:
    assert flags.required() == scope
    assert flags.or_deployment() == scope


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (ScopeFlags(infrastructure=True, tenant_group="g"), "whole deployment"),
        (ScopeFlags(infrastructure=True, tenant="t"), "whole deployment"),
        (ScopeFlags(infrastructure=True, collection="c"), "whole deployment"),
        (ScopeFlags(infrastructure=True, collection="c", app_group="a"), "whole deployment"),
        (ScopeFlags(diagnostics=True), "--infrastructure or with --tenant"),
        (ScopeFlags(tenant_group="g", diagnostics=True), "--infrastructure or with --tenant"),
        (ScopeFlags(collection="c", diagnostics=True), "--infrastructure or with --tenant"),
        (
            ScopeFlags(tenant="t", collection="c", diagnostics=True),
            "--infrastructure or with --tenant",
        ),
        (ScopeFlags(app_group="a"), "--app-group needs --collection"),
        (ScopeFlags(tenant="t", app_group="a"), "--app-group needs --collection"),
        (ScopeFlags(tenant="t", collection=f"{DEFAULT}/collections/c"), "full name"),
        (ScopeFlags(scope="/", tenant="t"), "without other scope flags"),
        (
            ScopeFlags(collection="c", app_group=f"{DEFAULT}/collections/c/appGroups/a"),
            "without other scope flags",
        ),
    ],
    ids=str,
)
def test_flags_that_contradict_each_other_are_refused(flags: ScopeFlags, says: str) -> None:
    with pytest.raises(click.UsageError, match=says):
        flags.required()
    with pytest.raises(click.UsageError, match=says):
        flags.or_deployment()


@pytest.mark.parametrize(
    "flags",
    [
        ScopeFlags(tenant_group="a b"),
        ScopeFlags(tenant="-t"),
        ScopeFlags(collection="tenantGroups/g"),
        ScopeFlags(collection="c", app_group="ü"),
        ScopeFlags(scope="tenantGroups/g"),
        ScopeFlags(scope=f"{DEFAULT}/collections/c/hosts/h"),
    ],
    ids=str,
)
def test_what_cannot_be_an_id_or_a_scope_is_refused(flags: ScopeFlags) -> None:
    with pytest.raises(InvalidArgument):
        flags.required()


def test_what_cannot_be_an_id_is_named_alone() -> None:
    with pytest.raises(InvalidArgument, match=r"^collection: 'e ng' is no id; [^/]*$"):
        collection_name("e ng", None, None)


def test_no_flag_is_the_deployment_only_where_nothing_is_made() -> None:
    assert ScopeFlags().or_deployment() == "/"
    with pytest.raises(click.UsageError, match=r"--infrastructure.*--tenant-group.*--collection"):
        ScopeFlags().required()


def test_a_bare_collection_lies_in_the_default_tenant() -> None:
    assert collection_name("eng", None, None) == f"{DEFAULT[1:]}/collections/eng"
    assert collection_name("eng", "g", "t") == "tenantGroups/g/tenants/t/collections/eng"
