"""Each parameter that all cmdlets have is run, with one command for all."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.docs.cmdlets import DOCUMENT
from tests.docs.tables import codes, table
from tests.journeys.cmdlets.desk import Desk
from tests.journeys.pair import TENANT

PARAMETERS = [
    one for row in table(DOCUMENT, "All of these").rows for one in codes(row["Parameter"])
]
CALL = "AssignmentService/ListAssignments"


def list_assignments(*words: str, collection: str = "common") -> list[str]:
    return ["assignment", "list", "--collection", collection, *words]


def another_broker_is_asked_and_another_home_leads_to_it(desk: Desk) -> None:
    home, nowhere = str(desk.pair.home.path), str(desk.pair.home.path / "nowhere")

    assert desk.run(list_assignments()).exit_code == 0
    absent = desk.run(list_assignments(), DESKHOLD_BROKER_ADDRESS="localhost:1")
    assert (absent.exit_code, "nobody listens at localhost:1" in absent.stderr) == (5, True)
    assert "NOT_CONFIGURED" in desk.run(list_assignments("--home", nowhere)).stderr
    there = desk.run(list_assignments("--home", home), DESKHOLD_HOME=nowhere)
    assert there.exit_code == 0, there.stderr


def verbose_names_each_call(desk: Desk) -> None:
    assert desk.run(list_assignments()).stderr == ""
    assert f"{CALL} OK" in desk.run(list_assignments("--verbose")).stderr


def debug_shows_each_request_too(desk: Desk) -> None:
    request = f'parent: "{TENANT}/collections/common"'

    assert request not in desk.run(list_assignments("--verbose")).stderr
    assert request in desk.run(list_assignments("--debug")).stderr


def a_failure_has_an_exit_code_of_its_kind(desk: Desk) -> None:
    assert desk.run(list_assignments(collection="absent")).exit_code == 3
    assert desk.run(list_assignments(collection="-")).exit_code == 2


def what_went_wrong_is_on_stderr_alone(desk: Desk) -> None:
    failed = desk.run(list_assignments(collection="absent"))

    assert "reason: COLLECTION_NOT_FOUND" in failed.stderr
    assert failed.stdout == ""


def what_was_asked_for_is_on_stdout_also_for_programs(desk: Desk) -> None:
    (held,) = json.loads(desk.run(list_assignments("-o", "json")).stdout)

    assert held["user"] == "CONTOSO\\alice"
    assert "CONTOSO\\alice" in desk.run(list_assignments()).stdout


CHECKS: dict[str, Callable[[Desk], None]] = {
    "-ConnectionBroker": another_broker_is_asked_and_another_home_leads_to_it,
    "-Verbose": verbose_names_each_call,
    "-Debug": debug_shows_each_request_too,
    "-ErrorAction": a_failure_has_an_exit_code_of_its_kind,
    "-ErrorVariable": what_went_wrong_is_on_stderr_alone,
    "-OutVariable": what_was_asked_for_is_on_stdout_also_for_programs,
    "-OutBuffer": what_was_asked_for_is_on_stdout_also_for_programs,
}


@pytest.fixture(scope="module", autouse=True)
def _one_assignment(desk: Desk) -> None:
    made = desk.client.create_collection(TENANT, "common", type="personal", host_ids=["common-1"])
    desk.client.set_assignment(made.name, user="CONTOSO\\alice", host_id="common-1")


def test_every_common_parameter_of_the_document_has_a_check_and_every_check_a_parameter() -> None:
    assert sorted(CHECKS) == sorted(PARAMETERS)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_common_parameter_does_what_it_says(desk: Desk, parameter: str) -> None:
    CHECKS[parameter](desk)
