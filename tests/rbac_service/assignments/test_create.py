from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from deskhold.api.rbac.v1.principals_pb2 import Principal
from deskhold.api.rbac.v1.role_assignments_pb2 import (
    CreateRoleAssignmentRequest,
    GetRoleAssignmentRequest,
)
from deskhold.errors import AlreadyExists, InvalidArgument, NotFound, PermissionDenied
from rbac_service.assignments.rules import derived_id
from rbac_service.roles.builtin import OWNER_ID
from tests.rbac_service.requests import check, grant, group, held_at, service, user
from tests.rbac_service.running import OWNER, Caller, Deployment, Process

READER_ID = "2ea11dc0-46e3-4ee8-f5db-08d623dd1cc4"
GRANT = "deskhold.authorization/roleAssignments/write"


def test_a_role_assignment_says_who_what_where_by_whom(owner: Caller, tenant_group: str) -> None:
    made = owner(grant(user("CONTOSO\\Alice"), "rds reader", tenant_group))

    assert made.name == f"{tenant_group[1:]}/roleAssignments/" + derived_id(
        tenant_group, "user:alice@contoso.com", READER_ID
    )
    assert made.principal == user("CONTOSO\\Alice")
    assert (made.role_definition, made.role_display_name) == (
        f"roleDefinitions/{READER_ID}",
        "RDS Reader",
    )
    assert (made.scope, made.created_by) == (tenant_group, f"user:{OWNER}")
    assert made.create_time.seconds > 0
    assert made.etag
    assert owner(GetRoleAssignmentRequest(name=made.name)) == made


@pytest.mark.parametrize(
    "who", [user("a@x.org"), group("g-1"), service("spiffe://deskhold/portal")]
)
def test_users_groups_and_services_can_hold_roles(
    owner: Caller, tenant_group: str, who: Principal
) -> None:
    assert owner(grant(who, "RDS User", tenant_group)).principal == who


@pytest.mark.parametrize("role", ["RDS Reader", READER_ID, f"roleDefinitions/{READER_ID}"])
def test_a_role_is_named_by_name_id_or_display_name(
    owner: Caller, tenant_group: str, role: str
) -> None:
    made = owner(grant(user("a@x.org"), role, tenant_group))

    assert made.role_definition == f"roleDefinitions/{READER_ID}"


def test_the_same_assignment_again_is_the_one_that_is_there(
    owner: Caller, deployment: Deployment, tenant_group: str
) -> None:
    first = owner(grant(user("CONTOSO\\alice"), "RDS Reader", tenant_group))
    revision = deployment.revision

    again = owner(grant(user("ALICE@contoso.com"), READER_ID, tenant_group))
    with_an_id = owner(
        grant(
            user("CONTOSO\\alice"),
            "RDS Reader",
            tenant_group,
            role_assignment_id=str(uuid.uuid4()),
        )
    )

    assert again == with_an_id == first
    assert deployment.revision == revision


def test_an_id_may_be_chosen(owner: Caller, tenant_group: str) -> None:
    own = str(uuid.uuid4())

    made = owner(grant(user("a@x"), "RDS Reader", tenant_group, role_assignment_id=own.upper()))

    assert made.name == f"{tenant_group[1:]}/roleAssignments/{own}"


def test_a_chosen_id_that_is_taken_is_refused(owner: Caller, tenant_group: str) -> None:
    own = str(uuid.uuid4())
    owner(grant(user("a@x"), "RDS Reader", tenant_group, role_assignment_id=own))

    with pytest.raises(AlreadyExists) as refused:
        owner(grant(user("b@x"), "RDS Reader", tenant_group, role_assignment_id=own))

    assert refused.value.reason == "ROLE_ASSIGNMENT_ALREADY_EXISTS"
    assert refused.value.metadata == {"role_assignment": own}


def test_a_retry_gets_the_first_answer(owner: Caller, tenant_group: str) -> None:
    request = grant(user("a@x"), "RDS Reader", tenant_group, request_id=str(uuid.uuid4()))

    assert owner(request) == owner(request)


def test_a_request_id_serves_one_request(owner: Caller, tenant_group: str) -> None:
    own = str(uuid.uuid4())
    owner(grant(user("a@x"), "RDS Reader", tenant_group, request_id=own))

    with pytest.raises(InvalidArgument) as refused:
        owner(grant(user("b@x"), "RDS Reader", tenant_group, request_id=own))

    assert refused.value.reason == "REQUEST_ID_REUSED"


def test_a_trial_says_what_would_be_there_and_changes_nothing(
    owner: Caller, deployment: Deployment, tenant_group: str
) -> None:
    revision = deployment.revision

    tried = owner(grant(user("a@x"), "RDS Reader", tenant_group, validate_only=True))

    assert tried.principal == user("a@x")
    assert held_at(owner, tenant_group, at_scope_only=True) == []
    assert deployment.revision == revision


def test_a_scope_that_is_not_registered_is_refused(owner: Caller, tenant_group: str) -> None:
    with pytest.raises(NotFound) as refused:
        owner(grant(user("a@x"), "RDS Reader", f"{tenant_group}/tenants/not-there"))

    assert refused.value.reason == "SCOPE_NOT_FOUND"
    assert refused.value.metadata == {"scope": f"{tenant_group}/tenants/not-there"}


@pytest.mark.parametrize(
    "role", ["RDS Gardener", "roleDefinitions/x", "00000000-0000-4000-8000-000000000000"]
)
def test_a_role_that_is_not_there_is_refused(owner: Caller, tenant_group: str, role: str) -> None:
    with pytest.raises(NotFound) as refused:
        owner(grant(user("a@x"), role, tenant_group))

    assert refused.value.reason == "ROLE_DEFINITION_NOT_FOUND"
    assert refused.value.metadata == {"role_definition": role}


@pytest.mark.parametrize(
    "request_",
    [
        grant(user("alice"), "RDS Reader", "/"),
        grant(user(""), "RDS Reader", "/"),
        grant(Principal(id="a@x"), "RDS Reader", "/"),
        grant(user("a@x"), "", "/"),
        grant(user("a@x"), "RDS Reader", "/tenantGroups/g/tenants/t/collections/c/hosts/h"),
        grant(user("a@x"), "RDS Reader", "/", role_assignment_id="one"),
        grant(user("a@x"), "RDS Reader", "/", request_id="one"),
        CreateRoleAssignmentRequest(scope="/"),
    ],
)
def test_what_cannot_be_an_assignment_is_an_invalid_argument(
    owner: Caller, request_: CreateRoleAssignmentRequest
) -> None:
    with pytest.raises(InvalidArgument):
        owner(request_)


# role held at the tenant group -> may grant there?
@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("RDS Owner", True),
        ("RDS Contributor", False),
        ("RDS Reader", False),
        ("RDS Operator", False),
        ("RDS User", False),
        ("Policy Enforcement Point", False),
    ],
)
def test_only_an_owner_hands_out_roles(
    rbac: Process,
    owner: Caller,
    tenant_group: str,
    someone: Callable[[], str],
    role: str,
    may: bool,
) -> None:
    name = someone()
    owner(grant(user(name), role, tenant_group))
    acting = rbac.signed_in(name)

    if may:
        acting(grant(user(someone()), "RDS Owner", tenant_group))
    else:
        with pytest.raises(PermissionDenied) as refused:
            acting(grant(user(name), "RDS Owner", tenant_group))
        assert (refused.value.metadata["action"], refused.value.metadata["scope"]) == (
            GRANT,
            tenant_group,
        )


def test_an_owner_below_hands_out_nothing_above(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    owner(grant(user(name), "RDS Owner", tenant_group))

    with pytest.raises(PermissionDenied):
        rbac.signed_in(name)(grant(user(name), "RDS Owner", "/"))


def test_forbidden_and_absent_look_the_same(
    rbac: Process, tenant_group: str, someone: Callable[[], str]
) -> None:
    stranger = rbac.signed_in(someone())
    refusals = []
    for scope in (tenant_group, "/tenantGroups/not-there"):
        with pytest.raises(PermissionDenied) as refused:
            stranger(grant(user("a@x"), "RDS Gardener", scope))
        metadata = refused.value.metadata
        refusals.append(
            refused.value.message.replace(scope, "SCOPE").replace(metadata["decision"], "D")
        )

    assert refusals[0] == refusals[1]


def test_the_entry_in_the_log_says_who_by_which_decision(
    rbac: Process, owner: Caller, deployment: Deployment, tenant_group: str
) -> None:
    made = owner(grant(user("a@x"), "RDS Owner", tenant_group))
    revision = owner(check("a/b", "/")).revision

    entry = deployment.log()[revision - 1]

    assert made.etag == f"r{revision}"
    assert entry["actor"] == f"user:{OWNER}"
    assert entry["decision_id"].startswith("d-")
    assert entry["request_id"]
    (change,) = deployment.changes(revision)
    assert change["kind"] == "add_role_assignment"
    assert (change["row"]["scope"], change["row"]["role_id"]) == (tenant_group, OWNER_ID)
