from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest

from deskhold.api.rbac.v1.access_pb2 import DECISION_ALLOW, DECISION_DENY
from deskhold.api.rbac.v1.role_assignments_pb2 import DeleteRoleAssignmentRequest
from deskhold.errors import (
    Aborted,
    DeskholdError,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
)
from tests.rbac_service.requests import check, grant, group, held_at, service, user
from tests.rbac_service.running import OWNER, Caller, Deployment, Process

READ = "deskhold.resources/hosts/read"


def test_a_role_taken_away_counts_for_the_very_next_question(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    made = owner(grant(user(name), "RDS Reader", tenant_group))
    asking = rbac.signed_in(name)
    assert asking(check(READ, tenant_group)).decision == DECISION_ALLOW

    owner(DeleteRoleAssignmentRequest(name=made.name))

    assert asking(check(READ, tenant_group)).decision == DECISION_DENY
    assert held_at(owner, tenant_group, at_scope_only=True) == []


def test_taken_away_and_given_again_it_has_the_same_name_and_another_etag(
    owner: Caller, tenant_group: str
) -> None:
    first = owner(grant(user("a@x"), "RDS Reader", tenant_group))
    owner(DeleteRoleAssignmentRequest(name=first.name))

    again = owner(grant(user("a@x"), "RDS Reader", tenant_group))

    assert again.name == first.name
    assert again.etag != first.etag


def test_what_is_gone_is_not_found_unless_the_call_is_a_retry(
    owner: Caller, tenant_group: str
) -> None:
    made = owner(grant(user("a@x"), "RDS Reader", tenant_group))
    request = DeleteRoleAssignmentRequest(name=made.name, request_id=str(uuid.uuid4()))
    owner(request)

    owner(request)
    with pytest.raises(NotFound) as refused:
        owner(DeleteRoleAssignmentRequest(name=made.name))

    assert refused.value.reason == "ROLE_ASSIGNMENT_NOT_FOUND"


def test_another_version_than_the_etag_says_is_not_deleted(
    owner: Caller, tenant_group: str
) -> None:
    made = owner(grant(user("a@x"), "RDS Reader", tenant_group))

    with pytest.raises(Aborted) as refused:
        owner(DeleteRoleAssignmentRequest(name=made.name, etag="r0"))
    assert refused.value.reason == "ETAG_MISMATCH"
    assert refused.value.metadata == {"name": made.name, "etag": made.etag}
    assert held_at(owner, tenant_group, at_scope_only=True) == [made]

    owner(DeleteRoleAssignmentRequest(name=made.name, etag=made.etag))
    assert held_at(owner, tenant_group, at_scope_only=True) == []


def test_a_trial_takes_nothing_away(
    owner: Caller, deployment: Deployment, tenant_group: str
) -> None:
    made = owner(grant(user("a@x"), "RDS Reader", tenant_group))
    revision = deployment.revision

    owner(DeleteRoleAssignmentRequest(name=made.name, validate_only=True))

    assert held_at(owner, tenant_group, at_scope_only=True) == [made]
    assert deployment.revision == revision


@pytest.mark.parametrize("role", ["RDS Contributor", "RDS Reader", "Policy Enforcement Point"])
def test_only_an_owner_takes_roles_away(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str], role: str
) -> None:
    name = someone()
    own = owner(grant(user(name), role, tenant_group))
    acting = rbac.signed_in(name)

    for assignment in (own.name, f"{tenant_group[1:]}/roleAssignments/{uuid.uuid4()}"):
        with pytest.raises(PermissionDenied) as refused:
            acting(DeleteRoleAssignmentRequest(name=assignment))
        assert refused.value.metadata["action"] == "deskhold.authorization/roleAssignments/delete"


def owners(caller: Caller) -> list[str]:
    """Return the names of the assignments of Owners of the deployment."""
    held = held_at(caller, "/", role_definition="RDS Owner", at_scope_only=True)
    return [one.name for one in held]


def test_the_last_owner_of_the_deployment_stays(own_deployment: Deployment) -> None:
    rbac = own_deployment.start()
    admin = rbac.signed_in(OWNER)
    (own,) = owners(admin)
    # None of these can sign in to the deployment and repair it.
    admin(grant(group("admins"), "RDS Owner", "/"))
    admin(grant(service("spiffe://deskhold/portal"), "RDS Owner", "/"))
    admin(grant(user("below@contoso.com"), "RDS Owner", "/tenantGroups/default"))

    for trial in (True, False):
        with pytest.raises(FailedPrecondition) as refused:
            admin(DeleteRoleAssignmentRequest(name=own, validate_only=trial))
        assert refused.value.reason == "LAST_OWNER"
        assert refused.value.metadata == {"role_assignment": own, "principal": f"user:{OWNER}"}

    admin(grant(user("second@contoso.com"), "RDS Owner", "/"))
    admin(DeleteRoleAssignmentRequest(name=own))
    with pytest.raises(PermissionDenied):
        owners(admin)
    assert own not in owners(rbac.signed_in("second@contoso.com"))


@pytest.mark.slow
def test_of_two_owners_who_remove_each_other_at_once_one_stays(
    own_deployment: Deployment,
) -> None:
    # Each through a process of its own, so that only the database decides.
    first, second = own_deployment.start(), own_deployment.start()
    admin, other = first.signed_in(OWNER), second.signed_in("other@contoso.com")
    (own,) = owners(admin)
    others = admin(grant(user("other@contoso.com"), "RDS Owner", "/")).name
    together = threading.Barrier(2)
    refusals: list[DeskholdError] = []

    def remove(caller: Caller, name: str) -> None:
        together.wait()
        try:
            caller(DeleteRoleAssignmentRequest(name=name))
        except DeskholdError as error:
            refusals.append(error)

    removing = [
        threading.Thread(target=remove, args=args) for args in ((admin, others), (other, own))
    ]
    for thread in removing:
        thread.start()
    for thread in removing:
        thread.join()

    # The slower one is the last Owner by then, or has lost the right to remove anybody.
    assert len(refusals) == 1
    # Losing it between the gate and the change is found out under the lock: no delegation is left.
    assert refusals[0].reason in {"LAST_OWNER", "ACTION_DENIED", "ESCALATION"}
    owner_rows = own_deployment.rows(
        "SELECT id FROM role_assignments WHERE principal_kind = 'user'"
    )
    assert len(owner_rows) == 1
