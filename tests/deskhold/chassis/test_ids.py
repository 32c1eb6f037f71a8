from __future__ import annotations

import os
import re
import threading

from deskhold.chassis.ids import new_id


def test_no_two_ids_are_alike() -> None:
    ids = [new_id() for _ in range(2_000)]

    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    assert len({one[12:] for one in ids}) == len(ids)


def test_ids_that_are_made_together_begin_alike_and_later_ones_sort_behind() -> None:
    ids = [new_id() for _ in range(2_000)]

    beginnings = [one[:12] for one in ids]
    assert beginnings == sorted(beginnings)
    assert len(set(beginnings)) <= 1 + 2_000 // 256 + 1


def test_threads_share_no_id() -> None:
    ids: list[str] = []
    threads = [
        threading.Thread(target=lambda: ids.extend(new_id() for _ in range(2_000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids)) == len(ids) == 8_000


def test_a_forked_process_makes_ids_of_its_own() -> None:
    new_id()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 32).decode()
    os.close(reading)
    os.close(writing)

    assert theirs not in {new_id() for _ in range(1_000)}
