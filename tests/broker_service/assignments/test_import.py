from __future__ import annotations

import asyncio
import codecs

import pytest

from deskhold.api.broker.v1 import assignments_pb2 as pb
from deskhold.client import Client
from deskhold.errors import DeskholdError, InvalidArgument, NotFound
from tests.broker_service.pair import OWNER, Eng, Pair
from tests.broker_service.stores import pcs

ALICE, BOB, CAROL = (f"{name}@contoso.com" for name in ("alice", "bob", "carol"))

# Line by line: a good one, an unknown host, nothing, the user of line 2 again, three columns, a
# user in Windows-1252, a held host, the host of line 2, no name of a user, the host of line 5.
BAD_FILE = b"""DesktopName,User
pc-2,CONTOSO\\bob
pc-9,carol@contoso.com

pc-3,bob@contoso.com
pc-3,carol@contoso.com,x
pc-3,CONTOSO\\j\xfcrgen
pc-1,dave@contoso.com
PC-2,eve@contoso.com
pc-3,frank
pc-3,grace@contoso.com
"""
VERDICTS = [
    (2, "ASSIGNED", ""),
    (3, "REJECTED", "HOST_NOT_FOUND"),
    (5, "REJECTED", "USER_LIMIT_REACHED"),
    (6, "REJECTED", "FIELD_VIOLATION"),
    (7, "REJECTED", "FIELD_VIOLATION"),
    (8, "REJECTED", "HOST_HELD"),
    (9, "REJECTED", "HOST_HELD"),
    (10, "REJECTED", "FIELD_VIOLATION"),
    (11, "REJECTED", "HOST_HELD"),
]


def held(client: Client, eng: Eng) -> dict[str, str]:
    return {one.host.rpartition("/")[2]: one.user for one in client.list_assignments(eng.name)}


def outcomes(answer: pb.ImportAssignmentsResponse) -> list[str]:
    return [pb.RowOutcome.Name(row.outcome).removeprefix("ROW_OUTCOME_") for row in answer.rows]


def test_a_file_is_merged_into_what_is_there(owner: Client, eng: Eng) -> None:
    answer = owner.import_assignments(eng.name, b"pc-2,CONTOSO\\bob\npc-1,CONTOSO\\alice\n")

    assert outcomes(answer) == ["ASSIGNED", "UNCHANGED"]
    assert (answer.assigned_count, answer.unchanged_count, answer.rejected_count) == (1, 1, 0)
    assert list(answer.removed) == []
    assert held(owner, eng) == {"pc-1": ALICE, "pc-2": "CONTOSO\\bob"}


def test_a_replaced_state_is_what_the_file_says(owner: Client, eng: Eng) -> None:
    owner.set_assignment(eng.name, user=BOB, host_id="pc-2")

    answer = owner.import_assignments(
        eng.name, b"pc-2,bob@contoso.com\npc-3,alice@contoso.com\n", replace=True
    )

    assert outcomes(answer) == ["UNCHANGED", "ASSIGNED"]
    assert [(one.host, one.user) for one in answer.removed] == [(f"{eng.name}/hosts/pc-1", ALICE)]
    assert held(owner, eng) == {"pc-2": BOB, "pc-3": ALICE}


def test_replacing_may_swap_hosts(owner: Client, eng: Eng) -> None:
    owner.set_assignment(eng.name, user=BOB, host_id="pc-2")

    owner.import_assignments(
        eng.name, b"pc-2,alice@contoso.com\npc-1,bob@contoso.com\n", replace=True
    )

    assert held(owner, eng) == {"pc-1": BOB, "pc-2": ALICE}


@pytest.mark.parametrize("replace", [False, True])
def test_importing_again_changes_nothing(
    pair: Pair, owner: Client, eng: Eng, replace: bool
) -> None:
    file = b"pc-2,bob@contoso.com\npc-1,alice@contoso.com\n"
    owner.import_assignments(eng.name, file, replace=replace)
    before = pair.dump()["hosts"]

    answer = owner.import_assignments(eng.name, file, replace=replace)

    assert (answer.assigned_count, answer.unchanged_count, list(answer.removed)) == (0, 2, [])
    assert pair.dump()["hosts"] == before


def test_of_a_bad_file_nothing_is_written(pair: Pair, owner: Client, eng: Eng) -> None:
    before = pair.dump()

    with pytest.raises(InvalidArgument) as caught:
        owner.import_assignments(eng.name, BAD_FILE)

    assert caught.value.reason == "IMPORT_REJECTED"
    assert caught.value.metadata == {"rows": "9", "rejected": "8", "line": "3"}
    assert "8 of 9 rows cannot be applied, nothing was written; line 3:" in caught.value.message
    rejected = [f"content[{line}]" for line, outcome, _ in VERDICTS if outcome == "REJECTED"]
    assert [one.field for one in caught.value.violations] == rejected
    assert pair.dump() == before


@pytest.mark.parametrize("encode", [lambda text: text, lambda text: codecs.BOM_UTF8 + text])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_every_row_of_a_bad_file_has_a_verdict_with_its_line(
    pair: Pair, owner: Client, eng: Eng, encode: object, end: bytes
) -> None:
    before = pair.dump()
    content = encode(BAD_FILE.replace(b"\n", end))  # type: ignore[operator]

    answer = owner.import_assignments(eng.name, content, validate_only=True)

    told = [
        (row.line, outcome, row.reason)
        for row, outcome in zip(answer.rows, outcomes(answer), strict=True)
    ]
    assert told == VERDICTS
    assert (answer.assigned_count, answer.unchanged_count, answer.rejected_count) == (1, 0, 8)
    assert all(bool(row.message) == bool(row.reason) for row in answer.rows)
    assert pair.dump() == before


@pytest.mark.parametrize("content", [b"\n", b"DesktopName,User\r\n", codecs.BOM_UTF16_LE])
def test_a_file_without_rows_is_refused(owner: Client, eng: Eng, content: bytes) -> None:
    with pytest.raises(InvalidArgument, match="holds no rows"):
        owner.import_assignments(eng.name, content, replace=True)

    assert held(owner, eng) == {"pc-1": ALICE}


def test_a_file_with_too_many_rows_is_refused(owner: Client, eng: Eng) -> None:
    with pytest.raises(InvalidArgument, match="more than 50000 rows, the most; split the file"):
        owner.import_assignments(eng.name, b"p,a@b\n" * 50_001)


def test_a_file_that_is_too_large_is_refused(owner: Client, eng: Eng) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.import_assignments(eng.name, b"x" * (8 * 1024 * 1024 + 1))

    assert caught.value.metadata["field"] == "content"


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n" + bytes(range(256)) * 2000, b"x" * 1_000_000, b'"' + b"pc-1,a@b.c\n" * 50_000],
    ids=["a picture", "one long line", "an open quote"],
)
def test_what_is_no_list_at_all_is_refused_with_its_first_line(
    owner: Client, eng: Eng, content: bytes
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        owner.import_assignments(eng.name, content)

    assert caught.value.reason == "IMPORT_REJECTED"
    assert caught.value.metadata["line"] == "1"


def test_a_rejection_reaches_the_caller_however_long_the_names_are(
    owner: Client, tenant: str
) -> None:
    hosts = [f"{number:02}{'h' * 61}" for number in range(40)]
    name = owner.create_collection(
        tenant, "c" * 63, type="personal", max_desktops_per_user=16, host_ids=hosts
    ).name
    user = "\U00020bb7" * 244 + "@contoso.com"
    for host in hosts[:16]:
        owner.set_assignment(name, user=user, host_id=host)
    file = "".join(f"{host},{user}\n" for host in hosts[16:])

    with pytest.raises(InvalidArgument) as caught:
        owner.import_assignments(name, file.encode())

    assert caught.value.reason == "IMPORT_REJECTED"
    assert caught.value.metadata["rejected"] == "24"
    assert caught.value.violations


def test_there_must_be_a_collection(owner: Client, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        owner.import_assignments(f"{tenant}/collections/none", b"pc-1,a@b.c\n")

    assert caught.value.reason == "COLLECTION_NOT_FOUND"


async def test_files_imported_at_once_are_applied_whole_or_not_at_all(
    pair: Pair, owner: Client, tenant: str
) -> None:
    name = owner.create_collection(tenant, "lab", type="personal", host_ids=pcs(20)).name
    files = [
        "".join(f"{host},file{number}-{host}@contoso.com\n" for host in pcs(20)).encode()
        for number in range(8)
    ]
    async with pair.once(OWNER) as client:
        came = await asyncio.gather(
            *(client.import_assignments(name, file) for file in files), return_exceptions=True
        )

    assert sum(isinstance(one, pb.ImportAssignmentsResponse) for one in came) == 1
    reasons = {one.reason for one in came if isinstance(one, DeskholdError)}
    assert reasons == {"IMPORT_REJECTED"}
    users = [one.user for one in owner.list_assignments(name)]
    assert len(users) == 20
    assert len({user.partition("-")[0] for user in users}) == 1


def test_exported_and_removed_and_added_again_every_row_is_restored(
    owner: Client, tenant: str
) -> None:
    hosts = pcs(1000)
    name = owner.create_collection(
        tenant, "lab", type="personal", max_desktops_per_user=2, host_ids=hosts
    ).name
    rows = [f"{host},CONTOSO\\user,;{number // 2}" for number, host in enumerate(hosts)]
    quoted = "\n".join(row.replace(",", ',"', 1) + '"' for row in rows)
    owner.import_assignments(name, quoted.encode())
    exported = owner.export_assignments(name)

    owner.remove_hosts(name, hosts, force=True)
    owner.add_hosts(name, hosts)
    assert owner.get_collection(name).assigned_host_count == 0
    answer = owner.import_assignments(name, exported.content)

    assert exported.row_count == answer.assigned_count == 1000
    assert owner.export_assignments(name) == exported
    assert exported.content.splitlines()[:2] == [
        b"DesktopName,User",
        b'pc-00001,"CONTOSO\\user,;0"',
    ]


def test_of_an_empty_collection_the_header_is_exported(owner: Client, eng: Eng) -> None:
    owner.remove_assignment(eng.name, host_id="pc-1")

    exported = owner.export_assignments(eng.name)

    assert exported == pb.ExportAssignmentsResponse(content=b"DesktopName,User\n", row_count=0)
