"""Who may do what, where, and why."""

from __future__ import annotations

from collections.abc import Iterable

from deskhold.api.rbac.v1 import access_pb2
from deskhold.client.calls import PAGE_SIZE, Call, Listing
from deskhold.client.rbac import principals
from deskhold.identities import Principal


def question(
    action: str, scope: str, *, principal: Principal | None = None, group_ids: Iterable[str] = ()
) -> access_pb2.CheckAccessRequest:
    """Return one question, for the methods that take several.

    Args:
        action: `provider/resource/.../verb`, without wildcards.
        scope: Where.
        principal: Who; the caller when not given.
        group_ids: The groups that the principal's own token names.
    """
    return access_pb2.CheckAccessRequest(
        principal=principals.optional(principal), action=action, scope=scope, group_ids=group_ids
    )


def check_access(
    action: str,
    scope: str,
    *,
    principal: Principal | None = None,
    group_ids: Iterable[str] = (),
    at_least_as_fresh: Iterable[str] = (),
    minimize_latency: bool = False,
) -> Call[access_pb2.CheckAccessResponse]:
    """Ask whether the caller, or another principal, may do an action at a scope.

    DENY is an answer, not an error. The answer reflects every change acknowledged before, unless
    the last two arguments ask for less.

    Args:
        action: `provider/resource/.../verb`, without wildcards.
        scope: Where.
        principal: Who; the caller when not given.
        group_ids: The groups that the principal's own token names.
        at_least_as_fresh: Revision tokens of earlier answers; the newest must be reflected.
        minimize_latency: Answer from memory, at most about a second old.

    Raises:
        InvalidArgument: The action or the scope is malformed.
        PermissionDenied: The caller may not ask about others there.
        Unavailable: Nobody can say; never to be read as ALLOW.
    """
    request = question(action, scope, principal=principal, group_ids=group_ids)
    _require(request, at_least_as_fresh, minimize_latency)
    return Call(request, access_pb2.CheckAccessResponse)


def batch_check_access(
    checks: Iterable[access_pb2.CheckAccessRequest],
    *,
    at_least_as_fresh: Iterable[str] = (),
    minimize_latency: bool = False,
    stop_at_first_deny: bool = False,
) -> Call[access_pb2.BatchCheckAccessResponse]:
    """Ask 1-256 questions at once; each result is an answer or an error, in their order.

    All answers are given on one revision. With `stop_at_first_deny` what follows a DENY or an error
    has no outcome. The others as in `check_access`.
    """
    request = access_pb2.BatchCheckAccessRequest(
        checks=checks, stop_at_first_deny=stop_at_first_deny
    )
    _require(request, at_least_as_fresh, minimize_latency)
    return Call(request, access_pb2.BatchCheckAccessResponse)


def explain_access(
    action: str,
    scope: str,
    *,
    principal: Principal | None = None,
    group_ids: Iterable[str] = (),
    at_least_as_fresh: Iterable[str] = (),
) -> Call[access_pb2.ExplainAccessResponse]:
    """Ask as `check_access` does, and why: what grants it, or what comes nearest.

    Raises:
        InvalidArgument: The action or the scope is malformed.
        PermissionDenied: The caller may not ask about others there.
        Unavailable: Nobody can say.
    """
    check = question(action, scope, principal=principal, group_ids=group_ids)
    _require(check, at_least_as_fresh, False)
    return Call(access_pb2.ExplainAccessRequest(check=check), access_pb2.ExplainAccessResponse)


def test_permissions(
    scope: str, actions: Iterable[str]
) -> Call[access_pb2.TestPermissionsResponse]:
    """Return which of 1-256 actions the caller may do at a scope."""
    request = access_pb2.TestPermissionsRequest(scope=scope, actions=actions)
    return Call(request, access_pb2.TestPermissionsResponse)


def list_accessible_scopes(
    action: str,
    *,
    principal: Principal | None = None,
    scope: str = "",
    group_ids: Iterable[str] = (),
    page_size: int = PAGE_SIZE,
) -> Listing[str]:
    """Iterate over the scopes where a principal may do an action, by path.

    Each allows it at everything below, too. With `scope`, only it and what lies below it.

    Raises:
        PermissionDenied: The caller may not ask about others.
        Aborted: Reading took too long, the revision is gone; begin again.
    """
    request = access_pb2.ListAccessibleScopesRequest(
        principal=principals.optional(principal),
        action=action,
        scope=scope,
        group_ids=group_ids,
        page_size=page_size,
    )
    return Listing(Call(request, access_pb2.ListAccessibleScopesResponse), lambda page: page.scopes)


def list_principals_with_access(
    action: str, scope: str, *, page_size: int = PAGE_SIZE
) -> Listing[access_pb2.PrincipalAccess]:
    """Iterate over the principals who may do an action at a scope, groups beside their members.

    Raises:
        PermissionDenied: The caller may not see the role assignments there.
        Aborted: Reading took too long, the revision is gone; begin again.
    """
    request = access_pb2.ListPrincipalsWithAccessRequest(
        action=action, scope=scope, page_size=page_size
    )
    return Listing(
        Call(request, access_pb2.ListPrincipalsWithAccessResponse), lambda page: page.principals
    )


def list_effective_permissions(
    scope: str, *, principal: Principal | None = None, page_size: int = PAGE_SIZE
) -> Listing[access_pb2.EffectivePermissions]:
    """Iterate over who may do what at a scope: a row per principal, or that of one.

    Raises:
        PermissionDenied: The caller may not see the role assignments there.
        Aborted: Reading took too long, the revision is gone; begin again.
    """
    request = access_pb2.ListEffectivePermissionsRequest(
        scope=scope, principal=principals.optional(principal), page_size=page_size
    )
    return Listing(
        Call(request, access_pb2.ListEffectivePermissionsResponse), lambda page: page.rows
    )


def what_if(
    changes: Iterable[access_pb2.HypotheticalChange],
    checks: Iterable[access_pb2.CheckAccessRequest],
) -> Call[access_pb2.WhatIfResponse]:
    """Ask 1-256 questions as if 1-100 changes had been made, beside the answers as things are.

    Raises:
        NotFound: A change names what is not there.
        PermissionDenied: The caller may not ask that, or not see what it would change.
    """
    request = access_pb2.WhatIfRequest(changes=changes, checks=checks)
    return Call(request, access_pb2.WhatIfResponse)


def who_am_i() -> Call[access_pb2.WhoAmIResponse]:
    """Return the caller as the services see it."""
    return Call(access_pb2.WhoAmIRequest(), access_pb2.WhoAmIResponse)


def _require(
    request: access_pb2.CheckAccessRequest | access_pb2.BatchCheckAccessRequest,
    tokens: Iterable[str],
    minimize_latency: bool,
) -> None:
    known = list(tokens)
    if known:
        request.consistency.at_least_as_fresh.tokens.extend(known)
    elif minimize_latency:
        request.consistency.minimize_latency = True
