"""Between changes that are not made and their messages."""

from __future__ import annotations

from collections.abc import Iterable

from deskhold.api.rbac.v1 import access_pb2 as pb
from rbac_service.access.queries import WhatIf
from rbac_service.access.rules import Decision
from rbac_service.access.whatif import Assign, Hypothesis, Join, Leave, Unassign
from rbac_service.messages import Messages


def hypotheses(changes: Iterable[pb.HypotheticalChange], messages: Messages) -> list[Hypothesis]:
    """Return the changes that messages suppose; their rules were checked before.

    Raises:
        InvalidArgument: A principal's id cannot be one of its kind.
    """
    return [
        _hypothesis(change, messages, field=f"changes[{number}]")
        for number, change in enumerate(changes)
    ]


def response(answers: WhatIf) -> pb.WhatIfResponse:
    """Return the answers as a message."""
    return pb.WhatIfResponse(
        answers=[
            pb.WhatIfAnswer(before=_decision(before), after=_decision(after))
            for before, after in zip(answers.before, answers.after, strict=True)
        ],
        revision=answers.revision,
    )


def _hypothesis(change: pb.HypotheticalChange, messages: Messages, *, field: str) -> Hypothesis:
    if change.HasField("assign"):
        assign = change.assign
        key = messages.key_of(assign.principal, field=f"{field}.assign.principal")
        return Assign(assign.scope, key, assign.role_definition)
    if change.HasField("remove_role_assignment"):
        return Unassign(change.remove_role_assignment)
    if change.HasField("add_member"):
        key = messages.key_of(change.add_member.member, field=f"{field}.add_member.member")
        return Join(_group_id(change.add_member), key)
    key = messages.key_of(change.remove_member.member, field=f"{field}.remove_member.member")
    return Leave(_group_id(change.remove_member), key)


def _group_id(member: pb.HypotheticalMember) -> str:
    return member.group.removeprefix("groups/")


def _decision(decision: Decision) -> pb.Decision.ValueType:
    return pb.DECISION_ALLOW if decision.allowed else pb.DECISION_DENY
