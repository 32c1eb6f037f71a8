"""Who may do what: one question, asked of one and of everybody."""

from __future__ import annotations

from deskhold.identities import Principal, PrincipalKind
from tests.journeys.cmdlets.answers import Among, Tells
from tests.journeys.cmdlets.cases import Look, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.cmdlets.role_assignments import (
    IN_TENANT,
    OPERATOR,
    READ,
    READER,
    SCOPES,
    TENANT,
    principals_without_roles,
)

WRITE = "deskhold.resources/hosts/write"


def an_operator_of_a_tenant(desk: Desk) -> dict[str, str]:
    """A user with that role there and a token that names a group, and a friend without roles."""
    names = principals_without_roles(desk)
    made = desk.client.create_role_assignment(
        TENANT.format_map(names), Principal(PrincipalKind.USER, names["user"]), OPERATOR
    )
    return names | {"held": made.name, "token": str(desk.pair.token_file(names["user"], "staff"))}


USER = {"kind": "PRINCIPAL_KIND_USER", "id": "{user}"}
IN_COLLECTION = f"{IN_TENANT} --collection eng"
OF_USER = f"--user {{user}} {IN_TENANT}"
OF_FRIEND = f"--user {{friend}} {IN_TENANT}"
YES = {"allowed": True, "role_assignment": "{held}"}
NO = {"allowed": False, "role_assignment": ""}

TABLES = (
    Table(
        an_operator_of_a_tenant,
        {
            "whoami": Look(
                "--token-file {token}", None, {"principal": USER, "group_ids": ["staff"]}, unlike=""
            ),
            "can-i": (
                Tells(f"{READ} --token-file {{token}} {IN_TENANT}", YES),
                Tells(f"{WRITE} --token-file {{token}} {IN_TENANT}", NO, code=4),
                Tells(f"{READ} {OF_USER}", YES),
                Tells(f"{READ} {OF_FRIEND}", NO, code=4),
            ),
            "explain": (
                Tells(
                    f"{READ} --user {{user}} {IN_COLLECTION}",
                    {
                        "allowed": True,
                        "grants": [
                            {
                                "role_assignment": "{held}",
                                "role_display_name": OPERATOR,
                                "scope": TENANT,
                                "inherited": True,
                            }
                        ],
                    },
                ),
                Tells(
                    f"{WRITE} {OF_USER}",
                    {
                        "allowed": False,
                        "near_misses": [
                            {
                                "reason": "NEAR_MISS_REASON_OTHER_ACTION",
                                "role_assignment": "{held}",
                            }
                        ],
                    },
                    code=4,
                ),
            ),
            "who-can": Among(
                f"{READ} {IN_COLLECTION}",
                has=[{"principal": USER, "role_assignment": "{held}"}],
                lacks=[{"principal": {"id": "{friend}"}}],
            ),
            "where-can": Look(
                f"{READ} --user {{user}}",
                None,
                [{"scope": one} for one in SCOPES if one.startswith(TENANT)],
                unlike=f"{READ} --user {{friend}}",
            ),
            "permissions": (
                Among(
                    IN_TENANT,
                    has=[{"principal": USER, "actions": [READ], "role_assignments": ["{held}"]}],
                    lacks=[{"principal": {"id": "{friend}"}}],
                ),
                Tells(OF_USER, [{"principal": USER, "actions": [READ]}]),
            ),
            "what-if": Tells(
                f"--assign '{READER}' {OF_FRIEND} --action {READ} --action {WRITE}",
                [
                    {"action": READ, "before": "DECISION_DENY", "after": "DECISION_ALLOW"},
                    {"action": WRITE, "before": "DECISION_DENY", "after": "DECISION_DENY"},
                ],
                keeps=f"where-can: {READ} --user {{friend}}",
            ),
        },
    ),
)
