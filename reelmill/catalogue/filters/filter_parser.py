"""From the text of a filter over videos to its condition: recursive descent (pure).

    filter     = and { "or" and }
    and        = not { "and" not }
    not        = "not" not | "(" filter ")" | condition
    condition  = FLAG
               | FIELD "is" [ "not" ] "missing"
               | FIELD OPERATOR VALUE

Operators are those of ``filter_fields.COMPARISONS``. Keywords, fields and flags may be written in any case.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from reelmill.catalogue.filters.filter_conditions import (
    KEYWORDS,
    And,
    Comparison,
    Condition,
    Flag,
    Missing,
    Not,
    Or,
    Value,
)
from reelmill.catalogue.filters.filter_fields import COMPARISONS, FIELDS, FLAGS, Field, Kind
from reelmill.catalogue.filters.filter_tokens import Token, tokens
from reelmill.errors import FilterError

#: How deep conditions may be nested.
DEPTH: Final = 50

_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?)(\D.*)?", re.ASCII | re.DOTALL)
#: Digits of a number, before and after its point; so it is exact in any unit.
_DIGITS: Final = (19, 6)
_OPPOSITES: Final = {"!=": "=", "!~": "~"}


def parse_filter(text: str) -> Condition:
    """Read a filter.

    Example:
        >>> str(parse_filter("DURATION > 600s AND not (tag = beach)"))
        'duration > 10 m and tag != beach'

    Args:
        text: such as ``thumbnail is missing and duration > 10m``; ``docs/USING.md`` has the whole language.

    Returns:
        Its condition, whose text parses to the same.

    Raises:
        FilterError: it is none; the message points at the place.
    """
    parser = _Parser(text)
    condition = parser.alternatives(0)
    if parser.token.kind != "end":
        raise parser.error(f"{parser.token} comes too much here; `and`, `or` or the end may stand here.")
    return condition


class _Parser:
    """Reads tokens from left to right; ``token`` is the one that comes next."""

    def __init__(self, text: str):
        self._text, self._tokens, self._next = text, tokens(text), 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    def error(self, reason: str, token: Token | None = None) -> FilterError:
        return FilterError(reason, self._text, (token or self.token).position)

    def _advance(self) -> Token:
        token = self.token
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def alternatives(self, depth: int) -> Condition:
        return self._several("or", lambda: self._several("and", lambda: self._negatable(depth), And), Or)

    def _several(
        self, word: str, operand: Callable[[], Condition], whole: Callable[[tuple[Condition, ...]], Condition]
    ) -> Condition:
        operands = [operand()]
        while self.token.is_word(word):
            self._advance()
            operands.append(operand())
        return whole(tuple(operands)) if len(operands) > 1 else operands[0]

    def _negatable(self, depth: int) -> Condition:
        if depth > DEPTH:
            raise self.error(f"Conditions may be nested {DEPTH} deep, and here it gets deeper.")
        if self.token.is_word("not"):
            self._advance()
            return Not(self._negatable(depth + 1))
        if self.token.is_operator("("):
            opening = self._advance()
            inner = self.alternatives(depth + 1)
            if not self.token.is_operator(")"):
                raise self.error(
                    f"{self.token} stands where `and`, `or` or the `)` of place {opening.position + 1} may."
                )
            self._advance()
            return inner
        return self._condition()

    def _condition(self) -> Condition:
        token = self._advance()
        name = token.text.lower()
        if token.kind != "word" or name in KEYWORDS:
            raise self.error(f"{token} stands where a field, `not` or `(` may; fields are {_listed()}.", token)
        if name in FLAGS:
            return Flag(name)
        if name not in FIELDS:
            near = difflib.get_close_matches(name, [*FIELDS, *FLAGS], n=1)
            hint = f"did you mean {near[0]}? There are" if near else "there are"
            raise self.error(f"{token.text!r} is no field; {hint} {_listed()}.", token)
        if self.token.is_word("is"):
            return self._missing(name)
        return self._comparison(FIELDS[name])

    def _missing(self, name: str) -> Condition:
        self._advance()
        negated = self.token.is_word("not")
        if negated:
            self._advance()
        if not self.token.is_word("missing"):
            raise self.error(f"{self.token} stands where `missing` or `not missing` may; other values take `=`.")
        self._advance()
        return Not(Missing(name)) if negated else Missing(name)

    def _comparison(self, field: Field) -> Condition:
        operators = COMPARISONS[field.kind]
        if not (self.token.is_operator(*operators) or self.token.is_word(*operators)):
            raise self.error(
                f"{self.token} stands where {_choice([*operators, 'is missing', 'is not missing'])} may: "
                f"{field.name} is {field.kind.value}."
            )
        operator = self._advance().text.lower()
        value = self._value(field)
        compared = Comparison(field.name, _OPPOSITES.get(operator, operator), value)
        return Not(compared) if operator in _OPPOSITES else compared

    def _value(self, field: Field) -> Value:
        token = self.token
        if token.kind not in ("word", "quoted") or token.is_word(*KEYWORDS):
            raise self.error(f"{token} stands where a value may; put it in quotes if it is one.")
        if field.kind is Kind.QUANTITY:
            return self._quantity(field)
        self._advance()
        return self._time(token) if field.kind is Kind.TIME else token.text

    def _quantity(self, field: Field) -> Decimal:
        token = self._advance()
        match = _NUMBER.fullmatch(token.text)
        if match is None:
            example = f"720 {next(iter(field.units), '')}".strip()
            raise self.error(f"{token} is no number; {field.name} is compared with one such as {example}.", token)
        number, unit = match.groups("")
        by_name = {name.lower(): factor for name, factor in field.units.items()}
        if not unit and self.token.kind == "word" and not self.token.is_word(*KEYWORDS):
            token = self._advance()
            unit = token.text
        if unit and unit.lower() not in by_name:
            known = f"it takes {_choice(field.units)}" if field.units else "it takes none"
            raise self.error(f"{unit!r} is no unit of {field.name}; {known}.", token)
        return self._bounded(number, by_name.get(unit.lower(), Decimal(1)), token)

    def _bounded(self, number: str, factor: Decimal, token: Token) -> Decimal:
        whole, _, fraction = number.partition(".")
        if len(whole) <= _DIGITS[0] and len(fraction) <= _DIGITS[1]:
            value = Decimal(number) * factor
            if value < 10 ** _DIGITS[0]:
                return value
        raise self.error(f"{number} is too large, or too precise; {_DIGITS[1]} digits after the point are read.", token)

    def _time(self, token: Token) -> datetime:
        try:
            at = datetime.fromisoformat(token.text)
            return at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.error(
                f"{token} is no time; 2026-01-31 and 2026-01-31T18:30 are, in UTC unless a zone is added.", token
            ) from None


def _listed() -> str:
    return ", ".join([*FIELDS, *FLAGS])


def _choice(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
