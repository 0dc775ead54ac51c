"""The words of a filter over videos, each with its place in the text (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reelmill.catalogue.filters.filter_conditions import WORD
from reelmill.errors import FilterError

#: What a filter may be long, in characters.
LENGTH: Final = 4000

_TOKEN: Final = re.compile(
    rf"""\s*(?:
        (?P<operator><=|>=|!=|!~|[=<>~()])
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | '(?P<single>(?:[^'\\]|\\.)*)'
      | (?P<word>{WORD.pattern})
    )""",
    re.VERBOSE | re.DOTALL,
)
#: PostgreSQL's text takes neither; see ``limits``.
_REFUSED: Final = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Token:
    """One word, operator or quoted text; the last of a filter is its end."""

    kind: str  # word, operator, quoted, end
    text: str  # without quotes
    position: int  # of its first character

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these, whatever its case, and not quoted."""
        return self.kind == "word" and self.text.lower() in words

    def is_operator(self, *operators: str) -> bool:
        """Whether it is one of these."""
        return self.kind == "operator" and self.text in operators

    def __str__(self) -> str:
        return "The end" if self.kind == "end" else repr(self.text)


def tokens(text: str) -> list[Token]:
    """Split a filter.

    Args:
        text: of the filter.

    Returns:
        Its tokens, an end token last.

    Raises:
        FilterError: it is too long, or something in it is no token.
    """
    if len(text) > LENGTH:
        raise FilterError(f"The filter has {len(text)} characters; {LENGTH} are the most.", "", 0)
    refused = _REFUSED.search(text)
    if refused:
        raise FilterError(f"{refused[0]!a} stands in no name and no path.", ascii(text)[1:-1], 0)
    found: list[Token] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise FilterError(*_no_token(text, position))
        kind = str(match.lastgroup)
        start, position = match.start(kind), match.end()
        if kind in ("double", "single"):
            found.append(Token("quoted", re.sub(r"\\(.)", r"\1", match[kind], flags=re.DOTALL), start - 1))
        else:
            found.append(Token(kind, match[kind], start))
    return [*found, Token("end", "", end)]


def _no_token(text: str, position: int) -> tuple[str, str, int]:
    start = position + len(text[position:]) - len(text[position:].lstrip())
    if text[start] in "\"'":
        return f"The text that begins here has no closing {text[start]}.", text, start
    return f"{text[start]!r} means nothing here; `not`, `!=` and `!~` are the opposites.", text, start
