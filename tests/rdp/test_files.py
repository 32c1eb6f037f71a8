"""Names of any script are in the file that Connect hands out as FreeRDP reads them."""

from __future__ import annotations

import pytest

from tests.rdp.conftest import ALICE, JUERGEN, YAMADA, Viewer
from tests.rdp.desks import Desks
from tests.rdp.freerdp import Setting, read

BY_USER = pytest.mark.parametrize("user", [JUERGEN, YAMADA])


def publish(desks: Desks, *flags: str) -> None:
    """Publish the application `rechner` in an app group of its own, for whoever may connect."""
    desks.run(
        "app-group", "create", "apps", "--collection", desks.collection, "--type", "remote-app"
    )
    desks.run(
        *("app-group", "application", "add", "rechner", "--collection", desks.collection),
        *("--app-group", "apps", "--path", "/usr/bin/xclock", *flags),
    )


@BY_USER
def test_a_user_of_any_script_is_signed_on_by_the_name_in_the_file(
    personal: Desks, viewer: Viewer, user: str
) -> None:
    file = personal.file_for(user)
    host = personal.host_in(file)

    client = viewer.open(file, user, host)

    client.wait_for_session(user)
    client.wait_for_picture()
    assert host.desktop_of(user) == (host.name, user)


def test_freerdp_reads_the_address_and_the_user_that_were_meant(personal: Desks) -> None:
    seen = read(personal.file_for(YAMADA))

    assert seen[Setting.SERVER_HOSTNAME] == "127.0.0.1"
    assert seen[Setting.USERNAME] == YAMADA


@pytest.mark.parametrize("name", ["Größenrechner", "電卓"])
def test_freerdp_reads_the_name_and_arguments_of_an_application_of_any_script(
    personal: Desks, name: str
) -> None:
    publish(personal, "--display-name", name, "--arguments", f"--title {name}")

    seen = read(personal.file_for(ALICE, "--app-group", "apps"))

    assert seen[Setting.REMOTE_APPLICATION_NAME] == name
    assert seen[Setting.REMOTE_APPLICATION_CMD_LINE] == f"--title {name}"
    assert seen[Setting.REMOTE_APPLICATION_PROGRAM] == "||rechner"
    assert seen[Setting.ALTERNATE_SHELL] == "||rechner"


def test_the_file_of_an_application_asks_the_host_for_it_by_its_alias(
    personal: Desks, viewer: Viewer
) -> None:
    publish(personal)
    file = personal.file_for(ALICE, "--app-group", "apps")
    host = personal.host_in(file)

    client = viewer.open(file, ALICE, host)

    client.wait_for_session(ALICE)
    # xrdp 0.9 cannot start applications by an alias; it shows a desktop after it has tried.
    client.wait_for_program("||rechner")
