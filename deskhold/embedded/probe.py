"""`python -m deskhold.embedded.probe HOST:PORT`: does the server there serve?

For the health checks of containers, which are asked again and again and want one exit code: 0 for
SERVING, 1 for anything else, with the reason on stderr.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import click

from deskhold import environment
from deskhold.embedded.health import until_serving
from deskhold.errors import Unavailable

# An answer takes milliseconds; health checks are usually given five
# seconds, start of Python included.
_PATIENCE_SECONDS = 3.0


@click.command()
@click.argument("address", metavar="HOST:PORT")
def main(address: str) -> None:
    """Ask the server at HOST:PORT for its health; DESKHOLD_CA_FILE says whom to trust there."""
    try:
        ca_pem = Path(environment.read(os.environ)["DESKHOLD_CA_FILE"]).read_bytes()
        asyncio.run(_ask(address, ca_pem))
    except KeyError:
        _fail("DESKHOLD_CA_FILE is not set")
    except TimeoutError:
        _fail(f"{address} did not report SERVING within {_PATIENCE_SECONDS:g} seconds")
    except (Unavailable, OSError, ValueError) as error:
        _fail(str(error))


async def _ask(address: str, ca_pem: bytes) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await until_serving(address, ca_pem)


def _fail(why: str) -> None:
    click.echo(f"probe: {why}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m deskhold.embedded.probe")
