"""Commands, shortly."""

from __future__ import annotations

import uuid

from broker_service.sessions.reported import Command, CommandKind
from deskhold.names import parse
from tests.broker_service.stores import Store


async def tell(
    store: Store, name: str, kind: CommandKind = CommandKind.LOG_OFF, *, now_us: int = 2_000
) -> Command:
    told: Command = await store.commands.command(
        parse(name),
        kind,
        command_id=str(uuid.uuid4()),
        author="user:admin@contoso.com",
        now_us=now_us,
        commit=store.commit,
        title="Tonight",
        body="We update at ten.",
    )
    return told
