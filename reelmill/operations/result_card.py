"""What a job ends with for people: one result card, on its run's page and in its log (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from reelmill.ffmpeg.process.cost import Cost
from reelmill.wording import in_seconds, in_speed, plural

#: Of many items a result card shows so many; the result has them all.
ITEMS: Final = 100

#: Characters that steer a terminal, or end a line for whoever reads one: a name may hold any.
_CONTROL: Final = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"]

#: What a name or a sentence holds that markdown would take for its own.
_MARKDOWN: Final = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_[]<>|"} | dict.fromkeys(_CONTROL, " "))


@dataclass(frozen=True)
class ResultImage:
    """An image that a result card shows: of what has been made, and drawn only once it is shown."""

    path: str  # relative to the media root
    caption: str
    times: tuple[float, ...] = ()  # seconds of a video, for a frame of each; none: the file is an image
    small: bool = False  # for a row of a table: the keyframe before its time serves


@dataclass(frozen=True)
class ItemTable:
    """Items of a kind, of which there may be very many."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    images: tuple[ResultImage, ...] = ()  # one for each of the first rows
    total: int | None = None  # how many items there are, where the rows are only the first of them

    @property
    def count(self) -> int:
        """How many items there are."""
        return len(self.rows) if self.total is None else self.total


@dataclass(frozen=True)
class ResultCard:
    """A job's result for people.

    Example:
        >>> result = ResultCard("a.mp4 was re-encoded", (("made", "playback/a.mp4"),), ("a cover is left out",))
        >>> print(*result.lines(), sep="\\n")
        a.mp4 was re-encoded
          made  playback/a.mp4
          - a cover is left out
    """

    title: str  # a sentence
    rows: tuple[tuple[str, str], ...] = ()  # a name and what it is
    notes: tuple[str, ...] = ()  # what was left out or changed and why, what was found made already
    table: ItemTable | None = None
    images: tuple[ResultImage, ...] = ()

    def lines(self) -> Iterator[str]:
        """The result card as lines of a log, its columns aligned."""
        yield self.title
        yield from _aligned(self.rows)
        yield from (f"  - {note}" for note in _first(self.notes))
        if self.table is not None and self.table.rows:
            yield from _aligned([self.table.header, *self.table.rows[:ITEMS]])
            yield from (f"  {more}" for more in _more(len(self.table.rows[:ITEMS]), self.table.count))

    def markdown(self, drawn: Callable[[ResultImage], str | None] = lambda _: None) -> str:
        """The result card as markdown.

        Args:
            drawn: the address of an image, such as a ``data:`` URL; None where it cannot be shown.

        Returns:
            The text.
        """
        blocks = [f"### {plain(self.title)}", *self._images(drawn)]
        if self.rows:
            blocks.append(_table(("", ""), [(f"**{plain(name)}**", plain(value)) for name, value in self.rows]))
        if self.notes:
            blocks.append("\n".join(f"- {plain(note)}" for note in _first(self.notes)))
        if self.table is not None and self.table.rows:
            blocks += [_items(self.table, drawn), *_more(len(self.table.rows[:ITEMS]), self.table.count)]
        return "\n\n".join(blocks)

    def _images(self, drawn: Callable[[ResultImage], str | None]) -> Iterator[str]:
        for image in self.images:
            address = drawn(image)
            if address is not None:
                yield f"![{plain(image.caption)}]({address})"


class JobResult(Protocol):
    """The result of a job: it gives its result card."""

    def result_card(self) -> ResultCard:
        """The result for people."""


@runtime_checkable
class EncodingResult(Protocol):
    """The result of a job that may have encoded: it gives what that cost."""

    def run_cost(self) -> Cost | None:
        """What this run's encodes cost together; None where it encoded nothing, or an earlier run had."""


def plain(text: str) -> str:
    """``text`` as markdown shows it."""
    return text.translate(_MARKDOWN)


def cost_rows(cost: Cost | None) -> tuple[tuple[str, str], ...]:
    """What an encode cost; what was not measured has no row."""
    if cost is None:
        return ()
    rows = [("encoding", f"{in_seconds(cost.seconds)}, {in_speed(cost.speed)}"), ("CPU", f"{cost.cpu_seconds:.1f} s")]
    if cost.joules is not None:
        rows.append(("energy", f"{cost.joules:.0f} J of the whole node ({cost.joules_source})"))
    if cost.vmaf is not None:
        rows.append(("VMAF", f"{cost.vmaf:.1f}"))
    return tuple(rows)


def chunk_rows(chunks: int, reused: int) -> tuple[tuple[str, str], ...]:
    """How many chunks there were, and how many of them an earlier run had made."""
    if chunks <= 1:
        return ()
    return (("chunks", plural(chunks, "chunk") + (f", {reused} of them made by an earlier run" if reused else "")),)


def _first(notes: Sequence[str]) -> Iterator[str]:
    yield from notes[:ITEMS]
    yield from _more(len(notes[:ITEMS]), len(notes))


def _more(shown: int, count: int) -> Iterator[str]:
    """A sentence on the items that are not shown, where there are such."""
    if count > shown:
        yield f"and {count - shown} more"


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _items(table: ItemTable, drawn: Callable[[ResultImage], str | None]) -> str:
    rows = [tuple(map(plain, row)) for row in table.rows[:ITEMS]]
    if not table.images:
        return _table(tuple(map(plain, table.header)), rows)
    addresses = [drawn(image) for image in table.images[: len(rows)]]
    cells = [f"![]({address})" if address is not None else "" for address in addresses]
    cells += [""] * (len(rows) - len(cells))
    return _table(("", *map(plain, table.header)), [(cell, *row) for cell, row in zip(cells, rows, strict=True)])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A markdown table of cells that are markdown already."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))
