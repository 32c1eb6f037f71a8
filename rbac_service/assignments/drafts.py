"""Role assignments as they are asked for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from deskhold.errors import InvalidArgument
from deskhold.identities import Principal


@dataclass(frozen=True, slots=True)
class DelegationDraft:
    """A delegation as it was asked for: roles by any name, principals as given.

    Attributes:
        roles: Names, ids or display names.
        kinds: Kinds of principal.
        principals: Principals.
        max_duration_us: How long assignments may last; None: any.
    """

    roles: tuple[str, ...]
    kinds: tuple[str, ...]
    principals: tuple[Principal, ...]
    max_duration_us: int | None


@dataclass(frozen=True, slots=True)
class AssignmentDraft:
    """A role assignment to be.

    Attributes:
        scope: Where.
        principal: Who.
        role: Name, id or display name of the role.
        id: A UUID, or empty to derive one.
        start_us: From when it counts; None: at once.
        expire_us: Until when; None: for ever.
        delegation: What the holder may hand out by it; None: what the holder holds.
    """

    scope: str
    principal: Principal
    role: str
    id: str = ""
    start_us: int | None = None
    expire_us: int | None = None
    delegation: DelegationDraft | None = None


def check_window(draft: AssignmentDraft, now_us: int) -> None:
    """Check that an assignment would count at some time to come.

    Raises:
        InvalidArgument: Its window is empty or over.
    """
    if draft.expire_us is None:
        return
    if draft.expire_us <= max(now_us, draft.start_us or 0):
        raise InvalidArgument.of_field(
            "role_assignment.expire_time", "is not after start_time and in the future"
        )
