from __future__ import annotations

import re
from pathlib import Path

import pytest

from deskhold.api.rbac.v1.access_pb2 import CheckAccessRequest
from deskhold.api.rbac.v1.principals_pb2 import PRINCIPAL_KIND_USER, Principal
from deskhold.api.rbac.v1.role_assignments_pb2 import CreateRoleAssignmentRequest, RoleAssignment
from deskhold.api.rbac.v1.scopes_pb2 import CreateScopeRequest, ListScopesRequest, Scope
from deskhold.chassis import validation
from deskhold.chassis.validation import check
from deskhold.errors import FieldViolation, InvalidArgument
from tests.deskhold.chassis.carrier import Carrier

PROTOS = Path(__file__).parents[3] / "protos"


def test_a_message_within_the_rules_passes() -> None:
    check(ListScopesRequest(parent="/", page_size=100))


def test_a_rule_of_a_field_names_the_field() -> None:
    with pytest.raises(InvalidArgument) as refused:
        check(ListScopesRequest(parent="/", page_size=-1))

    assert refused.value.violations == (
        FieldViolation("page_size", "must be greater than or equal to 0"),
    )
    assert refused.value.message == "page_size: must be greater than or equal to 0"
    assert refused.value.metadata == {"field": "page_size"}


def test_every_field_that_breaks_a_rule_is_named() -> None:
    with pytest.raises(InvalidArgument, match=r"\(and 1 more\)") as refused:
        check(CreateScopeRequest(scope=Scope(display_name="x" * 257), request_id="no uuid"))

    assert {violation.field for violation in refused.value.violations} == {
        "scope.display_name",
        "request_id",
    }


def test_fields_are_named_by_their_path() -> None:
    nobody = Principal(kind=PRINCIPAL_KIND_USER, id="")
    assignment = RoleAssignment(principal=nobody, role_definition="RDS Owner")
    with pytest.raises(InvalidArgument) as refused:
        check(CreateRoleAssignmentRequest(scope="/", role_assignment=assignment))

    assert [one.field for one in refused.value.violations] == ["role_assignment.principal.id"]


def test_a_field_in_a_list_is_named_with_its_place() -> None:
    with pytest.raises(InvalidArgument) as refused:
        check(CheckAccessRequest(action="a/b", scope="/", group_ids=["g-1", ""]))

    assert [one.field for one in refused.value.violations] == ["group_ids[1]"]


@pytest.mark.parametrize(
    ("action", "shown"), [("delete everything", "delete everything"), ("*" * 33, "*" * 32 + "…")]
)
def test_a_pattern_that_is_not_matched_is_told_in_words(action: str, shown: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check(CheckAccessRequest(action=action, scope="/"))

    assert refused.value.message == (
        f"action: '{shown}' is not of the form 'provider/resource/verb',"
        " of letters, digits, '.', '_' and '-'"
    )


def test_every_pattern_of_the_protos_has_words() -> None:
    protos = "".join(path.read_text("utf-8") for path in PROTOS.rglob("*.proto"))

    assert set(re.findall(r'pattern(?: =|:) "(.*)"', protos)) == set(validation._WORDS)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_request_that_breaks_a_rule_is_refused_before_the_servicer(
    carrier: Carrier,
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await carrier.call(ListScopesRequest(parent="", page_size=-1))

    assert {one.field for one in refused.value.violations} == {"parent", "page_size"}


def test_a_request_that_breaks_a_rule_256_times_is_refused_in_few_words() -> None:
    # A refusal travels in trailers, and clients accept only some kilobytes of these.
    with pytest.raises(InvalidArgument) as refused:
        check(CheckAccessRequest(action="a/b", scope="/", group_ids=[""] * 256))

    assert refused.value.message.endswith("(and 255 more)")
    assert len(refused.value.violations) == 20
