"""What a watcher is shown of each kind of resource."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, update

from broker_service import tables
from broker_service.changes.rules import Position, ResourceKind
from broker_service.watch.messages import KINDS, event_message
from broker_service.watch.rules import Checkpoint, Event
from broker_service.watch.store import find_resources
from deskhold.api.broker.v1 import app_groups_pb2, sessions_pb2
from deskhold.api.broker.v1 import watch_pb2 as pb
from tests.broker_service.stores import ENG, TENANT, Store

POOL = f"{TENANT}/collections/pool"
OFFICE = f"{ENG}/appGroups/office"
REPORTED_US = 3_000_000
EXCEL = {
    "application_id": "excel",
    "display_name": "Excel",
    "file_path": "C:\\excel.exe",
    "arguments": "",
    "icon_path": "",
}


def session(host: str, number: int, user: str = "alice@contoso.com") -> dict[str, Any]:
    return {
        "session_id": number,
        "user": user,
        "user_key": user,
        "state": "ACTIVE",
        "created_us": 1_000_000,
        "disconnected_us": None,
        "idle_us": 2_500_000,
        "client_name": "laptop",
        "client_address": "10.0.0.7",
        "application_id": "",
        "reported_us": 3_000_000,
        "host_key": host,
    }


async def world(store: Store) -> None:
    await store.make("pc-1", "pc-2")
    await store.make("pool-1", name=POOL, type="POOLED")
    await store.set("alice@contoso.com", "pc-1")

    def work(connection: Connection) -> None:
        row = connection.execute(
            select(tables.collections.c.id).where(tables.collections.c.name == ENG)
        ).scalar_one()
        connection.execute(
            insert(tables.app_groups).values(
                collection_id=row,
                app_group_id="office",
                created_us=1,
                updated_us=2,
                uid="0123456789",
                type="REMOTE_APP",
                display_name="Office",
                applications=json.dumps([EXCEL]),
            )
        )
        ids = {host.host_key: host for host in connection.execute(select(tables.hosts))}
        # Only who reports can tell of sessions.
        for host in ids.values():
            connection.execute(
                insert(tables.host_reports).values(
                    host=host.id,
                    heartbeat_us=REPORTED_US,
                    status="AVAILABLE",
                    boot_id="b1",
                    agent_version="",
                    health_checks="[]",
                    administrators="[]",
                )
            )
        for one in (
            session("pc-1", 1),
            session("pc-1", 2, "bob@contoso.com"),
            session("pc-2", 1),
            session("pool-1", 1),
        ):
            host = ids[one.pop("host_key")]
            values = one | {"host": host.id, "collection_id": host.collection_id}
            connection.execute(insert(tables.sessions).values(**values))
        connection.execute(
            update(tables.sessions)
            .where(tables.sessions.c.session_id == 2)
            .values(state="DISCONNECTED", disconnected_us=4_000_000)
        )

    await store.database.write(work)


async def shown(store: Store, kind: ResourceKind, name: str) -> pb.Change:
    found = await store.database.read(lambda tx: find_resources(tx, [(kind, name)]))
    told = Event(Position(0, 7), kind, name, 17_000_000, found.get((kind, name)))
    message = event_message(told)
    assert (message.position, message.time.seconds) == ("0.7", 17)
    assert message.change.name == name
    assert KINDS[message.change.kind] is kind
    return message.change


async def test_a_collection_is_shown_without_its_counts(store: Store) -> None:
    await world(store)

    change = await shown(store, ResourceKind.COLLECTION, ENG)

    assert change.WhichOneof("resource") == "collection"
    assert (change.collection.name, change.collection.host_count) == (ENG, 0)


async def test_a_host_is_shown_whatever_the_case_of_its_name(store: Store) -> None:
    await world(store)

    change = await shown(store, ResourceKind.HOST, f"{ENG}/hosts/PC-1")

    assert change.host.name == f"{ENG}/hosts/pc-1"
    assert change.host.assigned_user == "alice@contoso.com"


async def test_an_assignment_is_shown_as_long_as_it_stands(store: Store) -> None:
    await world(store)

    held = await shown(store, ResourceKind.ASSIGNMENT, f"{ENG}/hosts/pc-1/assignment")
    free = await shown(store, ResourceKind.ASSIGNMENT, f"{ENG}/hosts/pc-2/assignment")

    assert (held.assignment.user, held.assignment.host) == (
        "alice@contoso.com",
        f"{ENG}/hosts/pc-1",
    )
    assert free.WhichOneof("resource") is None


async def test_an_app_group_is_shown_with_its_applications(store: Store) -> None:
    await world(store)

    change = await shown(store, ResourceKind.APP_GROUP, OFFICE)

    group = change.app_group
    assert (group.name, group.uid, group.display_name) == (OFFICE, "0123456789", "Office")
    assert group.type == app_groups_pb2.APP_GROUP_TYPE_REMOTE_APP
    assert [one.application_id for one in group.applications] == ["excel"]
    assert group.etag == "01234567-1"


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        (f"{ENG}/hosts/pc-1/sessions/1", sessions_pb2.SESSION_CLAIM_ASSIGNED_USER),
        (f"{ENG}/hosts/pc-1/sessions/2", sessions_pb2.SESSION_CLAIM_OTHER_USER),
        (f"{ENG}/hosts/pc-2/sessions/1", sessions_pb2.SESSION_CLAIM_UNASSIGNED_HOST),
        (f"{POOL}/hosts/pool-1/sessions/1", sessions_pb2.SESSION_CLAIM_POOLED),
    ],
)
async def test_a_session_is_shown_with_how_its_user_stands_to_the_host(
    store: Store, name: str, claim: int
) -> None:
    await world(store)

    one = (await shown(store, ResourceKind.SESSION, name)).session

    assert (one.name, one.claim) == (name, claim)
    assert (one.client_name, one.client_address) == ("laptop", "10.0.0.7")
    assert (one.create_time.seconds, one.report_time.seconds) == (1, 3)
    assert one.idle_duration.ToMilliseconds() == 2500
    is_disconnected = one.state == sessions_pb2.SESSION_STATE_DISCONNECTED
    assert one.HasField("disconnect_time") == is_disconnected == name.endswith("/2")


async def test_what_is_gone_is_not_there_whatever_its_kind(store: Store) -> None:
    await world(store)
    gone = {
        ResourceKind.COLLECTION: f"{TENANT}/collections/none",
        ResourceKind.APP_GROUP: f"{ENG}/appGroups/none",
        ResourceKind.HOST: f"{ENG}/hosts/none",
        ResourceKind.ASSIGNMENT: f"{ENG}/hosts/none/assignment",
        ResourceKind.SESSION: f"{ENG}/hosts/pc-1/sessions/77",
    }

    for kind, name in gone.items():
        assert (await shown(store, kind, name)).WhichOneof("resource") is None


async def test_much_is_found_with_a_question_for_each_kind_and_collection(store: Store) -> None:
    names = [f"pc-{number}" for number in range(300)]
    await store.make(*names)
    asked: list[str] = []

    def work(connection: Connection) -> Any:
        def see(_: object, __: object, statement: str, *___: object) -> None:
            asked.append(statement)

        event.listen(connection.engine, "before_cursor_execute", see)
        wanted = [(ResourceKind.HOST, f"{ENG}/hosts/{name}") for name in names]
        found = find_resources(connection, wanted)
        event.remove(connection.engine, "before_cursor_execute", see)
        return found

    assert len(await store.database.read(work)) == 300
    assert len(asked) == 2


def test_a_checkpoint_is_a_message_without_a_change() -> None:
    message = event_message(Checkpoint(Position(3, 0), 5_000_000))

    assert (message.position, message.time.seconds) == ("3.0", 5)
    assert not message.HasField("change")
