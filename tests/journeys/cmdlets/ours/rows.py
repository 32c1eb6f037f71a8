"""The rows of `Without an original` in docs/cmdlets.md: a command, what it calls, what for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from google.protobuf.descriptor import MethodDescriptor

from deskhold.api.broker.v1 import watch_pb2
from tests.docs.cmdlets import DOCUMENT, RPCS
from tests.docs.tables import code, codes, table

# Both services have a WatchService; that of rbac goes without saying.
_OF_THE_BROKER = " of the broker"
_BROKERS_WATCH = watch_pb2.DESCRIPTOR.services_by_name["WatchService"].methods_by_name["Watch"]


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        command: The command, without `deskhold`.
        rpcs: Every RPC that the row names; none when it calls none.
        options: Every option that it names.
    """

    command: str
    rpcs: tuple[MethodDescriptor, ...]
    options: tuple[str, ...]

    def __str__(self) -> str:
        return self.command


def _row(cells: dict[str, str]) -> Row:
    if cells["RPC"].endswith(_OF_THE_BROKER):
        rpcs: tuple[MethodDescriptor, ...] = (_BROKERS_WATCH,)
    else:
        rpcs = tuple(RPCS[name] for name in codes(cells["RPC"]))
    assert rpcs or cells["RPC"] == "none"
    beside = re.findall(r"`(\w+Service\.\w+)`", cells["What for"])
    command = code(cells["Command"]).removeprefix("deskhold ")
    options = re.findall(r"`(--[a-z-]+)`", cells["What for"])
    return Row(command, (*rpcs, *(RPCS[name] for name in beside)), tuple(options))


ROWS = [_row(cells) for cells in table(DOCUMENT, "Without an original").rows]
