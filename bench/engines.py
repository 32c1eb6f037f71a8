"""The same questions, answered by two libraries: pycasbin and cedarpy.

pycasbin has its "RBAC with domains": a policy line for each catalogued action that a role allows,
compared as text, and a grouping line for each role assignment with its scope as the domain. It
knows neither groups in tokens nor scopes above scopes, so that a question is a call for each
subject at each place, until one says yes, as in the study. cedarpy gets a policy for each
assignment that allows the action.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import casbin
import cedarpy

from bench.policies import ACTION, ALLOWING, Grant
from deskhold.names import ancestors
from rbac_service.access.rules import Question
from rbac_service.roles.builtin import BUILT_IN_ROLES
from rbac_service.roles.catalogue import ACTIONS

Answer = Callable[[Question], bool]

_MODEL = """
[request_definition]
r = sub, dom, act
[policy_definition]
p = sub, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.act == p.act
"""


def pycasbin(grants: Sequence[Grant]) -> Answer:
    """Return how pycasbin answers."""
    model = casbin.Model()
    model.load_model_from_text(_MODEL)
    enforcer = casbin.Enforcer(model)
    held = {role_id for _, _, role_id in grants}
    enforcer.add_policies(
        [
            [role.id, action.name]
            for role in BUILT_IN_ROLES
            for action in ACTIONS
            if role.id in held and role.allows(action.name)
        ]
    )
    enforcer.add_grouping_policies([[key, role, scope] for key, scope, role in grants])

    def answer(question: Question) -> bool:
        return any(
            enforcer.enforce(subject, place, ACTION)
            for place in ancestors(question.scope)
            for subject in question.principal_keys
        )

    return answer


def cedar(grants: Sequence[Grant]) -> Answer:
    """Return how cedarpy answers."""
    policies = "\n".join(
        f'permit(principal in Holder::"{key}", action, resource in Scope::"{scope}");'
        for key, scope, role in grants
        if role in ALLOWING
    )

    def answer(question: Question) -> bool:
        user, *groups = question.principal_keys
        path = ancestors(question.scope)
        entities = [
            _entity("Holder", user, groups),
            *(
                _entity("Scope", scope, [above] if above else [])
                for scope, above in zip(path, (*path[1:], None), strict=True)
            ),
        ]
        request = {
            "principal": f'Holder::"{user}"',
            "action": 'Action::"write"',
            "resource": f'Scope::"{question.scope}"',
            "context": {},
        }
        return bool(cedarpy.is_authorized(request, policies, entities).allowed)

    return answer


def _entity(kind: str, name: str, parents: Sequence[str]) -> dict[str, object]:
    return {
        "uid": {"type": kind, "id": name},
        "attrs": {},
        "parents": [{"type": kind, "id": parent} for parent in parents],
    }
