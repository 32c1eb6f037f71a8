"""Force needs the rights of what it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deskhold.api.rbac.v1.role_definitions_pb2 import Permission
from deskhold.client import Client
from deskhold.errors import PermissionDenied
from tests.broker_service.pair import Eng, Pair, numbers

ALL_BUT_ENDING = (
    "deskhold.resources/collections/*",
    "deskhold.resources/hosts/*",
    "deskhold.resources/assignments/write",
)


@pytest.mark.parametrize("missing", ["assignments/delete", "assignments/confirmRelease/action"])
@pytest.mark.parametrize(
    "ending",
    [
        lambda client, eng: client.set_assignment(
            eng.name, user="bob@contoso.com", host_id="pc-1", force=True
        ),
        lambda client, eng: client.import_assignments(
            eng.name, b"bob@contoso.com,pc-1\n", replace=True
        ),
        lambda client, eng: client.remove_hosts(eng.name, ["pc-1"], force=True),
        lambda client, eng: client.delete_collection(eng.name, force=True),
    ],
    ids=["set", "import", "remove hosts", "delete a collection"],
)
def test_force_needs_the_rights_to_end_assignments_and_quarantines(
    pair: Pair, owner: Client, eng: Eng, ending: Callable[[Client, Eng], Any], missing: str
) -> None:
    other = {"assignments/delete", "assignments/confirmRelease/action"} - {missing}
    actions = [*ALL_BUT_ENDING, *(f"deskhold.resources/{one}" for one in other)]
    role = owner.create_role_definition(
        f"Clerk {next(numbers)}", [Permission(actions=actions)], [f"/{eng.name}"]
    )
    clerk = f"clerk{next(numbers)}@contoso.com"
    pair.grant(clerk, role.name, f"/{eng.name}")

    def seen() -> list[object]:
        return [*owner.list_hosts(eng.name), *owner.list_assignments(eng.name)]

    before = seen()

    with pytest.raises(PermissionDenied) as caught:
        ending(pair.client(clerk), eng)

    assert caught.value.metadata["action"] == f"deskhold.resources/{missing}"
    assert seen() == before


def test_a_host_operator_does_not_end_assignments_by_removing_hosts(
    pair: Pair, owner: Client, eng: Eng
) -> None:
    clerk = f"clerk{next(numbers)}@contoso.com"
    pair.grant(clerk, "RDS Host Operator", f"/{eng.name}")
    operator = pair.client(clerk)

    with pytest.raises(PermissionDenied):
        operator.remove_hosts(eng.name, ["pc-1"], force=True)
    operator.remove_hosts(eng.name, ["pc-2"])

    assert [host.host for host in owner.list_assignments(eng.name)] == [f"{eng.name}/hosts/pc-1"]
