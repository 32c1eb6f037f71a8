"""Who changed what, and who was told what."""

from __future__ import annotations

import base64

import pytest

from deskhold.errors import PermissionDenied
from tests.journeys.cmdlets.answers import Follows, Tells
from tests.journeys.cmdlets.cases import Look, Table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import OWNER, TENANT


def a_change_and_a_refusal(desk: Desk) -> dict[str, str]:
    """A group was made, and then somebody without roles was refused something."""
    group, user = desk.new("team"), f"{desk.new('mallory')}@contoso.com"
    before = desk.client.verify_log().verified_count
    desk.client.create_group(group)
    with pytest.raises(PermissionDenied), desk.pair.blocking_client(user) as stranger:
        list(stranger.list_collections(TENANT))
    (entry,) = desk.client.list_log_entries(after_revision=before)
    return {
        "group": group,
        "user": user,
        "owner": OWNER,
        "before": str(before),
        "revision": str(entry.revision),
        "hash": base64.b64encode(entry.hash).decode(),
    }


MADE = {
    "actor": "user:{owner}",
    "changes": [{"kind": "add_group", "row": {"group_key": "group:{group}"}}],
}
DENIED = {
    "principal": "user:{user}",
    "action": "deskhold.resources/collections/read",
    "scope": f"/{TENANT}",
    "allowed": False,
    "caller": "service_principal:spiffe://deskhold/broker",
}

TABLES = (
    Table(
        a_change_and_a_refusal,
        {
            "audit log": Look("--after {before}", None, [MADE], unlike="--after {revision}"),
            "audit verify": Tells(
                "", {"intact": True, "verified_count": "{revision}", "head_hash": "{hash}"}
            ),
            "audit decisions": Look(
                "--principal user:{user}", None, [DENIED], unlike="--principal user:nobody@x.com"
            ),
            "audit watch": Follows(
                "--after {before}",
                [MADE],
                then="group delete: {group} --yes",
                next={"changes": [{"kind": "remove_group"}]},
            ),
        },
    ),
)
