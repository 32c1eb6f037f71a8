from __future__ import annotations

import base64
import bisect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskhold.api.rbac.v1.role_assignments_pb2 import ListRoleAssignmentsRequest
from deskhold.api.rbac.v1.scopes_pb2 import ListScopesRequest
from deskhold.chassis.paging import Page, Pager
from deskhold.errors import InvalidArgument

PAGER = Pager(b"the deployment's page key")
ROWS = ["a", "b", "c", "d", "e"]


def rows_of(rows: list[str], page: Page) -> list[str]:
    """Stand for the store: rows after a key, and one more than fits."""
    start = 0 if page.after is None else bisect.bisect_right(rows, page.after)
    return rows[start : start + page.probe]


def list_page(
    token: str = "",
    *,
    size: int = 2,
    parent: str = "/",
    caller: str = "user:a@x",
    rows: list[str] = ROWS,
    pager: Pager = PAGER,
) -> tuple[list[str], str]:
    request = ListScopesRequest(parent=parent, page_size=size, page_token=token)
    page = pager.open(request, caller)
    shown, following = pager.close(request, caller, page, rows_of(rows, page), lambda row: row)
    return list(shown), following


@given(
    st.lists(st.text(), unique=True, max_size=30).map(sorted), st.integers(min_value=1, max_value=7)
)
def test_the_pages_together_are_the_list(rows: list[str], size: int) -> None:
    seen, token, more = [], "", True
    while more:
        shown, token = list_page(token, size=size, rows=rows)
        assert len(shown) <= size
        seen += shown
        more = bool(token)

    assert seen == rows


def test_rows_added_and_removed_meanwhile_shift_no_page() -> None:
    first, token = list_page()
    second, _ = list_page(token, rows=["0", "a", "c", "c2", "d", "e"])

    assert first == ["a", "b"]
    assert second == ["c", "c2"]


def test_the_page_size_may_change_from_page_to_page() -> None:
    _, token = list_page(size=1)

    assert list_page(token, size=3)[0] == ["b", "c", "d"]


@pytest.mark.parametrize(("asked", "given_size"), [(0, 100), (1, 1), (1000, 1000), (5000, 1000)])
def test_a_page_has_the_size_asked_for_within_bounds(asked: int, given_size: int) -> None:
    assert PAGER.open(ListScopesRequest(page_size=asked), "user:a@x").size == given_size


def test_a_token_is_refused_for_another_query() -> None:
    _, token = list_page(parent="/")

    with pytest.raises(InvalidArgument):
        list_page(token, parent="/tenantGroups/contoso")


def test_a_token_is_refused_for_another_kind_of_list() -> None:
    _, token = list_page()

    with pytest.raises(InvalidArgument):
        PAGER.open(ListRoleAssignmentsRequest(page_token=token), "user:a@x")


def test_a_token_is_refused_for_another_caller() -> None:
    _, token = list_page(caller="user:a@x")

    with pytest.raises(InvalidArgument):
        list_page(token, caller="user:b@x")


def test_a_token_of_another_deployment_is_refused() -> None:
    _, token = list_page(pager=Pager(b"another deployment's page key"))

    with pytest.raises(InvalidArgument):
        list_page(token)


@given(st.data())
def test_a_token_with_any_bit_changed_is_refused(data: st.DataObject) -> None:
    raw = bytearray(base64.urlsafe_b64decode(list_page()[1]))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(InvalidArgument):
        list_page(base64.urlsafe_b64encode(raw).decode())


@given(st.text(min_size=1))
def test_no_text_passes_for_a_token(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        list_page(text)

    assert refused.value.reason == "PAGE_TOKEN_INVALID"
    assert refused.value.metadata == {"field": "page_token"}
