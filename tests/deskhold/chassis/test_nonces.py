from __future__ import annotations

import os
import threading

from deskhold.chassis.nonces import NONCE_BYTES, new_nonce


def test_threads_share_no_nonce() -> None:
    nonces: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: nonces.extend(new_nonce() for _ in range(2_000)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {len(one) for one in nonces} == {NONCE_BYTES}
    assert len(set(nonces)) == len(nonces) == 8_000


def test_a_forked_process_uses_no_nonce_of_its_parent() -> None:
    new_nonce()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_nonce())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, NONCE_BYTES)
    os.close(reading)
    os.close(writing)

    assert theirs not in {new_nonce() for _ in range(1_000)}
