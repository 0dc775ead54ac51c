"""Which videos the library shows, in the query string of its address (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self, TypeVar

from reelmill.catalogue.filters.filter_conditions import And, Comparison, Condition, Flag, Not, Or
from reelmill.catalogue.filters.filter_fields import INVALID, MADE, MISSING
from reelmill.catalogue.filters.video_filter import parse_filter
from reelmill.catalogue.limits import clean
from reelmill.catalogue.videos.browsing import Order
from reelmill.pages.address import Choice, address

E = TypeVar("E", bound=StrEnum)

LIBRARY: Final = "/library"
BATCH: Final = f"{LIBRARY}/batch"
DUPLICATES: Final = f"{LIBRARY}/duplicates"

#: What a word of the search may stand in.
_SEARCHED: Final = ("title", "filename", "tag")


class State(StrEnum):
    """What is to be so of the videos that are shown."""

    ANY = ""
    USABLE = "usable"  # there, and valid
    INVALID = "invalid"
    MISSING = "missing"


class Origin(StrEnum):
    """Where the videos that are shown come from."""

    ANY = ""
    SOURCES = "sources"
    MADE = "made"  # by jobs


_STATES: Final[dict[State, tuple[Condition, ...]]] = {
    State.ANY: (),
    State.USABLE: (Not(Flag(MISSING)), Not(Flag(INVALID))),
    State.INVALID: (Flag(INVALID),),
    State.MISSING: (Flag(MISSING),),
}
_ORIGINS: Final[dict[Origin, tuple[Condition, ...]]] = {
    Origin.ANY: (),
    Origin.SOURCES: (Not(Flag(MADE)),),
    Origin.MADE: (Flag(MADE),),
}


@dataclass(frozen=True)
class LibraryQuery:
    """What somebody has chosen."""

    words: str = ""  # each is somewhere in title, file name or a tag
    where: str = ""  # in the language of filters
    folder: str = ""  # a directory type
    state: State = State.ANY
    origin: Origin = Origin.ANY
    order: Order = Order.NEWEST
    after: str = ""  # where the page begins

    @classmethod
    def read(cls, choice: Callable[[str], str]) -> Self:
        """What an address has chosen.

        Args:
            choice: the value of a name of the query string, or nothing.

        Returns:
            It; what is no choice counts as none.
        """
        return cls(
            words=clean(choice("search").strip()),
            where=clean(choice("where").strip()),
            folder=clean(choice("folder")),
            state=_member(State, choice("state"), State.ANY),
            origin=_member(Origin, choice("origin"), Origin.ANY),
            order=_member(Order, choice("sort"), Order.NEWEST),
            after=choice("after"),
        )

    @property
    def narrows(self) -> bool:
        """Whether it leaves anything out."""
        return self.choices(paged=False) != LibraryQuery(order=self.order).choices(paged=False)

    def condition(self) -> Condition:
        """What a video must meet.

        Returns:
            The condition; it holds for every video where nothing was chosen.

        Raises:
            FilterError: ``where`` is no filter.
        """
        found: list[Condition] = [*_STATES[self.state], *_ORIGINS[self.origin]]
        if self.folder:
            found.append(Comparison("directory_type", "=", self.folder))
        for word in self.words.split():
            found.append(Or(tuple(Comparison(name, "contains", word) for name in _SEARCHED)))
        if self.where:
            found.append(parse_filter(self.where))
        return found[0] if len(found) == 1 else And(tuple(found))

    def choices(self, *, paged: bool) -> dict[str, Choice]:
        """The same for an address; what is as it is without a choice is left out.

        Args:
            paged: with where the page begins.

        Returns:
            The choices by name.
        """
        return {
            "search": self.words,
            "where": self.where,
            "folder": self.folder,
            "state": self.state.value,
            "origin": self.origin.value,
            "sort": "" if self.order is Order.NEWEST else self.order.value,
            "after": self.after if paged else "",
        }

    def address(self, *, after: str = "") -> str:
        """The address of a page of these videos; without ``after``, of the first."""
        return address(LIBRARY, {**self.choices(paged=False), "after": after})

    def batch_address(self) -> str:
        """Where a batch of these videos begins."""
        return address(BATCH, {"where": str(self.condition())})


def _member(kind: type[E], text: str, otherwise: E) -> E:
    try:
        return kind(text)
    except ValueError:
        return otherwise
