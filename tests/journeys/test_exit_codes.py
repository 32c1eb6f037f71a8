"""The exit codes that scripts branch on, each met on the way of one administrator."""

from __future__ import annotations

from signal import SIGTERM

from tests.journeys.pair import Pair


def test_an_administrators_way_meets_every_exit_code(pair: Pair) -> None:
    there = ("--collection", "codes")

    done = pair.deskhold("collection", "create", "codes", "--type", "personal", "--host", "code-1")
    assert done.returncode == 0
    assert done.stderr == ""

    held = ("assignment", "set", *there, "--user", "CONTOSO\\one", "--host", "code-1")
    assert pair.deskhold(*held).returncode == 0
    failed = pair.deskhold(*held[:-4], "--user", "CONTOSO\\two", "--host", "code-1")
    assert failed.returncode == 1
    assert "host code-1 is held by CONTOSO\\one" in failed.stderr

    unasked = pair.deskhold("assignment", "remove", *there, "--host", "code-1")
    assert unasked.returncode == 2
    assert "--what-if" in unasked.stderr
    both = pair.deskhold("assignment", "list", *there, "--user", "CONTOSO\\one", "--host", "code-1")
    assert both.returncode == 2
    no_user = pair.deskhold("assignment", "list", *there, "--user", "one")
    assert no_user.returncode == 2
    assert "DOMAIN\\user" in no_user.stderr

    absent = pair.deskhold("assignment", "set", *there, "--user", "CONTOSO\\two", "--host", "nope")
    assert absent.returncode == 3
    assert "host nope is not in" in absent.stderr

    denied = pair.deskhold("collection", "show", "codes", signed_in_as="stranger@contoso.com")
    assert denied.returncode == 4
    hidden = pair.deskhold("collection", "show", "absent", signed_in_as="stranger@contoso.com")
    assert hidden.returncode == 4
    no = pair.deskhold(
        "can-i", "deskhold.resources/hosts/write", *there, signed_in_as="stranger@contoso.com"
    )
    assert (no.returncode, no.stdout) == (4, "no\n")

    pair.end("broker", SIGTERM)
    pair.end_of("broker")
    away = pair.deskhold("collection", "show", "codes")
    assert away.returncode == 5
    assert "nobody listens at" in away.stderr
    assert "make run" in away.stderr


def test_what_if_says_and_does_nothing(pair: Pair) -> None:
    there = ("--collection", "kept")
    pair.deskhold("collection", "create", "kept", "--type", "personal", "--host", "kept-1")
    pair.deskhold("assignment", "set", *there, "--user", "CONTOSO\\one", "--host", "kept-1")
    before = pair.deskhold("assignment", "list", *there).stdout

    for words in (
        ("assignment", "remove", *there, "--host", "kept-1"),
        ("host", "remove", *there, "kept-1", "--force"),
        ("collection", "delete", "kept", "--force"),
    ):
        done = pair.deskhold(*words, "--what-if")
        assert done.returncode == 0, done.stderr
        assert done.stdout

    assert pair.deskhold("assignment", "list", *there).stdout == before
