"""No value in any field of any RPC is a defect: it is refused for what it is, or it is taken.

Both services are real processes; the requests are made from their descriptors.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from itertools import islice
from types import ModuleType
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from deskhold.api.broker import v1 as broker_api
from deskhold.api.rbac import v1 as rbac_api
from deskhold.channel import Endpoint, call_metadata, open_async
from tests import hostile
from tests.broker_service.pair import OWNER, Eng, Pair

DEFECTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
AT_ONCE = 32


def plausible(eng: Eng) -> Callable[[Message], None]:
    """Return what fills requests about a collection."""
    names = {
        "parent": eng.name,
        "scope": f"/{eng.tenant}",
        "collection": eng.name,
        "host_id": "pc-1",
        "user": "alice@contoso.com",
        "role_definition": "RDS Reader",
        "id": "alice@contoso.com",
        "action": "deskhold.resources/hosts/read",
        "display_name": "Lab",
        "destination": eng.name,
    }
    by_service = {"HostService": "/hosts/pc-1", "AppGroupService": "/appGroups/desktop"}

    def fill(message: Message, service: str = "") -> None:
        one: Any = message
        for field in message.DESCRIPTOR.fields:
            if field.is_repeated:
                continue
            if field.name == "validate_only":
                one.validate_only = True
            elif field.name == "request_id":
                one.request_id = str(uuid.uuid4())
            elif field.name == "name":
                one.name = eng.name + by_service.get(service, "")
            elif field.name in names and field.type == field.TYPE_STRING:
                setattr(one, field.name, names[field.name])
            elif _is_own_message(field):
                fill(getattr(one, field.name), service)

    return fill


def _is_own_message(field: Any) -> bool:
    kind = field.message_type
    return (
        kind is not None
        and field.containing_oneof is None
        and kind.full_name.startswith("deskhold")
    )


def all_requests(api: ModuleType, eng: Eng) -> Iterator[hostile.Hostile]:
    for service in hostile.services_of(api):
        for method in service.methods:
            yield from hostile.requests(method, plausible(eng))


async def code_of(
    channel: grpc.aio.Channel, one: hostile.Hostile, metadata: Any
) -> grpc.StatusCode:
    if one.streams:
        stream: Any = channel.unary_stream(one.path)
        watching = stream(one.body, metadata=metadata, timeout=0.2)
        while await watching.read() is not grpc.aio.EOF:
            pass
        return await watching.code()  # type: ignore[no-any-return]
    method: Any = channel.unary_unary(one.path)
    call = method(one.body, metadata=metadata, timeout=30)
    return await call.code()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("service", "api"), [("BROKER", broker_api), ("RBAC", rbac_api)], ids=["broker", "rbac"]
)
async def test_no_value_in_any_field_of_any_rpc_is_a_defect(
    pair: Pair, eng: Eng, service: str, api: ModuleType
) -> None:
    endpoint = Endpoint(
        pair.settings[f"DESKHOLD_{service}_ADDRESS"], pair.home.ca_file, token=pair.token(OWNER)
    )
    waiting = all_requests(api, eng)
    defects: list[str] = []
    codes: set[grpc.StatusCode] = set()

    async def send_in_turn(channel: grpc.aio.Channel) -> None:
        for one in waiting:
            try:
                code = await code_of(channel, one, call_metadata(endpoint, ""))
            except grpc.aio.AioRpcError as error:
                code = error.code()
            codes.add(code)
            if code in DEFECTS:
                defects.append(f"{code.name} {one.path} {one.where}")

    async with open_async(endpoint) as channel:
        await asyncio.gather(*(send_in_turn(channel) for _ in range(AT_ONCE)))

    assert list(islice(defects, 40)) == []
    assert {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT} <= codes
