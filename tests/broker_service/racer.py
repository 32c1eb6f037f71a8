"""One of several processes that work on the same store at the same time.

    python -m tests.broker_service.racer URL SEED

It says `ready`, waits for a line, does what the seed says, and prints the outcomes as JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from deskhold.errors import DeskholdError
from tests.broker_service.stores import Store

HOSTS = [f"pc-{number:02}" for number in range(12)]
USERS = [f"user{number:02}@contoso.com" for number in range(10)]
ACTS_PER_PROCESS = 180
AT_ONCE = 30


async def race(url: str, seed: int) -> Counter[str]:
    """Do many things at once; return how often each came out, by reason."""
    store = Store(url)
    dice = random.Random(seed)
    outcomes: Counter[str] = Counter()

    def act() -> Coroutine[Any, Any, Any]:
        host, user = dice.choice(HOSTS), dice.choice(USERS)
        other_host = dice.choice([one for one in HOSTS if one != host])
        other = dice.choice([one for one in USERS if one != user])
        return dice.choice(
            (
                lambda: store.set(user, host),
                lambda: store.set(user, host, force=True),
                lambda: store.remove(user=user),
                lambda: store.remove(host_id=host),
                lambda: store.connect(user),
                lambda: store.connect(user),
                lambda: store.add_hosts(host, other_host),
                lambda: store.remove_hosts(host, force=dice.random() < 0.3),
                lambda: store.import_file(f"{host},{user}\n".encode()),
                lambda: store.import_file(
                    f"{host},{user}\n{HOSTS[0]},{other}\n".encode(), replace=True
                ),
            )
        )()

    async def told(acting: Coroutine[Any, Any, Any]) -> None:
        try:
            await acting
        except DeskholdError as error:
            outcomes[error.reason] += 1
        else:
            outcomes["OK"] += 1

    for _ in range(ACTS_PER_PROCESS // AT_ONCE):
        await asyncio.gather(*(told(act()) for _ in range(AT_ONCE)))
    await store.database.close()
    return outcomes


def main() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    outcomes = asyncio.run(race(sys.argv[1], int(sys.argv[2])))
    sys.stdout.write(json.dumps(outcomes) + "\n")


if __name__ == "__main__":
    main()
