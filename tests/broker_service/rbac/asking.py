"""How a call asks: who, what, and how long they wait."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from broker_service.rbac import Authority
from deskhold.api.rbac.v1 import access_pb2 as pb
from deskhold.chassis.access import Need
from deskhold.chassis.calls import Call, Caller, Grant, Method
from deskhold.identities import Principal, PrincipalKind

READ = Need("deskhold.resources/hosts/read", "/tenantGroups/g")
WRITE = Need("deskhold.resources/hosts/write", "/tenantGroups/g")


def caller(name: str, *groups: str) -> Caller:
    user = f"{name}@contoso.com"
    return Caller(Principal(PrincipalKind.USER, user), f"user:{user}", groups)


def call(seconds: float) -> Call:
    nowhere: Any = None
    now = time.monotonic()
    return Call(Method("p.S/M", pb.CheckAccessRequest), nowhere, "r-1", now, now + seconds)


def asking(
    authority: Authority, name: str, *needs: Need, seconds: float = 30.0
) -> asyncio.Task[Grant]:
    """Ask for somebody who waits that long for the answer."""
    asked = authority.authorize(caller(name), needs or (READ,), call(seconds))
    return asyncio.create_task(asked)
