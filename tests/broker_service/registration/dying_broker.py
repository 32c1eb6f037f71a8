"""A broker that is killed in the middle: STORE_URL ADDRESS CA CERT KEY VERB NAME STEP.

It kills itself with SIGKILL at the step, so that nothing is left of it but what it wrote.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from broker_service.rbac import Authority
from deskhold.channel import Endpoint, open_async
from deskhold.names import Kind, parse
from tests.broker_service.brokers import Broker, Clock
from tests.broker_service.stores import Store

STEPS = {
    "create": ("before register", "after register", "before commit", "after commit"),
    "delete": ("before commit", "after commit", "before unregister", "after unregister"),
}


def dying(step: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that kills the process before or after it, if that is the step."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        if step == f"before {name}":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await function(*args, **kwargs)
        if step == f"after {name}":
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return call


async def main(url: str, endpoint: Endpoint, verb: str, text: str, step: str) -> None:
    name = parse(text, Kind.COLLECTION, Kind.APP_GROUP)
    authority: Any = Authority(open_async(endpoint), structlog.get_logger())
    store: Any = Store(url)
    broker = Broker(store, authority, Clock())
    authority.register = dying(step, "register", authority.register)
    authority.unregister = dying(step, "unregister", authority.unregister)
    store.commit = dying(step, "commit", store.commit)
    is_app_group = name.kind is Kind.APP_GROUP
    if verb == "create":
        await (broker.create_app_group(name) if is_app_group else broker.create(name))
    else:
        await (broker.delete_app_group(name) if is_app_group else broker.delete(name))


if __name__ == "__main__":
    _, url_, address, ca, cert, key, *what = sys.argv
    dialled = Endpoint(address, Path(ca), cert_file=Path(cert), key_file=Path(key))
    asyncio.run(main(url_, dialled, *what))
