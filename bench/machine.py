"""The conditions of a run."""

from __future__ import annotations

import os
import platform
import sqlite3
import ssl
import sysconfig
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

_PACKAGES = (
    "grpcio",
    "protobuf",
    "uvloop",
    "sqlalchemy",
    "protovalidate",
    "pyjwt",
    "cryptography",
    "structlog",
    "orjson",
)
_SYNCS = 200
_BLOCK = bytes(4096)


def conditions(directory: Path) -> dict[str, str]:
    """Return what the numbers depend on.

    Args:
        directory: On the disk that the databases are on.
    """
    with_pgo = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return {
        "cores": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}, {_processor()}",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "system": platform.platform(),
        "python": f"{platform.python_version()} {'with' if with_pgo else 'without'} PGO",
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "sqlite": f"{sqlite3.sqlite_version}; {ssl.OPENSSL_VERSION} (not gRPC's)",
        "fdatasync": f"{_fdatasync_us(directory):.0f} us, median of {_SYNCS}",
    }


def _fdatasync_us(directory: Path) -> float:
    path = directory / "fdatasync"
    seconds = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(_BLOCK)
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - begin)
    path.unlink()
    return median(seconds) * 1e6


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
