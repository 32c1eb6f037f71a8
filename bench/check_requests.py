"""Questions on the wire, ready to go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from itertools import cycle, islice, repeat

from bench import echo, policies
from bench.authority import Authority
from bench.generator import Prepared, Source
from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.api.rbac.v1.principals_pb2 import PRINCIPAL_KIND_USER, Principal
from deskhold.embedded.paths import Home
from rbac_service.access.rules import Question

_CHECK = "/deskhold.api.rbac.v1.AccessService/CheckAccess"
_BATCH = "/deskhold.api.rbac.v1.AccessService/BatchCheckAccess"
_READ = "deskhold.resources/hosts/read"
BATCH_SIZE = 50
_QUESTIONS = 20_000
_MAX_RATE = 10_000  # one hop answers more than a pair


class Kind(Enum):
    """What is measured; the value is how the table calls it."""

    ECHO = "one-hop echo"
    CHECK = "check"
    CHECK_LARGE = "check at 1,000,000"
    READ_FROM_MEMORY = "read, minimize_latency"
    BATCH = f"batch of {BATCH_SIZE}"


def sources(*, echo_address: str, small: Authority, large: Authority | None) -> dict[Kind, Source]:
    """Return what is sent of each kind; without a large authority, nothing to it."""
    sent = {
        Kind.ECHO: _source(echo_address, echo.METHOD, _echoes),
        Kind.CHECK: _source(small.address, _CHECK, partial(_checks, small.size), _decisions),
        Kind.READ_FROM_MEMORY: _source(
            small.address, _CHECK, partial(_reads, small.size), _decisions
        ),
        Kind.BATCH: _source(small.address, _BATCH, partial(_batches, small.size), _batch_decisions),
    }
    if large is not None:
        sent[Kind.CHECK_LARGE] = _source(
            large.address, _CHECK, partial(_checks, large.size), _decisions
        )
    return sent


def _source(
    address: str,
    method: str,
    requests: Callable[[Home], Iterator[Prepared]],
    read: Callable[[list[bytes]], list[str]] | None = None,
) -> Source:
    return Source(address, method, requests, read, is_service=True, max_rate=_MAX_RATE)


def _echoes(_: Home) -> Iterator[Prepared]:
    return repeat((echo.message(), None))


def _checks(size: int, _: Home) -> Iterator[Prepared]:
    """What guards a change: fully consistent, and every decision is recorded."""
    questions = [_message(one) for one in policies.questions(size, _QUESTIONS)]
    return cycle([(one.SerializeToString(), None) for one in questions])


def _reads(size: int, _: Home) -> Iterator[Prepared]:
    """What lists and screens ask: from memory; recorded are the denials and a sample."""
    questions = [_message(one) for one in policies.questions(size, _QUESTIONS)]
    for one in questions:
        one.action = _READ
        one.consistency.minimize_latency = True
    return cycle([(one.SerializeToString(), None) for one in questions])


def _batches(size: int, _: Home) -> Iterator[Prepared]:
    questions = iter([_message(one) for one in policies.questions(size, _QUESTIONS)])
    batches = []
    while checks := list(islice(questions, BATCH_SIZE)):
        batches.append((pb.BatchCheckAccessRequest(checks=checks).SerializeToString(), None))
    return cycle(batches)


def _message(question: Question) -> pb.CheckAccessRequest:
    user, *groups = (key.partition(":")[2] for key in question.principal_keys)
    return pb.CheckAccessRequest(
        principal=Principal(kind=PRINCIPAL_KIND_USER, id=user),
        group_ids=groups,
        action=question.action,
        scope=question.scope,
    )


def _decisions(answers: list[bytes]) -> list[str]:
    return [_name(pb.CheckAccessResponse.FromString(answer)) for answer in answers]


def _batch_decisions(answers: list[bytes]) -> list[str]:
    batches = map(pb.BatchCheckAccessResponse.FromString, answers)
    return [_name(result.answer) for batch in batches for result in batch.results]


def _name(answer: pb.CheckAccessResponse) -> str:
    return pb.Decision.Name(answer.decision)
