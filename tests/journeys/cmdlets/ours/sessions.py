"""The way in, and where it leads."""

from __future__ import annotations

from deskhold.identities import Principal, PrincipalKind
from tests.journeys.cmdlets.answers import Tells, Writes
from tests.journeys.cmdlets.cases import Change, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import TENANT


def a_user_who_may_connect(desk: Desk) -> dict[str, str]:
    """To a collection with one host, which assigns by itself."""
    user, host = f"{desk.new('anna')}@contoso.com", desk.new("pc")
    made = desk.client.create_collection(
        TENANT, desk.new("eng"), type="personal", auto_assign_user=True
    )
    desk.client.add_hosts(made.name, [host])
    desk.client.update_host(f"{made.name}/hosts/{host}", address="pc.example", port=3390)
    anna = Principal(PrincipalKind.USER, user)
    desk.client.create_role_assignment(f"/{made.name}", anna, "RDS User")
    return {
        "name": made.name,
        "mine": made.name.rpartition("/")[2],
        "host": host,
        "user": user,
        "token": str(desk.pair.token_file(user)),
    }


def a_routing_token(desk: Desk) -> dict[str, str]:
    names = a_user_who_may_connect(desk)
    way_in = desk.client.connect(names["name"], user=names["user"])
    return names | {"routing": way_in.routing_token}


AS_ANNA = "--token-file {token}"
MINE = {"host": "{name}/hosts/{host}", "user": "{user}", "address": "pc.example", "port": 3390}

TABLES = (
    Table(
        a_user_who_may_connect,
        {
            "connect": (
                Change(
                    f"{{mine}} {AS_ANNA}",
                    None,
                    "assignment list: --collection {mine}",
                    [{"host": "{name}/hosts/{host}", "user": "{user}"}],
                ),
                Tells(f"{{mine}} {AS_ANNA}", MINE | {"newly_assigned": True}),
                Tells(f"{{mine}} {AS_ANNA} --open --client true", MINE),
                Writes(
                    f"{{mine}} {AS_ANNA} -o rdp",
                    ("full address:s:pc.example:3390", "username:s:{user}"),
                ),
            ),
        },
    ),
    Table(a_routing_token, {"resolve": Tells("{routing}", MINE)}),
    Table(
        a_routing_token,
        {"publisher": Tells("--tenant default", {"subject": "CN=deskhold desktop publisher"})},
    ),
)
