"""The broker is killed in the middle of each kind of mutation, and started again."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import pkgutil
import random
import uuid
from collections.abc import Collection, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor_pb2 import MethodOptions

from deskhold import errors
from deskhold.api.broker import v1
from deskhold.api.broker.v1.agents_pb2 import HostReport, ReportedSession
from deskhold.api.broker.v1.app_groups_pb2 import Application
from deskhold.api.broker.v1.sessions_pb2 import SESSION_STATE_ACTIVE
from deskhold.client import AsyncClient
from deskhold.client.broker import agents, app_groups, assignments, collections
from deskhold.client.calls import Call
from deskhold.client.rbac import scopes
from tests.broker_service.calls import BOB, EVERYTHING, MUTATIONS, READS, TOMORROW
from tests.broker_service.pair import Eng
from tests.faults.load import Load, surely
from tests.faults.trial import Trial

# Under way at once, at the least: of few, a half would be over before the signal arrives.
_MUTATIONS = 100
_BUILDS = {**EVERYTHING, "RepairScopes": READS["RepairScopes"]}
# They have no request id; what they do shows in the answer of the next one.
_UNNUMBERED = {"Connect", "ReportHosts", "RepairScopes"}
_numbers = itertools.count(1)


@dataclass
class Mutation:
    """One mutation in a place of its own.

    Attributes:
        kind: Its RPC.
        call: It, with its request id.
        answer: What the first attempt was answered; None when it was not.
    """

    kind: str
    call: Call[Any]
    answer: Any = None


def _declared() -> Iterator[str]:
    """Yield the name of every RPC of the broker that changes something."""
    for module in pkgutil.iter_modules(v1.__path__, f"{v1.__name__}."):
        if not module.name.endswith("_pb2"):
            continue
        file = importlib.import_module(module.name).DESCRIPTOR
        for service in file.services_by_name.values():
            for method in service.methods:
                if method.GetOptions().idempotency_level != MethodOptions.NO_SIDE_EFFECTS:
                    yield method.name


def test_every_mutating_rpc_of_the_broker_is_among_those_that_are_killed() -> None:
    # Watch only reads; as a stream without an end it is not declared as one that may be repeated.
    assert {kind.partition(" ")[0] for kind in _BUILDS} == set(_declared()) - {"Watch"}


async def test_the_broker_is_killed_in_the_middle_of_each_kind_of_mutation(trial: Trial) -> None:
    interrupted: set[str] = set()
    acknowledged: set[str] = set()
    async with trial.of("broker killed -9 in each mutation") as load:
        while left := _BUILDS.keys() - (interrupted & acknowledged):
            await load.answers()
            # Those of the round before may still wait to connect again.
            async with AsyncExitStack() as stack:
                owners = [await stack.enter_async_context(trial.pair.client()) for _ in range(4)]
                mutations = await _prepare(owners, left)
                await _begin_all(trial, load, owners, mutations)
                await trial.start("broker")
                await asyncio.gather(*(_repeat(load, owners[0], one) for one in mutations))
            interrupted |= {one.kind for one in mutations if one.answer is None}
            acknowledged |= {one.kind for one in mutations if one.answer is not None}


async def _begin_all(
    trial: Trial, load: Load, owners: list[AsyncClient], mutations: list[Mutation]
) -> None:
    """Begin all at once; kill the broker when a half is acknowledged."""
    killing: list[asyncio.Task[None]] = []

    async def begin(owner: AsyncClient, mutation: Mutation) -> None:
        try:
            mutation.answer = await owner.send(mutation.call)
        except errors.Unavailable:
            return
        load.record.acknowledged += 1
        answered = sum(one.answer is not None for one in mutations)
        if answered >= len(mutations) // 2 and not killing:
            killing.append(asyncio.create_task(trial.kill("broker")))

    await asyncio.gather(*map(begin, itertools.cycle(owners), mutations))
    await killing[0]


async def _repeat(load: Load, owner: AsyncClient, mutation: Mutation) -> None:
    """Repeat a mutation as it was: it is answered as before, or else is done now."""
    while True:
        try:
            again = await owner.send(mutation.call)
            break
        except (errors.Unavailable, errors.DeadlineExceeded):
            await asyncio.sleep(0.2)  # the broker connects to rbac first
        except errors.FailedPrecondition as error:
            # What a killed broker was creating or deleting keeps its name for five minutes.
            if error.reason != "NAME_IN_TRANSITION" or mutation.answer is not None:
                raise
            return
    if mutation.answer is None or mutation.kind in _UNNUMBERED - {"Connect"}:
        return
    is_same = (
        again.host == mutation.answer.host
        if mutation.kind == "Connect"
        else again == mutation.answer
    )
    if not is_same:
        load.record.lost.append(f"{mutation.kind} was answered {mutation.answer}, then {again}")


async def _prepare(owners: list[AsyncClient], left: Collection[str]) -> list[Mutation]:
    kinds = list(left) * max(_MUTATIONS // len(left), 4)
    engs = await asyncio.gather(*map(_prepare_one, itertools.cycle(owners), kinds))
    mutations = [
        Mutation(
            kind,
            _BUILDS[kind](eng, **({"request_id": str(uuid.uuid4())} if kind in MUTATIONS else {})),
        )
        for kind, eng in zip(kinds, engs, strict=True)
    ]
    random.shuffle(mutations)
    return mutations


async def _prepare_one(owner: AsyncClient, kind: str) -> Eng:
    """Make a tenant of its own in which a mutation of this kind changes something."""
    tenant = f"tenantGroups/default/tenants/mutated-{next(_numbers)}"
    parent = scopes.create_scope(f"/{tenant}")
    made = collections.create_collection(
        tenant,
        "eng",
        type="personal",
        auto_assign_user=True,
        release_policy="quarantine" if kind == "ConfirmRelease" else None,
        host_ids=["pc-1", "pc-2", "pc-3"],
    )
    eng = Eng(tenant, f"{tenant}/collections/eng")
    calls: list[Call[Any]] = [parent, made, *_needs(kind, eng)]
    for call in calls:
        await surely(owner, call)
    return eng


def _needs(kind: str, eng: Eng) -> Iterator[Call[Any]]:
    """Yield what makes the collection fit for a mutation."""
    sap = Application(application_id="sap", file_path=r"C:\sap.exe")
    yield assignments.set_assignment(eng.name, user="alice@contoso.com", host_id="pc-1")
    yield app_groups.create_app_group(eng.name, "erp", type="remote_app", applications=[sap])
    if kind in ("DisconnectSession", "LogOffSession", "SendSessionMessage"):
        visit = ReportedSession(session_id=1, user=BOB, state=SESSION_STATE_ACTIVE)
        report = HostReport(host_id="pc-1", boot_id="b1", sessions=[visit])
        yield agents.report_hosts(eng.name, [report])
    elif kind == "MoveHosts":
        yield collections.create_collection(eng.tenant, "spare", type="personal")
    elif kind == "CancelReservation":
        yield assignments.reserve_host(eng.name, host_id="pc-2", user=BOB, until=TOMORROW)
    elif kind in ("SwapAssignments", "ConfirmRelease"):
        yield assignments.set_assignment(eng.name, user=BOB, host_id="pc-2")
        if kind == "ConfirmRelease":
            yield assignments.remove_assignment(eng.name, host_id="pc-2")
