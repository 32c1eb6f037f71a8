"""Groups that are kept here, and who is in them."""

from __future__ import annotations

from deskhold.identities import Principal, PrincipalKind
from tests.journeys.cmdlets.answers import Among, Tells
from tests.journeys.cmdlets.cases import Change, Look, Refusal, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.role_assignments import READ, READER
from tests.journeys.pair import TENANT


def groups_in_each_other(desk: Desk) -> dict[str, str]:
    """Ben is in the inner group, which is in the outer one with anna; the outer one is a reader."""
    names = {one: desk.new(one) for one in ("inner", "outer", "empty", "new")}
    for one in ("inner", "outer", "empty"):
        desk.client.create_group(names[one], display_name=one)
    people = {one: f"{desk.new(one)}@contoso.com" for one in ("anna", "ben", "carol")}
    anna, ben = (Principal(PrincipalKind.USER, people[one]) for one in ("anna", "ben"))
    inner, outer = (Principal(PrincipalKind.GROUP, names[one]) for one in ("inner", "outer"))
    for group, member in (("inner", ben), ("outer", anna), ("outer", inner)):
        desk.client.add_group_member(f"groups/{names[group]}", member)
    desk.client.create_role_assignment(f"/{TENANT}", outer, READER)
    return names | people


def _user(name: str) -> dict[str, dict[str, str]]:
    return {"member": {"kind": "PRINCIPAL_KIND_USER", "id": f"{{{name}}}"}}


INNER = {"member": {"kind": "PRINCIPAL_KIND_GROUP", "id": "{inner}"}}
GONE = "GROUP_NOT_FOUND"
MAY_READ = f"can-i: {READ} --tenant default --user"
YES = {"allowed": True}

TABLES = (
    Table(
        groups_in_each_other,
        {
            "group create": Change(
                "{new} --display-name 'Help desk'",
                None,
                "group show: {new}",
                {"name": "groups/{new}", "display_name": "Help desk", "member_count": 0},
            ),
            "group list": Among(
                "",
                has=[
                    {"name": "groups/{outer}", "display_name": "outer"},
                    {"name": "groups/{empty}", "display_name": "empty"},
                ],
                lacks=[{"name": "groups/{new}"}],
            ),
            "group show": Look(
                "{outer}",
                None,
                {"name": "groups/{outer}", "display_name": "outer", "member_count": 2},
                unlike="{empty}",
            ),
            "group delete": (
                Change("{empty} --yes", None, "group show: {empty}", GONE),
                Refusal("{outer} --yes", None, "GROUP_IN_USE", "group show: {outer}"),
            ),
            "group add": (
                Change("{outer} --user {carol}", None, f"{MAY_READ} {{carol}}", YES),
                Change("{empty} --group {inner}", None, "group members: {empty}", [INNER]),
            ),
            "group remove": (
                Change("{outer} --user {anna} --yes", None, "group members: {outer}", [INNER]),
                Change(
                    "{outer} --group {inner} --yes",
                    None,
                    "group members: {outer}",
                    [_user("anna")],
                ),
            ),
            "group members": Tells("{outer}", [INNER, _user("anna")]),
        },
    ),
)
