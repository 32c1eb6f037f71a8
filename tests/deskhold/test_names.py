from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deskhold import names
from deskhold.errors import InvalidArgument
from deskhold.names import Kind, Name

ALPHANUMERIC = "abcXYZ019"
IDS = st.builds(
    str.__add__,
    st.sampled_from(ALPHANUMERIC),
    st.text(st.sampled_from(ALPHANUMERIC + "._-"), max_size=62),
)


@st.composite
def named(draw: st.DrawFn) -> Name:
    """Draw a name of any kind, put together here and not by the code under test."""
    kind = draw(st.sampled_from(list(Kind)))
    segments = [
        draw(IDS) if segment.startswith("{") else segment for segment in kind.value.split("/")
    ]
    ids = tuple(
        segment
        for segment, pattern in zip(segments, kind.value.split("/"), strict=True)
        if pattern.startswith("{")
    )
    at_collection = kind in (Kind.HOST, Kind.ASSIGNMENT, Kind.SESSION, Kind.COMMAND)
    scope = "/" + "/".join(segments[:6] if at_collection else segments)
    return Name("/".join(segments), kind, ids, scope)


# name -> what it is, its scope, the name above it
TABLE = [
    ("", Kind.DEPLOYMENT, "/", None),
    ("diagnostics", Kind.DIAGNOSTICS, "/diagnostics", ""),
    ("tenantGroups/g", Kind.TENANT_GROUP, "/tenantGroups/g", ""),
    ("tenantGroups/g/tenants/t", Kind.TENANT, "/tenantGroups/g/tenants/t", "tenantGroups/g"),
    (
        "tenantGroups/g/tenants/t/diagnostics",
        Kind.TENANT_DIAGNOSTICS,
        "/tenantGroups/g/tenants/t/diagnostics",
        "tenantGroups/g/tenants/t",
    ),
    (
        "tenantGroups/g/tenants/t/collections/c",
        Kind.COLLECTION,
        "/tenantGroups/g/tenants/t/collections/c",
        "tenantGroups/g/tenants/t",
    ),
    (
        "tenantGroups/g/tenants/t/collections/c/appGroups/a",
        Kind.APP_GROUP,
        "/tenantGroups/g/tenants/t/collections/c/appGroups/a",
        "tenantGroups/g/tenants/t/collections/c",
    ),
    (
        "tenantGroups/g/tenants/t/collections/c/hosts/h",
        Kind.HOST,
        "/tenantGroups/g/tenants/t/collections/c",
        "tenantGroups/g/tenants/t/collections/c",
    ),
    (
        "tenantGroups/g/tenants/t/collections/c/hosts/h/assignment",
        Kind.ASSIGNMENT,
        "/tenantGroups/g/tenants/t/collections/c",
        "tenantGroups/g/tenants/t/collections/c/hosts/h",
    ),
    (
        "tenantGroups/g/tenants/t/collections/c/hosts/h/sessions/3",
        Kind.SESSION,
        "/tenantGroups/g/tenants/t/collections/c",
        "tenantGroups/g/tenants/t/collections/c/hosts/h",
    ),
    (
        "tenantGroups/g/tenants/t/collections/c/hosts/h/commands/d",
        Kind.COMMAND,
        "/tenantGroups/g/tenants/t/collections/c",
        "tenantGroups/g/tenants/t/collections/c/hosts/h",
    ),
]


@pytest.mark.parametrize(("text", "kind", "scope", "parent"), TABLE)
def test_a_name_says_what_it_names_and_where_roles_for_it_count(
    text: str, kind: Kind, scope: str, parent: str | None
) -> None:
    name = names.parse(text)

    assert (name.kind, name.scope) == (kind, scope)
    if parent is None:
        with pytest.raises(ValueError, match="no parent"):
            _ = name.parent
    else:
        assert name.parent.text == parent


def test_the_table_above_leaves_no_kind_out() -> None:
    assert {kind for _, kind, _, _ in TABLE} == set(Kind)


@given(named())
def test_what_is_parsed_is_written_again_as_it_was(name: Name) -> None:
    assert names.parse(name.text) == name
    assert str(names.parse(name.text)) == name.text


@given(named().filter(lambda name: len(name.ids) > 0 and name.kind.value.endswith("}")))
def test_a_child_of_the_parent_is_the_name_again(name: Name) -> None:
    segment = name.text.split("/")[-2]

    assert name.parent.child(segment, name.id) == name


@given(named().filter(lambda name: name.kind in names.SCOPE_KINDS))
def test_a_scope_is_parsed_to_its_name(name: Name) -> None:
    assert names.parse_scope(name.scope) == name


@given(named().filter(lambda name: name.kind in names.SCOPE_KINDS))
def test_the_ancestors_are_the_parents_of_the_parents(name: Name) -> None:
    expected, above = [name.scope], name
    while above.kind is not Kind.DEPLOYMENT:
        above = above.parent
        expected.append(above.scope)

    assert names.ancestors(name.scope) == tuple(expected)


@given(named(), named())
def test_a_scope_contains_another_when_it_is_among_its_ancestors(outer: Name, inner: Name) -> None:
    assert names.contains(outer.scope, inner.scope) == (outer.scope in names.ancestors(inner.scope))


def test_a_scope_does_not_contain_those_that_only_begin_like_it() -> None:
    assert names.contains("/tenantGroups/a", "/tenantGroups/a/tenants/t")
    assert not names.contains("/tenantGroups/a", "/tenantGroups/ab")
    assert not names.contains("/tenantGroups/a/tenants/t", "/tenantGroups/a")


@given(named().filter(lambda name: "collections" in name.text))
def test_whatever_lies_in_a_collection_knows_it(name: Name) -> None:
    assert name.collection.kind is Kind.COLLECTION
    assert name.collection.ids == name.ids[:3]


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/tenantGroups/g",
        "tenantGroups",
        "tenantGroups/",
        "tenantGroups/g/",
        "tenantGroups//tenants/t",
        "tenantgroups/g",
        "tenants/t",
        "tenantGroups/g/collections/c",
        "tenantGroups/g/tenants/t/hosts/h",
        "tenantGroups/g/diagnostics",
        "tenantGroups/g/tenants/t/collections/c/hosts/h/assignment/a",
        "diagnostics/d",
        "tenantGroups/-g",
        "tenantGroups/.g",
        "tenantGroups/g g",
        "tenantGroups/g\n",
        "tenantGroups/gé",
        "tenantGroups/g*",
        "tenantGroups/..",
        "tenantGroups/" + "g" * 64,
        "x" * 1025,
    ],
)
def test_what_is_no_name_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        names.parse(text, field="collection.name")

    assert refused.value.reason == "FIELD_VIOLATION"
    assert refused.value.metadata == {"field": "collection.name"}


def test_a_name_of_another_kind_is_refused_with_the_form_it_should_have() -> None:
    with pytest.raises(InvalidArgument) as refused:
        names.parse("tenantGroups/g", Kind.TENANT)

    assert refused.value.message == (
        "name: 'tenantGroups/g' is not of the form 'tenantGroups/{tenant_group}/tenants/{tenant}'"
    )


@given(st.text(min_size=200))
def test_a_refusal_stays_short_whatever_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        names.parse(text, Kind.TENANT)

    assert len(refused.value.message) < 1500  # a character may be shown as \U00012345


@pytest.mark.parametrize("text", ["", "tenantGroups/g", "//", "/tenantGroups/g/", "/eng"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="scope: "):
        names.parse_scope(text)


@pytest.mark.parametrize("kind", [Kind.HOST, Kind.ASSIGNMENT])
def test_hosts_and_assignments_are_no_scopes(kind: Kind) -> None:
    path = "/" + kind.value.translate(str.maketrans("", "", "{}"))
    with pytest.raises(InvalidArgument):
        names.parse_scope(path)


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("a", True),
        ("PC-017.contoso_com", True),
        ("0", True),
        ("g" * 63, True),
        ("g" * 64, False),
        ("", False),
        ("-a", False),
        ("_a", False),
        ("a/b", False),
        ("a\n", False),
        ("ä", False),
    ],
)
def test_an_id_is_a_letter_or_digit_followed_by_up_to_62_more(text: str, is_id: bool) -> None:
    assert names.is_id(text) is is_id


def test_host_ids_compare_without_case() -> None:
    assert names.fold_id("PC-017") == names.fold_id("pc-017")
