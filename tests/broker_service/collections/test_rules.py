from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broker_service.collections.rules import (
    Collection,
    CollectionType,
    Draft,
    LoadBalancing,
    ReleasePolicy,
)
from deskhold.errors import FailedPrecondition, InvalidArgument

AUTO, ADMIN, MANY = (
    "auto_assign_user",
    "grant_administrative_privilege",
    "max_desktops_per_user",
)


def draft(type: CollectionType, *flags: str, desktops: int = 0) -> Draft:
    return Draft(
        display_name="",
        description="",
        type=type,
        auto_assign_user=AUTO in flags,
        grant_administrative_privilege=ADMIN in flags,
        max_desktops_per_user=3 if MANY in flags else desktops,
    )


def collection(of: Draft) -> Collection:
    return Collection(1, "tenantGroups/g/tenants/t/collections/c", "0123456789", of, 1, 1)


@pytest.mark.parametrize(
    "flags", [(), (AUTO,), (ADMIN,), (MANY,), (AUTO, ADMIN), (AUTO, ADMIN, MANY)]
)
def test_a_personal_collection_may_have_any_flags(flags: tuple[str, ...]) -> None:
    draft(CollectionType.PERSONAL, *flags).checked()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ((AUTO,), AUTO),
        ((ADMIN,), ADMIN),
        ((MANY,), MANY),
        ((AUTO, ADMIN), AUTO),
        ((ADMIN, MANY), ADMIN),
        ((AUTO, ADMIN, MANY), AUTO),
    ],
)
def test_a_pooled_collection_has_no_flag_of_personal_ones(
    flags: tuple[str, ...], named: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        draft(CollectionType.POOLED, *flags).checked()

    assert caught.value.reason == "FIELD_VIOLATION"
    assert caught.value.metadata == {"field": f"collection.{named}"}
    assert [one.field for one in caught.value.violations] == [f"collection.{named}"]


@pytest.mark.parametrize("desktops", [0, 1])
def test_one_desktop_per_user_may_be_said_of_a_pooled_collection(desktops: int) -> None:
    draft(CollectionType.POOLED, desktops=desktops).checked()


@pytest.mark.parametrize(("said", "meant"), [(0, 1), (1, 1), (16, 16)])
def test_no_number_of_desktops_means_one(said: int, meant: int) -> None:
    made = collection(draft(CollectionType.PERSONAL, desktops=said))

    assert made.max_desktops_per_user == meant


def test_a_pooled_collection_is_not_a_personal_one() -> None:
    collection(draft(CollectionType.PERSONAL)).require_personal()

    with pytest.raises(FailedPrecondition, match="only hosts of personal") as caught:
        collection(draft(CollectionType.POOLED)).require_personal()

    assert caught.value.reason == "COLLECTION_NOT_PERSONAL"


@pytest.mark.parametrize(
    ("type", "setting"),
    [
        (CollectionType.PERSONAL, {"load_balancing": LoadBalancing.BREADTH_FIRST}),
        (CollectionType.PERSONAL, {"max_sessions_per_host": 1}),
        (CollectionType.POOLED, {"release_policy": ReleasePolicy.FREE}),
    ],
)
def test_a_setting_goes_with_one_type_only(type: CollectionType, setting: dict[str, Any]) -> None:
    other = (set(CollectionType) - {type}).pop()
    replace(draft(other), **setting).checked()

    with pytest.raises(InvalidArgument, match="is only for") as caught:
        replace(draft(type), **setting).checked()

    assert caught.value.metadata == {"field": f"collection.{next(iter(setting))}"}


def test_what_is_not_said_is_settled_by_the_type() -> None:
    personal, pooled = (draft(type).settled for type in CollectionType)

    assert (personal.release_policy, personal.load_balancing) == (ReleasePolicy.FREE, None)
    assert (pooled.release_policy, pooled.load_balancing) == (None, LoadBalancing.BREADTH_FIRST)
    assert personal.max_desktops_per_user == pooled.max_desktops_per_user == 1
    for one in (personal, pooled):
        one.checked()
        assert one.settled == one
