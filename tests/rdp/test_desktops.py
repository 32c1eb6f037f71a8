"""The file that Connect hands out opens a desktop, in programs that are not ours."""

from __future__ import annotations

from tests.rdp.conftest import ALICE, BOB, Viewer
from tests.rdp.desks import Desks, local_account_of, text_in


def test_a_user_connects_and_is_on_the_desktop_of_the_claimed_host(
    personal: Desks, viewer: Viewer
) -> None:
    file = personal.file_for(ALICE)
    host = personal.host_in(file)

    client = viewer.open(file, ALICE, host)

    client.wait_for_session(ALICE)
    client.wait_for_picture()
    assert host.desktop_of(ALICE) == (host.name, ALICE)


def test_a_user_who_connects_again_is_in_the_same_session(personal: Desks, viewer: Viewer) -> None:
    first = personal.file_for(ALICE)
    host = personal.host_in(first)
    client = viewer.open(first, ALICE, host)
    client.wait_for_session(ALICE)
    client.close()

    second = personal.file_for(ALICE)
    client = viewer.open(second, ALICE, host)

    assert personal.host_in(second) is host
    client.wait_for_same_session(ALICE)
    client.wait_for_picture()


def test_a_second_user_is_on_the_other_host_of_a_personal_collection(
    personal: Desks, viewer: Viewer
) -> None:
    reached = []
    for user in (ALICE, BOB):
        file = personal.file_for(user)
        host = personal.host_in(file)
        client = viewer.open(file, user, host)
        client.wait_for_session(user)
        client.wait_for_picture()
        reached.append(host.desktop_of(user))

    assert {name for name, _ in reached} == {host.name for host in personal.hosts}
    assert [account for _, account in reached] == [ALICE, BOB]


def test_the_users_of_a_pooled_collection_are_spread_over_its_hosts(
    pooled: Desks, viewer: Viewer
) -> None:
    reached = []
    for user in (ALICE, BOB):
        file = pooled.file_for(user)
        host = pooled.host_in(file)
        client = viewer.open(file, user, host)
        client.wait_for_session(user)
        client.wait_for_picture()
        reached.append(host.name)

    assert set(reached) == {host.name for host in pooled.hosts}


def test_a_wrong_password_reaches_the_host_and_begins_no_session(
    personal: Desks, viewer: Viewer
) -> None:
    file = personal.file_for(ALICE)
    host = personal.host_in(file)

    client = viewer.open(file, ALICE, host, password="wrong")

    client.wait_for_refusal(ALICE)
    # xrdp shows its own dialog instead of ending the connection.
    assert client.is_open
    assert not host.has_created_session_of(ALICE)


def test_a_host_that_is_down_ends_the_client_with_an_error_of_the_connection(
    personal: Desks, viewer: Viewer
) -> None:
    file = personal.file_for(ALICE)
    host = personal.host_in(file)
    host.stop()

    client = viewer.open(file, ALICE, host)

    assert client.wait_for_error().startswith("ERRCONNECT_CONNECT_")
    assert not host.has_refused(ALICE)


def test_a_collection_of_hosts_with_local_accounts_signs_users_on_by_the_bare_name(
    local: Desks, viewer: Viewer
) -> None:
    file = local.file_for(ALICE)
    host = local.host_in(file)
    account = local_account_of(ALICE)

    client = viewer.open(file, account, host)

    client.wait_for_session(account)
    client.wait_for_picture()
    assert host.desktop_of(account) == (host.name, account)


def test_a_file_that_is_not_signed_opens_like_a_signed_one(
    personal: Desks, unsigned: Desks, viewer: Viewer
) -> None:
    for desks, is_signed in ((personal, True), (unsigned, False)):
        file = desks.file_for(ALICE)
        host = desks.host_in(file)
        client = viewer.open(file, ALICE, host)
        client.wait_for_picture()
        client.close()

        assert ("signature:s:" in text_in(file)) is is_signed
