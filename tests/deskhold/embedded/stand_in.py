"""Stands in for a service: `stand_in.py HOME NAME ADDRESS BEHAVIOUR`.

`serve` answers health until SIGTERM; `deaf` does too, but ignores SIGTERM; `mute` never listens;
`fail` ends with exit code 3 at once. What it does goes to `HOME/events`, a line each.
"""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main(home: Path, name: str, address: str, behaviour: str) -> None:
    if behaviour == "fail":
        sys.exit(3)
    ending = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    note(home, f"{name} started")
    if behaviour != "mute":
        serve(home, name, address)
    if behaviour == "deaf":
        ending = {signal.SIGUSR1}
        signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    signal.sigwait(ending)
    note(home, f"{name} stopped")
    os._exit(0)


def serve(home: Path, name: str, address: str) -> None:
    key, certificate = (
        (home / "tls" / file).read_bytes() for file in (f"{name}-key.pem", f"{name}.pem")
    )
    server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    globals()["running"] = server  # a server that is collected stops


def note(home: Path, line: str) -> None:
    with (home / "events").open("a") as file:
        file.write(line + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
