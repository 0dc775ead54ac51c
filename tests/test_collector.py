"""Loops that make very many objects and no garbage are not interrupted for it."""

from __future__ import annotations

import gc

from reelmill.collector import uncollected


def test_nothing_is_collected_meanwhile() -> None:
    begun: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        begun.append(info["generation"])

    gc.callbacks.append(note)
    try:
        with uncollected():
            before = len(begun)
            held = [[number] for number in range(50_000)]
            assert (len(begun), len(held)) == (before, 50_000)
            with uncollected():
                pass
            assert not gc.isenabled()
    finally:
        gc.callbacks.remove(note)
    assert gc.isenabled()
