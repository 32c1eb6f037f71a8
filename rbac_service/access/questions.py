"""Questions read from requests that nobody has validated; what was found good is remembered.

A screen asks about the same people at the same places whenever it is opened, so a question about
others is remembered as a whole. One that is new is read part by part: the rules in the proto are
about one field each, so it keeps them when its parts do, and the same actions, scopes and people
come again and again in new combinations. A question with anything wrong in it is validated as a
whole, for the words.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from deskhold import names
from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1 import principals_pb2
from deskhold.chassis import validation
from deskhold.chassis.calls import Caller
from deskhold.errors import InvalidArgument
from deskhold.names import DEPLOYMENT_SCOPE
from rbac_service.access.rules import Question
from rbac_service.messages import Messages

# Good ones, for the parts of a request that are not looked at.
_SOME_ACTION: Final = "some/action"
# Bounded, since callers choose. A question is long because of the groups that a token names.
_REMEMBER_QUESTIONS: Final = 32_768
_REMEMBER_BYTES: Final = 1024
_REMEMBER_TEXTS: Final = 65_536
_REMEMBER_PRINCIPALS: Final = 8_192
_REMEMBER_CONSISTENCIES: Final = 1024  # nearly all say one of two things


class Questions:
    """Reads questions.

    Args:
        messages: Knows under which keys somebody may hold roles.
    """

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._keys = lru_cache(_REMEMBER_PRINCIPALS)(self._good_keys)
        self._about_others = lru_cache(_REMEMBER_QUESTIONS)(self._good_question)

    def read(self, check: pb.CheckAccessRequest, caller: Caller) -> Question:
        """Return the question of a request that nobody has validated.

        Raises:
            InvalidArgument: It breaks a rule of the proto, or names what cannot be.
        """
        try:
            if check.HasField("principal"):
                serialized = check.SerializeToString()
                is_short = len(serialized) <= _REMEMBER_BYTES
                return (self._about_others if is_short else self._good_question)(serialized)
            if check.group_ids:  # they are the token's that count, but they have to be in order
                validation.check(check)
            return _question(check, self._messages.caller_keys(caller))
        except InvalidArgument:
            validation.check(check)  # names everything that is wrong, not only the first part
            raise

    def _good_question(self, serialized: bytes) -> Question:
        check = pb.CheckAccessRequest.FromString(serialized)
        who = check.principal
        keys = self._keys(who.kind, who.id, who.directory, tuple(check.group_ids))
        return _question(check, keys)

    def _good_keys(
        self,
        kind: principals_pb2.PrincipalKind.ValueType,
        principal_id: str,
        directory: str,
        group_ids: tuple[str, ...],
    ) -> tuple[str, ...]:
        who = principals_pb2.Principal(kind=kind, id=principal_id, directory=directory)
        part = pb.CheckAccessRequest(
            principal=who, group_ids=group_ids, action=_SOME_ACTION, scope=DEPLOYMENT_SCOPE
        )
        validation.check(part)
        return self._messages.keys_of(who, group_ids)


def _question(check: pb.CheckAccessRequest, keys: tuple[str, ...]) -> Question:
    if check.HasField("consistency"):
        _check_consistency(check.consistency.SerializeToString())
    return Question(keys, _good_action(check.action), _good_scope(check.scope))


@lru_cache(_REMEMBER_TEXTS)
def _good_action(action: str) -> str:
    validation.check(pb.CheckAccessRequest(action=action, scope=DEPLOYMENT_SCOPE))
    return action


@lru_cache(_REMEMBER_TEXTS)
def _good_scope(scope: str) -> str:
    validation.check(pb.CheckAccessRequest(action=_SOME_ACTION, scope=scope))
    names.parse_scope(scope)
    return scope


@lru_cache(_REMEMBER_CONSISTENCIES)
def _check_consistency(serialized: bytes) -> None:
    consistency = pb.Consistency.FromString(serialized)
    validation.check(
        pb.CheckAccessRequest(consistency=consistency, action=_SOME_ACTION, scope=DEPLOYMENT_SCOPE)
    )
