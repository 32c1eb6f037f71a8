from __future__ import annotations

import pytest

from deskhold import names
from deskhold.errors import InvalidArgument
from deskhold.names import Kind
from rbac_service.scopes.rules import Scope, check_creatable, diagnostics_of, write_action

# kind -> made by a call of its own? | its diagnostics, if it has any
TABLE = {
    "/": (False, "/diagnostics"),
    "/diagnostics": (False, None),
    "/tenantGroups/g": (True, None),
    "/tenantGroups/g/tenants/t": (True, "/tenantGroups/g/tenants/t/diagnostics"),
    "/tenantGroups/g/tenants/t/diagnostics": (False, None),
    "/tenantGroups/g/tenants/t/collections/c": (True, None),
    "/tenantGroups/g/tenants/t/collections/c/appGroups/a": (True, None),
}


@pytest.mark.parametrize("path", TABLE)
def test_which_scopes_are_made_by_hand_and_which_come_with_others(path: str) -> None:
    name = names.parse_scope(path)
    by_hand, diagnostics = TABLE[path]

    assert diagnostics_of(name) == diagnostics
    if by_hand:
        check_creatable(name)
    else:
        with pytest.raises(InvalidArgument, match=r"scope\.name"):
            check_creatable(name)


def test_the_table_above_leaves_no_kind_out() -> None:
    assert {names.parse_scope(path).kind for path in TABLE} == names.SCOPE_KINDS


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (Kind.TENANT_GROUP, "deskhold.resources/tenantGroups/write"),
        (Kind.TENANT, "deskhold.resources/tenants/write"),
        (Kind.COLLECTION, "deskhold.authorization/scopes/write"),
        (Kind.APP_GROUP, "deskhold.authorization/scopes/write"),
        (Kind.DEPLOYMENT, "deskhold.authorization/scopes/write"),
        (Kind.DIAGNOSTICS, "deskhold.authorization/scopes/write"),
    ],
)
def test_the_action_that_making_a_scope_needs(kind: Kind, action: str) -> None:
    assert write_action(kind, "write") == action
    assert write_action(kind, "delete") == action.removesuffix("write") + "delete"


def test_an_etag_is_of_one_revision() -> None:
    assert Scope("/", "", 0, 1).etag != Scope("/", "", 0, 2).etag
