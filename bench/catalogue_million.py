"""``catalogue_million``: what is asked of a catalogue of 1,000,000 videos, against the goal's time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

from sqlmodel import Session

from bench import many_videos
from bench.harness import Row, compare, wall
from bench.library import library
from reelmill.catalogue import picking, searching
from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.listing import largest

VIDEOS: Final = 1_000_000
TIMES: Final = 40  # each is asked in a turn
GOAL_MS: Final = 50  # p95 of each

LIMIT: Final = "words that are in every thirtieth title"


def run(runs: int, videos: int = VIDEOS) -> Row:
    """Measure.

    Args:
        runs: how many turns.
        videos: how many the catalogue holds.

    Returns:
        The slowest question, against the time aimed at; and in words each of them.
    """
    with library():
        with get_engine().begin() as connection:
            many_videos.insert(connection, videos)
        with get_engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            many_videos.settle(connection)
        latest: dict[str, float] = {}

        def ours() -> float:
            latest.update({name: _p95(ask) for name, ask in _QUESTIONS.items()})
            return max(latest.values())

        row = compare(
            "catalogue_million", f"the goal, {GOAL_MS} ms a question ({videos} videos)", "ms, p95", 1, "",
            ours=ours, theirs=lambda: float(GOAL_MS), runs=runs,
        )  # fmt: skip
        each = ", ".join(f"{name} {milliseconds:.0f}" for name, milliseconds in latest.items())
        return replace(row, limit=f"{LIMIT}. p95 in ms: {each}")


#: A number of its own for each time that something is asked, so that nothing is asked twice.
_numbers: Final[Iterator[int]] = count()


def _search(words: str, opened: Session, number: int) -> None:
    searching.search(opened, words.format(often=number % 30, sometimes=number % 500, seldom=number * 7 % 20_000))


_QUESTIONS: Final[dict[str, Callable[[Session, int], object]]] = {
    "search for a frequent word": partial(_search, "word{often}"),
    "for two words": partial(_search, "theme{sometimes} word{often}"),
    "for a rare word": partial(_search, "place{seldom}"),
    "list by size": lambda opened, _: largest(opened, limit=50),
    "pick of four": lambda opened, number: picking.pick_sources(opened, 4, number),
}


def _p95(ask: Callable[[Session, int], object]) -> float:
    def once() -> None:
        with session() as opened:
            ask(opened, next(_numbers))

    seconds = sorted(wall(once) for _ in range(TIMES))
    return 1000 * seconds[int(0.95 * (TIMES - 1))]
