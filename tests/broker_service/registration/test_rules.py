from __future__ import annotations

import pytest

from broker_service.registration.rules import (
    Mismatch,
    MismatchKind,
    Resources,
    not_registered,
    orphaned,
)

C = "/tenantGroups/g/tenants/t/collections/c"
DESKTOP, OFFICE = f"{C}/appGroups/desktop", f"{C}/appGroups/office"
ALL = {C: "r1", DESKTOP: "r1"}


def resources(*scopes: str, moving: tuple[str, ...] = (), uid: str = "u") -> Resources:
    return Resources(dict.fromkeys(scopes, uid), frozenset(moving))


@pytest.mark.parametrize(
    ("before", "registered", "after", "missing"),
    [
        pytest.param(resources(C, DESKTOP), ALL, resources(C, DESKTOP), [], id="in step"),
        pytest.param(resources(C), {}, resources(C), [C], id="missing"),
        pytest.param(resources(C, DESKTOP), {C: "r1"}, resources(C, DESKTOP), [DESKTOP], id="part"),
        pytest.param(resources(), {}, resources(C), [], id="made meanwhile"),
        pytest.param(resources(C), {}, resources(), [], id="deleted meanwhile"),
        pytest.param(resources(C), {}, resources(C, uid="v"), [], id="deleted and made meanwhile"),
        pytest.param(resources(C, moving=(C,)), {}, resources(C), [], id="moving before"),
        pytest.param(resources(C), {}, resources(C, moving=(C,)), [], id="moving after"),
        pytest.param(
            resources(DESKTOP), {}, resources(DESKTOP, moving=(C,)), [], id="moving above"
        ),
        pytest.param(resources(C), {}, resources(C, moving=(DESKTOP,)), [C], id="moving below"),
        pytest.param(
            resources(DESKTOP), {}, resources(DESKTOP, moving=(OFFICE,)), [DESKTOP], id="beside"
        ),
    ],
)
def test_what_was_there_all_the_time_without_a_scope_is_not_registered(
    before: Resources, registered: dict[str, str], after: Resources, missing: list[str]
) -> None:
    found = not_registered(before, registered, after)

    assert found == [Mismatch(scope, MismatchKind.NOT_REGISTERED) for scope in missing]


@pytest.mark.parametrize(
    ("registered", "between", "after", "orphans"),
    [
        pytest.param(ALL, resources(C, DESKTOP), ALL, [], id="in step"),
        pytest.param(ALL, resources(C), ALL, [DESKTOP], id="orphan"),
        pytest.param(ALL, resources(), ALL, [C, DESKTOP], id="orphans"),
        pytest.param(ALL, resources(), {}, [], id="removed meanwhile"),
        pytest.param({}, resources(), ALL, [], id="registered meanwhile"),
        pytest.param({C: "r1"}, resources(), {C: "r2"}, [], id="removed and registered meanwhile"),
        pytest.param(ALL, resources(moving=(C,)), ALL, [], id="comes or goes"),
        pytest.param({C: "r1"}, resources(moving=(DESKTOP,)), {C: "r1"}, [C], id="moving below"),
    ],
)
def test_what_was_registered_all_the_time_for_nothing_is_orphaned(
    registered: dict[str, str], between: Resources, after: dict[str, str], orphans: list[str]
) -> None:
    found = orphaned(registered, between, after)

    assert found == [Mismatch(scope, MismatchKind.ORPHANED) for scope in orphans]
