"""Both services on PostgreSQL: what people do there, and what is left when something ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from signal import SIGKILL

import pytest
from sqlalchemy.engine import make_url

from deskhold.client import AsyncClient
from tests.databases import PostgresqlServer
from tests.journeys.claims import Stream
from tests.journeys.pair import TENANT, Pair

COLLECTION = f"{TENANT}/collections/files"


@pytest.fixture(scope="module")
def urls(postgresql: PostgresqlServer) -> tuple[str, str]:
    """The broker's database and rbac's."""
    return postgresql.new(), postgresql.new()


@pytest.fixture(scope="module")
def _pair(urls: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(
        tmp_path_factory.mktemp("pair") / "var",
        DESKHOLD_BROKER_DATABASE_URL=urls[0],
        DESKHOLD_RBAC_DATABASE_URL=urls[1],
    )
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


@pytest.fixture
def pair(_pair: Pair) -> Pair:
    """Both services as processes, each on a database of the same server."""
    _pair.revive()
    return _pair


@pytest.fixture
async def admin(pair: Pair) -> AsyncIterator[AsyncClient]:
    async with pair.client() as client:
        yield client


async def test_after_kill_9_of_the_broker_every_acknowledged_claim_is_there(
    pair: Pair, admin: AsyncClient
) -> None:
    stream = Stream(admin, "killed")
    await stream.run(after=200, interrupt=partial(pair.end, "broker", SIGKILL))
    assert pair.end_of("broker").startswith("broker was killed by SIGKILL")
    pair.start_alone("broker")

    held = await stream.held()

    assert len(stream.acknowledged) >= 200
    assert stream.acknowledged.items() <= held.items()
    # What is there besides was made, and its answer lost on the way: who asks again is led there.
    lost = held.keys() - stream.acknowledged.keys()
    assert lost <= stream.refused.keys()
    for user in stream.refused:
        way_in = await admin.connect(stream.collection, user=user)
        assert way_in.newly_assigned == (user not in lost)


async def test_with_rbac_killed_claims_are_refused_and_leave_nothing_behind(
    pair: Pair, admin: AsyncClient
) -> None:
    stream = Stream(admin, "unguarded")
    await stream.run(after=200, interrupt=partial(pair.end, "rbac", SIGKILL))
    pair.end_of("rbac")
    pair.start_alone("rbac")

    assert set(stream.refused.values()) == {"AUTHORITY_UNAVAILABLE"}
    assert await stream.held() == stream.acknowledged


async def test_a_file_is_imported_and_after_kill_9_of_both_its_export_is_the_same(
    pair: Pair, admin: AsyncClient, tmp_path: Path
) -> None:
    await admin.create_collection(TENANT, "files", type="personal")
    await admin.add_hosts(COLLECTION, ["file-1", "file-2"])
    file = tmp_path / "assignments.csv"
    file.write_text("DesktopName,User\nfile-1,CONTOSO\\anna\nfile-2,ben@contoso.com\n")
    done = pair.deskhold("assignment", "import", "--collection", "files", str(file))
    assert done.returncode == 0, done.stderr

    for service in ("broker", "rbac"):
        pair.end(service, SIGKILL)
    pair.revive()

    done = pair.deskhold("assignment", "export", "--collection", "files", "-")
    assert done.stdout == file.read_text()


async def test_when_postgresql_ends_every_connection_both_go_on(
    pair: Pair, admin: AsyncClient, postgresql: PostgresqlServer, urls: tuple[str, str]
) -> None:
    await admin.create_collection(TENANT, "cut", type="personal", auto_assign_user=True)
    await admin.add_hosts(f"{TENANT}/collections/cut", ["cut-1", "cut-2"])
    first = await admin.connect(f"{TENANT}/collections/cut", user="anna@contoso.com")

    ended = postgresql.run(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY(:names)",
        names=[make_url(url).database for url in urls],
    )

    assert len(ended) >= len(urls)
    again = await admin.connect(f"{TENANT}/collections/cut", user="anna@contoso.com")
    other = await admin.connect(f"{TENANT}/collections/cut", user="ben@contoso.com")
    assert again.host == first.host != other.host
    assert other.newly_assigned
