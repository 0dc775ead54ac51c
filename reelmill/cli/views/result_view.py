"""A job's result card as a terminal shows it: from markdown to aligned lines (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Final

_RULE: Final = re.compile(r"\|(?: *-+ *\|)+")
_CELLS: Final = re.compile(r"(?<!\\)\|")
_ESCAPED: Final = re.compile(r"\\(.)")


def result_lines(markdown: str) -> Iterator[str]:
    """The lines of a result card.

    Args:
        markdown: as ``Jobs.card`` returns it: a heading, tables, lists.

    Yields:
        The heading, then the rest with two spaces before it.
    """
    lines = [line.strip() for line in markdown.splitlines()]
    for tabular, portion in groupby((line for line in lines if line), key=lambda line: line.startswith("|")):
        if tabular:
            yield from _aligned(_row(line) for line in portion if not _RULE.fullmatch(line))
        else:
            yield from (_plain(line[3:]) if line.startswith("###") else f"  {_plain(line)}" for line in portion)


def _row(line: str) -> list[str]:
    return [_plain(cell) for cell in _CELLS.split(line)[1:-1]]


def _aligned(rows: Iterable[list[str]]) -> Iterator[str]:
    filled = [row for row in rows if any(row)]
    widths = [max(map(len, column)) for column in zip(*filled, strict=False)]
    for row in filled:
        yield "  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)).rstrip()


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text.strip().replace("**", ""))
