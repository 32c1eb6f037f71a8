from __future__ import annotations

import pytest

from deskhold.api.rbac.v1.access_pb2 import CheckAccessRequest, Consistency, RevisionTokens
from deskhold.api.rbac.v1.principals_pb2 import PRINCIPAL_KIND_USER, Principal
from deskhold.chassis import validation
from deskhold.chassis.calls import Caller
from deskhold.errors import InvalidArgument
from deskhold.identities import Domains, PrincipalKind
from deskhold.identities import Principal as Somebody
from rbac_service.access.questions import Questions
from rbac_service.access.rules import Question
from rbac_service.messages import Messages
from tests.rbac_service.requests import check, user

READ = "deskhold.resources/hosts/read"
MESSAGES = Messages(Domains.parse("CONTOSO=contoso.com"))
CALLER = Caller(Somebody(PrincipalKind.USER, "a@x"), "user:a@x", group_ids=("staff",))
BOB = user("CONTOSO\\Bob")

BREAKS_RULES = {
    "nothing at all": CheckAccessRequest(),
    "an action of one word": check("read", "/", BOB),
    "a long action": check("a/" + "b" * 255, "/", BOB),
    "no scope": check(READ, "", BOB),
    "a long scope": check(READ, "/" + "g" * 1024, BOB),
    "a kind that is none": check(READ, "/", Principal(kind=99, id="b@x")),  # type: ignore[arg-type]
    "no id": check(READ, "/", user("")),
    "a long directory": check(
        READ, "/", Principal(kind=PRINCIPAL_KIND_USER, id="b@x", directory="d" * 257)
    ),
    "too many groups": check(READ, "/", BOB, ["g"] * 257),
    "a group without an id": check(READ, "/", BOB, ["g", ""]),
    "a group without an id, of the caller": check(READ, "/", None, [""]),
    "a consistency that asks for nothing": CheckAccessRequest(
        action=READ, scope="/", consistency=Consistency()
    ),
    "a consistency that is denied": CheckAccessRequest(
        action=READ, scope="/", consistency=Consistency(minimize_latency=False)
    ),
    "freshness without a token": CheckAccessRequest(
        action=READ, scope="/", consistency=Consistency(at_least_as_fresh=RevisionTokens())
    ),
    "much": check("read", "", user(""), [""]),
}


def test_a_question_has_the_keys_of_whom_it_is_about() -> None:
    questions = Questions(MESSAGES)

    about_bob = questions.read(check(READ, "/", BOB, ["g", "h"]), CALLER)
    about_the_caller = questions.read(check(READ, "/", None, ["g"]), CALLER)

    assert about_bob == Question(("user:bob@contoso.com", "group:g", "group:h"), READ, "/")
    assert about_the_caller == Question(("user:a@x", "group:staff"), READ, "/")


@pytest.mark.parametrize("groups", [["g"], [f"group-{number}" for number in range(200)]])
def test_what_is_remembered_of_a_question_serves_no_other(groups: list[str]) -> None:
    other = "deskhold.resources/hosts/write"
    tenant = "/tenantGroups/default/tenants/default"
    asked = {
        Question(("user:bob@contoso.com", *keys(groups)), READ, "/"): check(READ, "/", BOB, groups),
        Question(("user:c@x", *keys(groups)), READ, "/"): check(READ, "/", user("c@x"), groups),
        Question(("user:c@x", *keys(groups)), other, "/"): check(other, "/", user("c@x"), groups),
        Question(("user:c@x", *keys(groups)), READ, tenant): check(
            READ, tenant, user("c@x"), groups
        ),
        Question(("user:c@x", *keys([*groups, "h"])), READ, "/"): check(
            READ, "/", user("c@x"), [*groups, "h"]
        ),
    }
    questions = Questions(MESSAGES)

    for _ in range(2):
        assert [questions.read(one, CALLER) for one in asked.values()] == list(asked)


def keys(groups: list[str]) -> list[str]:
    return [f"group:{group}" for group in groups]


@pytest.mark.parametrize("why", BREAKS_RULES)
def test_a_question_read_in_parts_is_refused_in_the_words_of_the_whole(why: str) -> None:
    request, questions = BREAKS_RULES[why], Questions(MESSAGES)
    with pytest.raises(InvalidArgument) as whole:
        validation.check(request)

    # The second time the good parts are remembered.
    for _ in range(2):
        with pytest.raises(InvalidArgument) as parts:
            questions.read(request, CALLER)
        assert parts.value.message == whole.value.message
        assert parts.value.violations == whole.value.violations


def test_the_rules_about_a_question_are_about_one_field_each() -> None:
    message = CheckAccessRequest.DESCRIPTOR

    # Else parts that are good would not make a good whole: `Questions` has to know of new ones.
    assert message.GetOptions().SerializeToString() == b""
    assert {field.name for field in message.fields} == {
        "principal",
        "action",
        "scope",
        "group_ids",
        "consistency",
    }
