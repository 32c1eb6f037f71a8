"""How a question is decided: Azure RBAC's rules, as a pure function of a snapshot."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from deskhold.names import ancestors
from rbac_service.access.snapshot import FOREVER_US, Snapshot


class Question(NamedTuple):
    """What is asked. A named tuple: a batch makes many, and each is taken apart once.

    Attributes:
        principal_keys: The principal, then the groups its token names, as keys.
        action: What they want to do; no wildcards, any case.
        scope: Where; well-formed, it need not be registered.
    """

    principal_keys: tuple[str, ...]
    action: str
    scope: str


class Decision(NamedTuple):
    """An answer. A named tuple: making a frozen dataclass would cost as much as deciding.

    Attributes:
        allowed: Whether a role assignment allows the action.
        epoch: The history that the revision is of.
        revision: The policy revision it was given on.
        assignment_id: The role assignment that decided; empty on a denial.
        assignment_scope: Where that one is; empty on a denial.
        holder_key: The principal or group that holds it; empty on a denial.
        valid_until_us: When the passing of time alone can change the answer; None: never.
    """

    allowed: bool
    epoch: str
    revision: int
    assignment_id: str = ""
    assignment_scope: str = ""
    holder_key: str = ""
    valid_until_us: int | None = None

    @property
    def role_assignment(self) -> str:
        """The resource name of the role assignment that decided; empty on a denial."""
        if not self.allowed:
            return ""
        return f"{self.assignment_scope}/roleAssignments/{self.assignment_id}".lstrip("/")


# What a named tuple's own constructor calls; that one is written in Python, which would take a
# fifteenth of the time of a decision.
_made: partial[Decision] = partial(tuple.__new__, Decision)


def decide(snapshot: Snapshot, question: Question, now_us: int) -> Decision:
    """Decide one question.

    Everything is additive: one assignment, of the principal or of a group it is in, at the scope or
    above it, that counts now and whose role allows the action, is enough. The first one found is
    named: permanent ones before timed ones, the nearest scope first, the principal's own before
    its groups'.
    """
    keys, action, scope = question
    catalogue = snapshot.catalogue
    allowing = catalogue.allowing(action)
    if not allowing:
        return Decision(False, snapshot.epoch, snapshot.revision)
    bits = catalogue.bits
    keys = snapshot.closure(keys)
    path = ancestors(scope)
    held = snapshot.held.present(keys)
    for place in path if held else ():
        for key, by_scope in held:
            if place not in by_scope:  # nearly always, so the cheapest way to ask comes first
                continue
            own = by_scope[place]
            for index in range(0, len(own), 2):
                if bits.get(own[index], 0) & allowing:
                    by = own[index + 1]
                    return _made((True, snapshot.epoch, snapshot.revision, by, place, key, None))
    if snapshot.timed.is_empty:
        return _made((False, snapshot.epoch, snapshot.revision, "", "", "", None))
    return _decide_timed(snapshot, keys, allowing, path, now_us)


def _decide_timed(
    snapshot: Snapshot, keys: tuple[str, ...], allowing: int, path: tuple[str, ...], now_us: int
) -> Decision:
    begins: int | None = None
    for key, timed in snapshot.timed.present(keys):
        for one in timed:
            if one.scope not in path or not snapshot.catalogue.bit(one.role_id) & allowing:
                continue
            if one.start_us <= now_us < one.expire_us:
                until = None if one.expire_us == FOREVER_US else one.expire_us
                return Decision(
                    True,
                    snapshot.epoch,
                    snapshot.revision,
                    one.assignment_id,
                    one.scope,
                    key,
                    until,
                )
            if now_us < one.start_us < one.expire_us:
                begins = one.start_us if begins is None else min(begins, one.start_us)
    return Decision(False, snapshot.epoch, snapshot.revision, valid_until_us=begins)
