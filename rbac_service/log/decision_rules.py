"""What the decision log keeps of a decision, and which decisions it keeps all of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

# Asking is no mutation, though its action does not end in `read`; each check of a service about
# somebody else would be kept twice.
_ASKING: Final = "deskhold.authorization/checkaccess/action"
# Bounded, since callers choose.
_REMEMBER_ACTIONS: Final = 1024


# A decision on its way into the table: its columns but the id, in the table's order. Ten thousand
# may wait, and plain tuples of texts and numbers are no work for the garbage collector.
RecordedDecision = tuple[str, int, str, str, str, str, bool, int, str]


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision as it is stored.

    Attributes:
        id: Its place in the order of writing, in this store.
        decision_id: Names it.
        time_us: When it was taken.
        caller: Who asked, as a key.
        principal: About whom, as a key.
        action: Which action.
        scope: Where.
        allowed: Whether it was allowed.
        revision: The policy revision it was taken on.
        role_assignment: The role assignment that decided; empty on a denial.
    """

    id: int
    decision_id: str
    time_us: int
    caller: str
    principal: str
    action: str
    scope: str
    allowed: bool
    revision: int
    role_assignment: str


@dataclass(frozen=True, slots=True)
class DecisionFilter:
    """Which decisions a list is to show; what is None does not matter.

    Attributes:
        decision_id: Only this one.
        principal: Only about this one, as a key.
        denied_only: Only denials.
    """

    decision_id: str | None = None
    principal: str | None = None
    denied_only: bool = False


@lru_cache(_REMEMBER_ACTIONS)
def is_mutation(action: str) -> bool:
    """Say whether doing an action changes something: all but reading and asking."""
    folded = action.lower()
    return not folded.endswith("/read") and folded != _ASKING
