"""Ports that belong to one process of the tests until it ends."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import Final

# The kernel gives outgoing connections ports from this range, and servers that ask for port 0.
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST: Final = 10_000
_PORTS_OF_A_SLOT: Final = 4
# A process holds a slot of ports by a lock on one byte of this file. The kernel drops the locks of
# a process that ends.
_LOCKS: Final = Path(tempfile.gettempdir()) / f"deskhold-test-ports-{os.getuid()}"
_ADDRESSES: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class _Slots:
    def __init__(self) -> None:
        self._file = _LOCKS.open("ab")
        self._owner = os.getpid()
        highest = int(_EPHEMERAL.read_text().split()[0]) - _PORTS_OF_A_SLOT
        slots = list(range((highest - _LOWEST) // _PORTS_OF_A_SLOT))
        random.shuffle(slots)
        self._left = iter(slots)

    def take(self) -> int:
        """Return the first port of a slot that no other process holds, and where nobody listens."""
        assert self._owner == os.getpid(), "locks are not inherited; take ports before forking"
        for slot in self._left:
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
            except OSError:
                continue
            first = _LOWEST + slot * _PORTS_OF_A_SLOT
            if all(map(_is_free, range(first, first + _PORTS_OF_A_SLOT))):
                return first
        raise AssertionError("this process has used all ports; see tests/ports.py")


def _is_free(port: int) -> bool:
    for family, address in _ADDRESSES:
        with socket.socket(family) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


_slots = _Slots()


def held_ports() -> int:
    """Return the first of four ports in a row that this process holds until it ends."""
    return _slots.take()
