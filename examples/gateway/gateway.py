"""A gateway for RDP: clients know its address only, and reach the host that their token leads to.

    python -m examples.gateway.gateway --tenant tenantGroups/default/tenants/default

It promises that a client without a token that the broker accepts reaches nothing, that no host
receives a token, and that no client holds more than its bounds allow. It does not read RDP: TLS and
sign-in are between client and host.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import fields

from deskhold import environment, names
from deskhold.client import AsyncClient
from deskhold.errors import InvalidArgument
from examples.gateway.server import Bounds, Gateway, Refusal, Refused, logger

_REQUIRED = ("DESKHOLD_BROKER_ADDRESS", "DESKHOLD_CA_FILE")
# Besides two for each connection: the channel to the broker, the listener, the log.
_OTHER_FILES = 64


def main() -> None:
    """Read the command line and serve until a signal."""
    parser = _parser()
    options = parser.parse_args()
    bounds = Bounds(**{one.name: getattr(options, one.name) for one in fields(Bounds)})
    wrong = _unusable_settings() or _too_few_files(bounds.connections)
    if wrong:
        parser.error(wrong)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    # The SDK logs each call, and with DEBUG the token in it; the gateway logs what came of it.
    logging.getLogger("deskhold.client").setLevel(logging.WARNING)
    asyncio.run(_serve(options.listen, options.tenant, bounds))


async def _serve(listen: tuple[str, int], tenant: str, bounds: Bounds) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the grace time."""
    stopping = asyncio.Event()
    async with AsyncClient.from_environment() as broker:
        gateway = Gateway(broker, tenant, bounds)

        def stop() -> None:
            if stopping.is_set():
                gateway.close()
            stopping.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        try:
            await gateway.check()
        except Refused as refused:
            if refused.refusal is Refusal.GATEWAY_DENIED:
                sys.exit(f"error: {refused}")
            logger.warning("%s; connections are refused until it answers", refused)
        try:
            server = await gateway.listen(*listen)
        except OSError as error:
            sys.exit(f"error: cannot listen at {':'.join(map(str, listen))}: {error}")
        host, port, *_ = server.sockets[0].getsockname()
        print(f"gateway listens on {host}:{port}", flush=True)
        await stopping.wait()
        server.close()
        logger.info("stopping; %d connections are open", gateway.connections)
        await gateway.drain()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.gateway.gateway",
        description="Forward RDP connections to the hosts that their routing tokens lead to.",
        epilog="The broker and the gateway's credential are settings, as for any client:"
        " DESKHOLD_BROKER_ADDRESS, DESKHOLD_CA_FILE, DESKHOLD_TOKEN_FILE.",
    )
    parser.add_argument("--listen", type=_place, default="0.0.0.0:3389", metavar="HOST:PORT")
    parser.add_argument("--tenant", type=_tenant, required=True, metavar="tenantGroups/G/tenants/T")
    parser.add_argument("--verbose", action="store_true", help="log health checks too")
    for one in fields(Bounds):
        parser.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=_above_zero(int if isinstance(one.default, int) else float),
            default=one.default,
            metavar="N",
            help=f"{one.metadata['meaning']} (default: {one.default:g})",
        )
    return parser


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not 0 <= int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def _tenant(text: str) -> str:
    try:
        return names.parse(text, names.Kind.TENANT).text
    except InvalidArgument as error:
        raise argparse.ArgumentTypeError(error.message) from error


def _above_zero(kind: type[int] | type[float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value

    return number


def _unusable_settings() -> str:
    try:
        missing = [key for key in _REQUIRED if key not in environment.read(os.environ)]
    except (ValueError, OSError) as error:
        return str(error)
    return f"set {' and '.join(missing)}" if missing else ""


def _too_few_files(connections: int) -> str:
    needed = 2 * connections + _OTHER_FILES
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed == resource.RLIM_INFINITY or needed <= allowed:
        return ""
    return (
        f"{connections} connections need {needed} open files, and {allowed} are allowed;"
        " raise the limit (ulimit -n, LimitNOFILE=) or lower --connections"
    )


if __name__ == "__main__":
    main()
