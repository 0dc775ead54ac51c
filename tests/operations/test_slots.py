from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reelmill.hardware.core_slots import slot
from reelmill.parallel import cores


def test_no_more_at_once_than_there_are_cores(tmp_path: Path) -> None:
    lock, now, most = threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal now, most
        with slot(tmp_path):
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.05)
            with lock:
                now -= 1

    with ThreadPoolExecutor(3 * cores()) as pool:
        list(pool.map(work, range(4 * cores())))
    assert most == cores()


def test_a_slot_whose_holder_failed_is_free(tmp_path: Path) -> None:
    for _ in range(2 * cores()):
        try:
            with slot(tmp_path):
                raise ValueError
        except ValueError:
            continue
