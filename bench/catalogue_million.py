"""``catalogue_million``: what is asked of a catalogue of 1,000,000 videos, against the goal's time.

Asked is what the library's page asks: in its own order (the newest first), in the one that suits a search least (by
title: those that begin with a word stand together), and how many videos a search finds, which it shows beside them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

from sqlmodel import Session

from bench import many_videos
from bench.harness import Row, compare, wall
from bench.library import library
from reelmill.catalogue.engine import get_engine, session
from reelmill.catalogue.filters.filter_conditions import Condition
from reelmill.catalogue.filters.tag_lookup import with_tags_looked_up
from reelmill.catalogue.videos import picking
from reelmill.catalogue.videos.browsing import Order, page_of
from reelmill.catalogue.videos.listing import narrowed, total_of
from reelmill.pages.library_query import LibraryQuery

VIDEOS: Final = 1_000_000
TIMES: Final = 40  # each is asked in a turn
GOAL_MS: Final = 50  # p95 of each

#: Pages are read from anywhere, not only the first: sizes and lengths as ``many_videos`` spreads them.
_LARGEST: Final = 80_000_000_000
_LONGEST: Final = 7200

LIMIT: Final = "looking through the first titles, until it shows that those with a frequent word stand elsewhere"


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


def _meant(words: str, opened: Session, number: int) -> Condition:
    asked = words.format(often=number % 30, sometimes=number % 500, seldom=number * 7 % 20_000)
    return with_tags_looked_up(opened, LibraryQuery(words=asked).condition())


def _search(words: str, order: Order, opened: Session, number: int) -> None:
    page_of(opened, _meant(words, opened, number), order)


def _list(order: Order, most: int, opened: Session, number: int) -> None:
    page_of(opened, narrowed(), order, after=json.dumps([number * 7919 % 1000 * most // 1000, ""]))


def _count(words: str, opened: Session, number: int) -> None:
    total_of(opened, _meant(words, opened, number))


_QUESTIONS: Final[dict[str, Callable[[Session, int], object]]] = {
    "search for a frequent word": partial(_search, "word{often}", Order.NEWEST),
    "for two words": partial(_search, "theme{sometimes} word{often}", Order.NEWEST),
    "for a rare word": partial(_search, "place{seldom}", Order.NEWEST),
    "list by size": partial(_list, Order.LARGEST, _LARGEST),
    "by length": partial(_list, Order.LONGEST, _LONGEST),
    "pick of four": lambda opened, number: picking.pick_sources(opened, 4, number),
    "a frequent word's page by title": partial(_search, "word{often}", Order.TITLE),
    "how many a frequent word finds": partial(_count, "word{often}"),
    "how many there are": partial(_count, ""),
}


def _p95(ask: Callable[[Session, int], object]) -> float:
    def once() -> None:
        with session() as opened:
            ask(opened, next(_numbers))

    seconds = sorted(wall(once) for _ in range(TIMES))
    return 1000 * seconds[int(0.95 * (TIMES - 1))]
