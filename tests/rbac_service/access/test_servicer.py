from __future__ import annotations

from collections.abc import Callable

import pytest

from deskhold import status
from deskhold.api.rbac.v1.access_pb2 import (
    DECISION_ALLOW,
    DECISION_DENY,
    BatchCheckAccessRequest,
    CheckAccessRequest,
    Consistency,
    WhoAmIRequest,
)
from deskhold.api.rbac.v1.principals_pb2 import Principal
from deskhold.errors import InvalidArgument, PermissionDenied, Unauthenticated
from tests.rbac_service.requests import check, checks, grant, group, service, user
from tests.rbac_service.running import OWNER, Caller, Process

READ = "deskhold.resources/hosts/read"
ADD = "deskhold.resources/hosts/write"
ASK = "deskhold.authorization/checkAccess/action"


def test_the_owner_is_allowed_everything_and_told_by_which_assignment(owner: Caller) -> None:
    answer = owner(check(ADD, "/tenantGroups/any"))

    assert answer.decision == DECISION_ALLOW
    assert answer.role_assignment.startswith("roleAssignments/")
    assert answer.decision_id.startswith("d-")
    assert answer.revision >= 1


def test_a_denial_is_an_answer(rbac: Process, someone: Callable[[], str]) -> None:
    answer = rbac.signed_in(someone())(check(READ, "/"))

    assert answer.decision == DECISION_DENY
    assert answer.role_assignment == ""
    assert answer.decision_id


def test_a_grant_counts_for_the_very_next_question(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    asking = rbac.signed_in(name)
    assert asking(check(READ, tenant_group)).decision == DECISION_DENY

    made = owner(grant(user(name), "RDS Reader", tenant_group))
    answer = asking(check(READ, f"{tenant_group}/tenants/hr"))

    assert answer.decision == DECISION_ALLOW
    assert answer.role_assignment == made.name


def test_both_forms_of_a_user_are_one(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    account = name.partition("@")[0]
    owner(grant(user(f"CONTOSO\\{account.upper()}"), "RDS Reader", tenant_group))

    assert rbac.signed_in(name)(check(READ, tenant_group)).decision == DECISION_ALLOW


def test_groups_in_the_callers_token_count(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    owner(grant(group("help-desk"), "RDS Reader", tenant_group))
    name = someone()

    with_group = rbac.signed_in(name, groups=["staff", "help-desk"])
    assert with_group(check(READ, tenant_group)).decision == DECISION_ALLOW
    assert rbac.signed_in(name)(check(READ, tenant_group)).decision == DECISION_DENY


def test_groups_one_claims_to_be_in_do_not_count(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    owner(grant(group("help-desk"), "RDS Reader", tenant_group))
    name = someone()
    asking = rbac.signed_in(name)

    assert asking(check(READ, tenant_group, groups=["help-desk"])).decision == DECISION_DENY
    with pytest.raises(PermissionDenied):
        asking(check(READ, tenant_group, user(name), groups=["help-desk"]))


def test_asking_about_oneself_by_name_is_free(rbac: Process, someone: Callable[[], str]) -> None:
    name = someone()

    assert rbac.signed_in(name)(check(READ, "/", user(name.upper()))).decision == DECISION_DENY


@pytest.mark.parametrize("who", [user("other@contoso.com"), group("g"), service("spiffe://x/y")])
def test_asking_about_others_needs_a_right_at_that_scope(
    rbac: Process,
    owner: Caller,
    tenant_group: str,
    someone: Callable[[], str],
    who: Principal,
) -> None:
    name = someone()
    asking = rbac.signed_in(name)

    with pytest.raises(PermissionDenied) as refused:
        asking(check(READ, tenant_group, who))
    owner(grant(user(name), "Policy Enforcement Point", tenant_group))

    assert refused.value.metadata["action"] == ASK
    assert refused.value.metadata["scope"] == tenant_group
    assert asking(check(READ, tenant_group, who)).decision == DECISION_DENY
    with pytest.raises(PermissionDenied):
        asking(check(READ, "/", who))


def test_the_broker_may_ask_about_anybody_with_the_groups_of_their_tokens(
    broker: Caller, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    owner(grant(group("help-desk"), "RDS Reader", tenant_group))
    who = user(someone())

    assert broker(check(READ, tenant_group, who, ["help-desk"])).decision == DECISION_ALLOW
    assert broker(check(READ, tenant_group, who)).decision == DECISION_DENY
    assert broker(check(ADD, "/", user(OWNER))).decision == DECISION_ALLOW


WRONG = {
    "no action": check("", "/"),
    "an action of one word": check("read", "/"),
    "an action with a star": check("deskhold.resources/*", "/"),
    "an action with a space": check("deskhold.resources/hosts read", "/"),
    "no scope": check(READ, ""),
    "a scope without its slash": check(READ, "tenantGroups/contoso"),
    "a host for a scope": check(READ, "/tenantGroups/g/tenants/t/collections/c/hosts/h"),
    "a principal of no kind": check(READ, "/", Principal(id="a@x")),
    "a principal of an unknown kind": check(READ, "/", Principal(kind=99, id="a@x")),  # type: ignore[arg-type]
    "a principal without an id": check(READ, "/", user("")),
    "a user that is none": check(READ, "/", user("alice")),
    "a group without an id": check(READ, "/", user("a@x"), [""]),
    "a group with a control character": check(READ, "/", user("a@x"), ["g\n"]),
    "a consistency that asks for nothing": CheckAccessRequest(
        action=READ, scope="/", principal=user("a@x"), consistency=Consistency()
    ),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_question_that_cannot_be_asked_is_an_invalid_argument(broker: Caller, why: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        broker(WRONG[why])

    assert refused.value.reason == "FIELD_VIOLATION"


def test_a_batch_keeps_the_order_and_each_question_fails_alone(
    broker: Caller, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    owner(grant(user(name), "RDS Reader", tenant_group))
    allowed, refused = check(READ, tenant_group, user(name)), check(ADD, tenant_group, user(name))

    reply = broker(checks(refused, *WRONG.values(), allowed, refused, allowed))

    assert [outcome(result) for result in reply.results] == [
        "DENY",
        *["FIELD_VIOLATION"] * len(WRONG),
        "ALLOW",
        "DENY",
        "ALLOW",
    ]


def outcome(result: object) -> str:
    if result.HasField("error"):  # type: ignore[attr-defined]
        return status.from_status(result.error).reason  # type: ignore[attr-defined]
    return "ALLOW" if result.answer.decision == DECISION_ALLOW else "DENY"  # type: ignore[attr-defined]


def test_all_answers_of_a_batch_are_of_one_revision(broker: Caller, owner: Caller) -> None:
    before = owner(check(READ, "/")).revision

    reply = broker(checks(*[check(READ, "/", user(OWNER))] * 256))

    assert {result.answer.revision for result in reply.results} == {reply.revision}
    assert {result.answer.revision_token for result in reply.results} == {""}
    assert reply.revision_token
    assert reply.revision >= before
    assert len({result.answer.decision_id for result in reply.results}) == 256


def test_a_batch_about_others_needs_the_right_at_every_scope(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    owner(grant(user(name), "Policy Enforcement Point", tenant_group))
    asking, other = rbac.signed_in(name), user(someone())

    reply = asking(checks(check(READ, tenant_group, other), check(READ, "/")))
    with pytest.raises(PermissionDenied) as refused:
        asking(checks(check(READ, tenant_group, other), check(READ, "/", other)))

    assert len(reply.results) == 2
    assert refused.value.metadata["scope"] == "/"


@pytest.mark.parametrize("order", ["there", "back"])
def test_a_batch_is_refused_at_the_first_scope_of_the_request_where_it_may_not_ask(
    rbac: Process, owner: Caller, tenant_group: str, someone: Callable[[], str], order: str
) -> None:
    name = someone()
    owner(grant(user(name), "Policy Enforcement Point", tenant_group))
    elsewhere = ["/tenantGroups/a", "/tenantGroups/z"][:: 1 if order == "there" else -1]
    asked = [check(READ, scope, user(someone())) for scope in (tenant_group, *elsewhere)]

    with pytest.raises(PermissionDenied) as refused:
        rbac.signed_in(name)(checks(*asked))

    assert refused.value.metadata["scope"] == elsewhere[0]


@pytest.mark.parametrize("size", [0, 257])
def test_a_batch_has_1_to_256_questions(broker: Caller, size: int) -> None:
    with pytest.raises(InvalidArgument):
        broker(BatchCheckAccessRequest(checks=[CheckAccessRequest()] * size))


def test_who_am_i_says_what_the_credential_says(rbac: Process, broker: Caller) -> None:
    person = rbac.signed_in("CONTOSO\\Alice", groups=["g-1"])(WhoAmIRequest())
    program = broker(WhoAmIRequest())

    assert person.principal == user("CONTOSO\\Alice")
    assert list(person.group_ids) == ["g-1"]
    assert person.expire_time.seconds > 0
    assert program.principal == service("spiffe://deskhold/broker")
    assert not program.HasField("expire_time")


def test_nobody_is_told_anything(rbac: Process) -> None:
    for request in (WhoAmIRequest(), check(READ, "/")):
        with pytest.raises(Unauthenticated):
            rbac.nobody(request)
