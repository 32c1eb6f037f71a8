from __future__ import annotations

from dataclasses import replace

import pytest

from broker_service.app_groups.rules import AppGroupDraft, AppGroupType, Application
from deskhold.errors import InvalidArgument

WORD = Application("word", "Word", "C:\\winword.exe", "/q", "")
EXCEL = replace(WORD, application_id="excel")


def refused(draft: AppGroupDraft) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        draft.check()
    assert caught.value.reason == "FIELD_VIOLATION"
    return caught.value


@pytest.mark.parametrize(
    "draft",
    [
        AppGroupDraft(AppGroupType.DESKTOP),
        AppGroupDraft(AppGroupType.REMOTE_APP),
        AppGroupDraft(AppGroupType.REMOTE_APP, applications=(WORD, EXCEL)),
    ],
)
def test_a_desktop_is_bare_and_a_remote_app_group_has_applications(draft: AppGroupDraft) -> None:
    draft.check()


def test_a_desktop_has_no_applications() -> None:
    error = refused(AppGroupDraft(AppGroupType.DESKTOP, applications=(WORD,)))

    assert error.metadata == {"field": "app_group.applications"}
    assert "only for app groups of type REMOTE_APP" in error.message


@pytest.mark.parametrize("again", ["word", "WORD", "Word"])
def test_an_application_id_is_there_once_case_aside(again: str) -> None:
    applications = (WORD, EXCEL, replace(WORD, application_id=again))

    error = refused(AppGroupDraft(AppGroupType.REMOTE_APP, applications=applications))

    assert error.metadata == {"field": "app_group.applications[2].application_id"}
    assert repr(again) in error.message


@pytest.mark.parametrize("character", ["\r", "\n", "\0", "\x85", "\u2028"])
@pytest.mark.parametrize("field", ["display_name", "file_path", "arguments", "icon_path"])
def test_no_text_of_an_application_brings_a_line_of_its_own(field: str, character: str) -> None:
    wrong = replace(EXCEL, **{field: f"x{character}full address:s:evil"})

    error = refused(AppGroupDraft(AppGroupType.REMOTE_APP, applications=(WORD, wrong)))

    assert error.metadata == {"field": f"app_group.applications[1].{field}"}
