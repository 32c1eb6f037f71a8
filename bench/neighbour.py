"""The large work of another tenant, in a process of its own.

    NEIGHBOUR_TOKEN=... python -m bench.neighbour ADDRESS CA_FILE TENANT ROWS ROUNDS

Each round adds hosts to a new collection, imports as many assignments, exports them, lists their
history and deletes the collection. A line on stdout says what was done and how long it took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deskhold.channel import Endpoint
from deskhold.client import Client

_HOSTS_PER_CALL = 10_000
_TIMEOUT_SECONDS = 600.0
_TOKEN = "NEIGHBOUR_TOKEN"


def start(endpoint: Endpoint, tenant: str, *, rows: int, rounds: int) -> subprocess.Popen[str]:
    """Start the process; its stdout is a pipe.

    Args:
        endpoint: The broker, and who asks.
        tenant: The tenant's name.
        rows: How many hosts and assignments each collection has.
        rounds: How many collections, one after the other.
    """
    words = [endpoint.address, str(endpoint.ca_file), tenant, str(rows), str(rounds)]
    assert isinstance(endpoint.token, str)
    return subprocess.Popen(
        [sys.executable, "-m", "bench.neighbour", *words],
        env={**os.environ, _TOKEN: endpoint.token},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )


def main() -> None:
    """Do the work that the command line says."""
    address, ca_file, tenant, rows, rounds = sys.argv[1:]
    endpoint = Endpoint(address, Path(ca_file), os.environ[_TOKEN])
    with Client(broker=endpoint, timeout_seconds=_TIMEOUT_SECONDS) as client:
        for number in range(int(rounds)):
            _round(client, tenant, f"large-{os.getpid()}-{number}", int(rows))


def _round(client: Client, tenant: str, collection: str, rows: int) -> None:
    name = f"{tenant}/collections/{collection}"
    hosts = [f"{collection}-{number:06}" for number in range(rows)]
    content = "".join(f"{host},user-of-{host}@contoso.com\n" for host in hosts).encode()

    def add() -> None:
        client.create_collection(tenant, collection, type="personal")
        for first in range(0, rows, _HOSTS_PER_CALL):
            client.add_hosts(name, hosts[first : first + _HOSTS_PER_CALL])

    def read_history() -> None:
        read = sum(1 for _ in client.list_assignment_periods(name))
        if read != rows:
            raise RuntimeError(f"the history has {read} periods instead of {rows}")

    _timed("hosts added", add)
    _timed("imported", lambda: client.import_assignments(name, content))
    _timed("exported", lambda: client.export_assignments(name))
    _timed("history listed", read_history)
    _timed("deleted", lambda: client.delete_collection(name, force=True))


def _timed(what: str, act: Callable[[], object]) -> None:
    begun = time.perf_counter()
    act()
    print(f"{what} in {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
