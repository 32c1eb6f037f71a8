from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rbac_service.roles.rules import Catalogue, Permission, RoleDefinition
from tests.rbac_service.access.reference import role_allows

READ_HOSTS = "deskhold.resources/hosts/read"


def role(*permissions: Permission, role_id: str = "r-1", name: str = "Gardener") -> RoleDefinition:
    return RoleDefinition(role_id, name, "Mows.", permissions)


@pytest.mark.parametrize(
    ("permissions", "action", "is_allowed"),
    [
        ((Permission(("*",)),), READ_HOSTS, True),
        ((Permission(("*",), ("*/read",)),), READ_HOSTS, False),
        ((Permission(("*",), ("*/write",)),), READ_HOSTS, True),
        # not_actions subtract inside their own block and are no deny.
        ((Permission(("*",), ("*/read",)), Permission(("*/read",))), READ_HOSTS, True),
        ((Permission((), ("*/write",)),), READ_HOSTS, False),
        ((), READ_HOSTS, False),
        ((Permission(("*/READ",)),), READ_HOSTS.upper(), True),
        ((Permission(("*",), ("*/READ",)),), READ_HOSTS.upper(), False),
    ],
)
def test_a_role_allows_what_one_of_its_blocks_allows(
    permissions: tuple[Permission, ...], action: str, is_allowed: bool
) -> None:
    assert role(*permissions).allows(action) is is_allowed


PATTERNS = st.lists(st.text("aB/*", min_size=1, max_size=4), max_size=3).map(tuple)
ROLES = st.lists(
    st.lists(st.builds(Permission, PATTERNS, PATTERNS), max_size=3).map(tuple), max_size=5
).map(
    lambda many: [
        role(*blocks, role_id=f"r-{n}", name=f"role {n}") for n, blocks in enumerate(many)
    ]
)


@given(ROLES, st.lists(st.text("abAB/", min_size=1, max_size=5), max_size=4))
def test_the_catalogue_finds_the_roles_that_allow_an_action(
    roles: list[RoleDefinition], actions: list[str]
) -> None:
    catalogue = Catalogue(roles)

    for action in (*actions, *actions):  # the second time from memory
        allowing = catalogue.allowing(action.lower())
        found = {one.id for one in roles if catalogue.bit(one.id) & allowing}
        assert found == {one.id for one in roles if role_allows(one, action)}


def test_a_role_that_is_not_in_force_allows_nothing() -> None:
    catalogue = Catalogue([role(Permission(("*",)))])

    assert catalogue.bit("gone") & catalogue.allowing(READ_HOSTS) == 0


@pytest.mark.parametrize("name", ["r-1", "R-1", "roleDefinitions/r-1", "Gardener", "GARDENER"])
def test_a_role_is_found_by_name_id_or_display_name(name: str) -> None:
    own = role()

    assert Catalogue([own]).find(name) is own


@pytest.mark.parametrize(
    "name", ["", "r-2", "roleDefinitions/", "roleDefinitions/Gardener", "Gard"]
)
def test_a_role_is_not_found_by_anything_else(name: str) -> None:
    assert Catalogue([role()]).find(name) is None


def test_an_etag_changes_with_the_content_and_with_nothing_else() -> None:
    own = role(Permission(("*/read",)))

    assert own.etag == role(Permission(("*/read",))).etag
    assert own.etag != role(Permission(("*/write",))).etag
    assert own.etag != role(Permission(("*/read",)), name="Florist").etag
