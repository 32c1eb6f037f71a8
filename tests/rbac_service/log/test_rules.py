from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from rbac_service.log.rules import (
    GENESIS_HASH,
    Author,
    Change,
    ChangeKind,
    chain_hash,
    decode_changes,
    encode_changes,
)

ROWS = st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53), max_size=5)
CHANGES = st.lists(st.builds(Change, st.sampled_from(ChangeKind), ROWS), max_size=5)


@given(CHANGES)
def test_what_is_stored_is_read_again(changes: list[Change]) -> None:
    assert decode_changes(encode_changes(changes)) == tuple(changes)


@given(ROWS)
def test_the_order_of_a_rows_columns_does_not_matter(row: dict[str, object]) -> None:
    backwards = dict(reversed(row.items()))

    assert encode_changes([Change(ChangeKind.ADD_SCOPE, row)]) == encode_changes(
        [Change(ChangeKind.ADD_SCOPE, backwards)]
    )


def test_the_stored_form_is_pinned() -> None:
    changes = [
        Change(ChangeKind.REMOVE_SCOPE, {"path": "/tenantGroups/müller"}),
        Change(ChangeKind.ADD_SCOPE, {"path": "/", "display_name": "x"}),
    ]

    assert encode_changes(changes) == (
        '[{"kind":"remove_scope","row":{"path":"/tenantGroups/müller"}},'
        '{"kind":"add_scope","row":{"display_name":"x","path":"/"}}]'
    )


def test_the_hash_is_sha_256_of_the_hash_before_and_the_entry() -> None:
    author = Author("user:a@x", "r-1", "d-1")

    assert chain_hash(GENESIS_HASH, 1, 17, author, "[]") == (
        hashlib.sha256(bytes(32) + b'[1,17,"user:a@x","r-1","d-1","[]"]').digest()
    )


TEXTS = st.text(max_size=3)
ENTRIES = st.tuples(
    st.binary(min_size=32, max_size=32),
    st.integers(1, 9),
    st.integers(0, 9),
    st.builds(Author, TEXTS, TEXTS, TEXTS),
    TEXTS,
)


@given(ENTRIES, ENTRIES)
def test_two_entries_have_the_same_hash_only_when_they_are_the_same(
    one: tuple[bytes, int, int, Author, str], other: tuple[bytes, int, int, Author, str]
) -> None:
    assert (chain_hash(*one) == chain_hash(*other)) is (one == other)
