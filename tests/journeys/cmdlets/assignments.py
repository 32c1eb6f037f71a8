"""Assignments: made, removed and listed, one by one and as files."""

from __future__ import annotations

from tests.journeys.cmdlets.cases import Change, Look, Preview, Refusal, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import TENANT

ALICE = "CONTOSO\\alice"
BOB = "bob@contoso.com"
HERE = f"{TENANT}/collections/{{mine}}"


def alice_and_bob_hold_one_each(desk: Desk) -> dict[str, str]:
    """A third host is free, and so is the one of another collection."""
    names = {"mine": desk.new("eng"), "other": desk.new("lab")}
    hosts = {one: desk.new("pc") for one in ("first", "second", "free", "elsewhere")}
    *here, there = hosts.values()
    made = desk.client.create_collection(TENANT, names["mine"], type="personal", host_ids=here)
    desk.client.create_collection(TENANT, names["other"], type="personal", host_ids=[there])
    for user, host in ((ALICE, "first"), (BOB, "second")):
        desk.client.set_assignment(made.name, user=user, host_id=hosts[host])
    etag = desk.client.get_host(f"{made.name}/hosts/{hosts['first']}").etag
    return names | hosts | {"etag": etag, "alice": ALICE, "bob": BOB, "carol": "CONTOSO\\carol"}


def a_file_that_gives_carol_the_free_host(desk: Desk) -> dict[str, str]:
    names = alice_and_bob_hold_one_each(desk)
    text = f"DesktopName,User\n{names['free']},{names['carol']}\n"
    file = desk.pair.home.path / f"{desk.new('in')}.csv"
    file.write_text(text)
    return names | {"file": str(file), "text": text}


def a_file_that_is_not_there_yet(desk: Desk) -> dict[str, str]:
    file = desk.pair.home.path / f"{desk.new('out')}.csv"
    return alice_and_bob_hold_one_each(desk) | {"file": str(file)}


ALL = "assignment list: --collection {mine}"
FIRST = {"host": f"{HERE}/hosts/{{first}}", "user": "{alice}"}
SECOND = {"host": f"{HERE}/hosts/{{second}}", "user": "{bob}"}
FREE = {"host": f"{HERE}/hosts/{{free}}", "user": "{carol}"}
TO_CAROL = "--user {carol} --host {free}"
# What was exported is read back: it says of everybody what is so already.
READ_BACK = "assignment import: --collection {mine} {file} --validate-only"
UNCHANGED = {"unchanged_count": 2, "assigned_count": 0, "rejected_count": 0}

TABLES = {
    "Set-RDPersonalSessionDesktopAssignment": Table(
        alice_and_bob_hold_one_each,
        {
            "-CollectionName": Change(
                f"{{it}} {{mine}} {TO_CAROL}",
                HERE,
                ALL,
                [FIRST, SECOND, FREE],
                not_by=f"--collection {{other}} {TO_CAROL}",
            ),
            "-User": Change(
                "--collection {mine} {it} {carol} --host {free}",
                "{carol}",
                "assignment list: --collection {mine} --user {carol}",
                [FREE],
            ),
            "-Name": Change(
                "--collection {mine} --user {carol} {it} {free}",
                "{free}",
                "assignment list: --collection {mine} --host {free}",
                [FREE],
            ),
        },
    ),
    "Import-RDPersonalSessionDesktopAssignment": Table(
        a_file_that_gives_carol_the_free_host,
        {
            "-CollectionName": Change(
                "{it} {mine} {file}",
                HERE,
                ALL,
                [FIRST, SECOND, FREE],
                not_by="--collection {other} {file}",
            ),
            "-Path": Change("--collection {mine} {file}", "{text}", ALL, [FIRST, SECOND, FREE]),
        },
    ),
    "Remove-RDPersonalSessionDesktopAssignment": Table(
        alice_and_bob_hold_one_each,
        {
            "-CollectionName": Change(
                "{it} {mine} --user {alice} --yes",
                HERE,
                ALL,
                [SECOND],
                not_by="--collection {other} --user {alice} --yes",
            ),
            "-User": Change("--collection {mine} {it} {alice} --yes", "{alice}", ALL, [SECOND]),
            "-Name": Change("--collection {mine} {it} {second} --yes", "{second}", ALL, [FIRST]),
            "-Force": Change(
                "--collection {mine} --user {alice} {it}",
                None,
                ALL,
                [SECOND],
                not_by="--collection {mine} --user {alice}",
            ),
            "-WhatIf": Preview(
                "--collection {mine} --user {alice} {it}",
                ALL,
                unlike="--collection {mine} --user {alice} --yes",
            ),
            "--etag": (
                Change(
                    "--collection {mine} --host {first} {it} {etag} --yes", "{etag}", ALL, [SECOND]
                ),
                Refusal(
                    "--collection {mine} --host {first} {it} outdated --yes",
                    "outdated",
                    "ETAG_MISMATCH",
                    ALL,
                ),
            ),
        },
    ),
    "Get-RDPersonalSessionDesktopAssignment": Table(
        alice_and_bob_hold_one_each,
        {
            "-CollectionName": Look(
                "{it} {mine}", HERE, [FIRST, SECOND], unlike="--collection {other}"
            ),
            "-User": Look(
                "--collection {mine} {it} {alice}", "{alice}", [FIRST], unlike="--collection {mine}"
            ),
            "-Name": Look(
                "--collection {mine} {it} {second}",
                "{second}",
                [SECOND],
                unlike="--collection {mine}",
            ),
        },
    ),
    "Export-RDPersonalSessionDesktopAssignment": Table(
        a_file_that_is_not_there_yet,
        {
            "-CollectionName": Change("{it} {mine} {file}", HERE, READ_BACK, UNCHANGED),
            "-Path": Change("--collection {mine} {file}", None, READ_BACK, UNCHANGED),
        },
    ),
}
