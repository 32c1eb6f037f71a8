"""Which application a user opens."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Connection, insert, select, update

from broker_service import tables
from broker_service.sessions.usecases import WayIn
from deskhold.errors import DeskholdError, InvalidArgument, NotFound
from tests.broker_service.stores import ENG, Store

OFFICE = f"{ENG}/appGroups/office"
DESKTOP = f"{ENG}/appGroups/desktop"
WORD = {
    "application_id": "Word",
    "display_name": "Word processor",
    "file_path": "C:\\word.exe",
    "arguments": "/n %1",
    "icon_path": "",
}
SHEET = WORD | {"application_id": "sheet", "display_name": "", "arguments": ""}


async def office(store: Store, *applications: dict[str, str]) -> None:
    """Make a collection with a group of applications."""
    await store.make("a", "b", auto_assign_user=True)

    def work(connection: Connection) -> None:
        collection = connection.execute(select(tables.collections.c.id)).scalar_one()
        connection.execute(
            insert(tables.app_groups).values(
                collection_id=collection,
                app_group_id="office",
                type="REMOTE_APP",
                created_us=1,
                applications=json.dumps(applications),
            )
        )

    await store.commit(work)


async def opened(store: Store, application_id: str = "", name: str = OFFICE) -> WayIn:
    return await store.connect("alice@contoso.com", name=name, application_id=application_id)


async def refused(store: Store, application_id: str, name: str) -> DeskholdError:
    with pytest.raises(DeskholdError) as caught:
        await opened(store, application_id, name)
    assert await store.holdings() == {}, "nothing is claimed for what cannot be opened"
    return caught.value


@pytest.mark.parametrize("named", ["", "Word", "WORD"])
async def test_the_only_application_is_opened_and_need_not_be_named(
    store: Store, named: str
) -> None:
    await office(store, WORD)

    way = await opened(store, named)

    assert "remoteapplicationmode:i:1\r\n" in way.rdp
    assert "remoteapplicationprogram:s:||Word\r\n" in way.rdp
    assert "remoteapplicationname:s:Word processor\r\n" in way.rdp
    assert "remoteapplicationcmdline:s:/n %1\r\n" in way.rdp
    assert way.is_new


async def test_of_several_applications_the_named_one_is_opened(store: Store) -> None:
    await office(store, WORD, SHEET)

    way = await opened(store, "sheet")

    assert "remoteapplicationprogram:s:||sheet\r\n" in way.rdp
    # Without a name of its own its id is shown.
    assert "remoteapplicationname:s:sheet\r\n" in way.rdp


async def test_of_several_applications_one_must_be_named(store: Store) -> None:
    await office(store, WORD, SHEET)

    error = await refused(store, "", OFFICE)

    assert isinstance(error, InvalidArgument)
    assert error.reason == "FIELD_VIOLATION"
    assert error.metadata == {"field": "application_id"}
    assert error.message == f"application_id: is needed: {OFFICE} has 2 applications"


async def test_a_group_without_applications_opens_nothing(store: Store) -> None:
    await office(store)

    assert isinstance(await refused(store, "", OFFICE), InvalidArgument)


async def test_an_application_that_is_not_published_is_not_found(store: Store) -> None:
    await office(store, WORD)

    error = await refused(store, "paint", OFFICE)

    assert isinstance(error, NotFound)
    assert error.reason == "APPLICATION_NOT_FOUND"
    assert error.metadata == {"app_group": OFFICE, "application": "paint"}
    assert error.message == (
        f"{OFFICE} has no application paint; see them with: deskhold app-group show"
    )


@pytest.mark.parametrize("name", [ENG, DESKTOP])
async def test_a_desktop_has_no_applications(store: Store, name: str) -> None:
    await office(store, WORD)

    error = await refused(store, "Word", name)

    assert isinstance(error, InvalidArgument)
    assert error.metadata == {"field": "application_id"}


async def test_in_a_group_that_is_not_there_nothing_is_opened(store: Store) -> None:
    await office(store, WORD)

    assert (await refused(store, "Word", f"{ENG}/appGroups/x")).reason == "APP_GROUP_NOT_FOUND"


async def test_a_full_desktop_is_no_application(store: Store) -> None:
    await office(store, WORD)

    assert "remoteapplication" not in (await opened(store, name=DESKTOP)).rdp


async def test_a_collection_whose_desktop_is_a_group_of_applications_opens_one(
    store: Store,
) -> None:
    await office(store, WORD)
    made_anew = {"type": "REMOTE_APP", "applications": json.dumps([WORD])}

    def work(connection: Connection) -> None:
        desktop = tables.app_groups.c.app_group_id == "desktop"
        connection.execute(update(tables.app_groups).where(desktop).values(made_anew))

    await store.commit(work)

    assert "remoteapplicationprogram:s:||Word\r\n" in (await opened(store, name=ENG)).rdp
