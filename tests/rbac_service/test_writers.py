"""Several processes write to one store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from deskhold.api.rbac.v1.access_pb2 import DECISION_ALLOW
from tests.rbac_service.chain import first_broken
from tests.rbac_service.requests import check, grant, user
from tests.rbac_service.running import OWNER, Caller, Deployment, Process

READ = "deskhold.resources/hosts/read"


def test_revisions_have_no_gaps_when_several_processes_write(
    deployment: Deployment,
    rbac: Process,
    second_process: Process,
    tenant_group: str,
    someone: Callable[[], str],
) -> None:
    owners = [process.signed_in(OWNER) for process in (rbac, second_process)] * 30
    people = [someone() for _ in owners]
    before = deployment.revision

    def write(owner: Caller, name: str) -> str:
        return str(owner(grant(user(name), "RDS Reader", tenant_group)).etag)

    with ThreadPoolExecutor(8) as writers:
        etags = list(writers.map(write, owners, people))

    log = deployment.log()
    assert first_broken(log) is None
    assert [entry["revision"] for entry in log] == list(range(1, before + len(people) + 1))
    assert deployment.revision == before + len(people)
    assert sorted(etags) == sorted(f"r{before + 1 + n}" for n in range(len(people)))


def test_of_the_same_grant_through_several_processes_one_is_made(
    deployment: Deployment,
    rbac: Process,
    second_process: Process,
    tenant_group: str,
    someone: Callable[[], str],
) -> None:
    owners = [process.signed_in(OWNER) for process in (rbac, second_process)] * 4
    who = user(someone())
    before = deployment.revision

    with ThreadPoolExecutor(8) as writers:
        made = list(
            writers.map(lambda owner: owner(grant(who, "RDS Reader", tenant_group)), owners)
        )

    assert all(one == made[0] for one in made)
    assert deployment.revision == before + 1


def test_the_whole_log_of_every_test_so_far_is_unbroken(deployment: Deployment) -> None:
    assert first_broken(deployment.log()) is None


def test_a_process_that_starts_later_knows_everything_from_its_first_answer(
    deployment: Deployment, owner: Caller, tenant_group: str, someone: Callable[[], str]
) -> None:
    name = someone()
    owner(grant(user(name), "RDS Reader", tenant_group))

    late = deployment.start()

    answer = late.signed_in(name)(check(READ, tenant_group))
    assert answer.decision == DECISION_ALLOW
    assert answer.revision == deployment.revision
