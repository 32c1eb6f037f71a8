"""Hosts: closed to new sessions, opened again, and moved."""

from __future__ import annotations

from deskhold.api.broker.v1 import hosts_pb2
from tests.journeys.cmdlets.cases import Change, Refusal, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.hosts import HERE, two_hosts_of_which_one_is_held
from tests.journeys.pair import TENANT


def a_pooled_host(desk: Desk) -> dict[str, str]:
    host = desk.new("vm")
    made = desk.client.create_collection(TENANT, desk.new("pool"), type="pooled", host_ids=[host])
    return {"name": made.name, "mine": made.name.rpartition("/")[2], "host": host}


def a_pooled_host_that_is_drained(desk: Desk) -> dict[str, str]:
    names = a_pooled_host(desk)
    desk.client.update_hosts(
        names["name"], [names["host"]], new_connections=hosts_pb2.NEW_CONNECTIONS_NO
    )
    return names


CONNECT = "connect: {mine} --what-if"
IN_OTHER = "host list: --collection {other}"
MOVE = "--collection {mine} --to {other}"

TABLES = (
    Table(
        a_pooled_host,
        {"host drain": Change("--collection {mine} {host}", None, CONNECT, "NO_FREE_HOST")},
    ),
    Table(
        a_pooled_host_that_is_drained,
        {
            "host undrain": Change(
                "--collection {mine} {host}", None, CONNECT, {"host": "{name}/hosts/{host}"}
            ),
        },
    ),
    Table(
        two_hosts_of_which_one_is_held,
        {
            "host move": (
                Change(
                    f"{MOVE} {{free}}",
                    None,
                    IN_OTHER,
                    [{"name": f"{TENANT}/collections/{{other}}/hosts/{{free}}"}],
                ),
                Change(
                    f"{MOVE} {{free}}",
                    None,
                    "host list: --collection {mine}",
                    [{"name": f"{HERE}/hosts/{{held}}"}],
                ),
                Refusal(f"{MOVE} {{held}}", None, "HOST_HELD", IN_OTHER),
            ),
        },
    ),
)
