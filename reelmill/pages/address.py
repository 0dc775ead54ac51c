"""The choices of a page, in the query string of its address, so that it can be sent to somebody (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

#: A choice: one word, several, or a number; what is empty is left out.
Choice = str | int | Sequence[str] | None


def query_of(choices: Mapping[str, Choice]) -> str:
    """The query string of some choices.

    Args:
        choices: by name; of several values each comes by itself: ``status=running&status=queued``.

    Returns:
        The string without its question mark; empty where nothing was chosen.
    """
    pairs: list[tuple[str, Any]] = []
    for name, value in choices.items():
        values = [value] if isinstance(value, (str, int)) else (value or ())
        pairs += [(name, each) for each in values if each not in ("", None)]
    return urlencode(pairs)


def address(path: str, choices: Mapping[str, Choice]) -> str:
    """A page's address with its choices."""
    query = query_of(choices)
    return f"{path}?{query}" if query else path
