"""PolicyService: message in, message out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deskhold import names
from deskhold.api.rbac.v1 import policies_pb2 as pb
from deskhold.api.rbac.v1 import policies_pb2_grpc
from deskhold.chassis.calls import current
from deskhold.chassis.db.idempotency import Mutations
from deskhold.chassis.server import MAX_MESSAGE_BYTES
from deskhold.errors import ResourceExhausted
from rbac_service.messages import Messages
from rbac_service.policies.messages import document_of, outcome_message, policy_message
from rbac_service.policies.rules import Outcome, too_large
from rbac_service.policies.usecases import Policies


class PolicyServicer(policies_pb2_grpc.PolicyServiceServicer):
    """Writes the policy down, and makes it what is written.

    Args:
        policies: The use cases.
        role_name: Tells the display name of a role id.
        messages: Knows who the author of a call is.
        mutations: Runs the transactions.
        clock_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        policies: Policies,
        *,
        role_name: Callable[[str], str],
        messages: Messages,
        mutations: Mutations,
        clock_us: Callable[[], int],
    ) -> None:
        self._policies = policies
        self._role_name = role_name
        self._messages = messages
        self._mutations = mutations
        self._clock_us = clock_us

    async def ExportPolicy(self, request: pb.ExportPolicyRequest, context: Any) -> pb.Policy:
        """Return the policy."""
        scope = request.scope or names.DEPLOYMENT_SCOPE
        message = policy_message(await self._policies.export(scope), self._role_name)
        if message.ByteSize() > MAX_MESSAGE_BYTES:
            raise ResourceExhausted(
                f"the policy at {scope} has {message.ByteSize()} bytes and {MAX_MESSAGE_BYTES} is"
                " the most; export it scope by scope",
                metadata={"limit": str(MAX_MESSAGE_BYTES), "scope": scope},
            )
        return message

    async def ImportPolicy(
        self, request: pb.ImportPolicyRequest, context: Any
    ) -> pb.ImportPolicyResponse:
        """Make the policy."""
        call = current()
        return await self._policies.import_(
            document_of(request.policy),
            scope=request.scope or names.DEPLOYMENT_SCOPE,
            replace=request.replace,
            author=self._messages.author_of(call),
            now_us=self._clock_us(),
            commit=self._mutations.commit(call, request, pb.ImportPolicyResponse, _outcome),
        )


def _outcome(outcome: Outcome) -> pb.ImportPolicyResponse:
    # Judged inside the transaction: an import whose answer cannot be sent is not made.
    message = outcome_message(outcome)
    if message.ByteSize() > MAX_MESSAGE_BYTES:
        raise too_large(f"an answer of {message.ByteSize()} bytes", MAX_MESSAGE_BYTES)
    return message
