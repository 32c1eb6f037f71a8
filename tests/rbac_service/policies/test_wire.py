"""PolicyService over TLS."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from deskhold.api.rbac.v1 import policies_pb2, policies_pb2_grpc
from deskhold.api.rbac.v1.principals_pb2 import PRINCIPAL_KIND_USER, Principal
from deskhold.errors import InvalidArgument, PermissionDenied
from tests.rbac_service.deployments import TENANT, Deployment, Wire


def stub(wire: Wire) -> Any:
    return policies_pb2_grpc.PolicyServiceStub(wire.channel)


def one_reader(who: str = "bob@x", **request: Any) -> policies_pb2.ImportPolicyRequest:
    made = policies_pb2.ImportPolicyRequest(**request)
    made.policy.role_assignments.add(
        principal=Principal(kind=PRINCIPAL_KIND_USER, id=who),
        role_definition="RDS Operator",
        scope=TENANT,
    )
    return made


async def test_an_export_can_be_imported_as_it_is(deployment: Deployment) -> None:
    await deployment.add_group("helpdesk", "bob@x")
    await deployment.assign("group:helpdesk", "RDS Reader", TENANT)
    async with deployment.served() as wire:
        policy = await wire.call(stub(wire).ExportPolicy, policies_pb2.ExportPolicyRequest())
        assert [one.group.name for one in policy.groups] == ["groups/helpdesk"]
        assert len(policy.role_assignments) == 3
        reply = await wire.call(
            stub(wire).ImportPolicy, policies_pb2.ImportPolicyRequest(policy=policy, replace=True)
        )
        assert reply == policies_pb2.ImportPolicyResponse()
        part = await wire.call(
            stub(wire).ExportPolicy, policies_pb2.ExportPolicyRequest(scope=TENANT)
        )
    assert [one.role_display_name for one in part.role_assignments] == ["RDS Reader"]
    assert not part.groups


async def test_trying_answers_as_the_import_does_and_a_retry_gets_the_first_answer(
    deployment: Deployment,
) -> None:
    async with deployment.served() as wire:
        importing = stub(wire).ImportPolicy
        tried = await wire.call(importing, one_reader(validate_only=True))
        request = one_reader(request_id=str(uuid.uuid4()))
        made = await wire.call(importing, request)
        again = await wire.call(importing, request)
    assert [change.sign for change in made.changes] == ["+"]
    assert tried == made == again
    (change,) = made.access_changes
    assert (change.principal.id, change.scope) == ("bob@x", TENANT)
    assert list(change.gained) == ["deskhold.diagnostics/read"]


async def test_who_may_not_write_assignments_there_imports_nothing(deployment: Deployment) -> None:
    await deployment.assign("carol@x", "RDS Owner", TENANT)
    async with deployment.served() as wire:
        with pytest.raises(PermissionDenied):
            await wire.call(stub(wire).ImportPolicy, one_reader(), user="carol@x")
        made = await wire.call(stub(wire).ImportPolicy, one_reader(scope=TENANT), user="carol@x")
    assert len(made.changes) == 1


async def test_names_that_are_none_are_refused_with_their_field(deployment: Deployment) -> None:
    bad_group = policies_pb2.ImportPolicyRequest()
    bad_group.policy.groups.add().group.name = "helpdesk"
    bad_role = policies_pb2.ImportPolicyRequest()
    bad_role.policy.role_definitions.add(name="roleDefinitions/gardener", display_name="G")
    async with deployment.served() as wire:
        for request, field in (
            (bad_group, "policy.groups[0].group.name"),
            (bad_role, "policy.role_definitions[0].name"),
        ):
            with pytest.raises(InvalidArgument) as refused:
                await wire.call(stub(wire).ImportPolicy, request)
            assert refused.value.metadata == {"field": field}
