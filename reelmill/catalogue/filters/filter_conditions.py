"""What a filter over videos is once it is parsed: frozen conditions, each of which prints as a filter (pure).

The text of a condition parses to the same condition. Values are in base units: bytes, seconds, pixels, bits a second.
"""

from __future__ import annotations

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from reelmill.catalogue.filters.filter_fields import FIELDS

Value = str | Decimal | datetime

#: What stands in a filter without quotes. The tokenizer reads the same as one word.
WORD: Final = re.compile(r"[^\s()=!<>~\"']+")
KEYWORDS: Final = frozenset({"and", "or", "not"})


class Condition(ABC):
    """Base of all: what is true or false of a video."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """The fields and flags in it."""

    def _within(self) -> str:
        """Its text inside another condition."""
        return str(self)


@dataclass(frozen=True)
class Flag(Condition):
    """``invalid``: it is so."""

    name: str

    def names(self) -> Iterator[str]:
        """See ``Condition.names``."""
        yield self.name

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Missing(Condition):
    """``thumbnail is missing``: there is none, or the column is empty."""

    field: str

    def names(self) -> Iterator[str]:
        """See ``Condition.names``."""
        yield self.field

    def __str__(self) -> str:
        return f"{self.field} is missing"


@dataclass(frozen=True)
class Comparison(Condition):
    """``duration > 10 m``; false where the column is empty."""

    field: str
    operator: str
    value: Value

    def names(self) -> Iterator[str]:
        """See ``Condition.names``."""
        yield self.field

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {_value_text(self.field, self.value)}"


@dataclass(frozen=True)
class LookedUp(Condition):
    """A comparison of which it is known already which videos meet it."""

    comparison: Comparison
    ids: tuple[uuid.UUID, ...]

    def names(self) -> Iterator[str]:
        """See ``Condition.names``."""
        return self.comparison.names()

    def __str__(self) -> str:
        return str(self.comparison)


@dataclass(frozen=True)
class Inside(Condition):
    """``title contains …``, asked of titles that do not begin with it as they are sorted."""

    comparison: Comparison

    def names(self) -> Iterator[str]:
        """See ``Condition.names``."""
        return self.comparison.names()

    def __str__(self) -> str:
        return str(self.comparison)


@dataclass(frozen=True)
class Not(Condition):
    """The opposite."""

    operand: Condition

    def names(self) -> Iterator[str]:
        """See ``Condition.names``."""
        yield from self.operand.names()

    def __str__(self) -> str:
        inner = self.operand
        if isinstance(inner, Missing):
            return f"{inner.field} is not missing"
        if isinstance(inner, Comparison) and inner.operator in ("=", "~"):
            return f"{inner.field} !{inner.operator} {_value_text(inner.field, inner.value)}"
        return f"not {inner._within()}"


@dataclass(frozen=True)
class _Several(Condition):
    operands: tuple[Condition, ...]  # two or more

    def names(self) -> Iterator[str]:
        """See ``Condition.names``."""
        for operand in self.operands:
            yield from operand.names()

    def _within(self) -> str:
        return f"({self})"


@dataclass(frozen=True)
class And(_Several):
    """All of them."""

    def __str__(self) -> str:
        return " and ".join(operand._within() for operand in self.operands)


@dataclass(frozen=True)
class Or(_Several):
    """Any of them."""

    def __str__(self) -> str:
        return " or ".join(operand._within() for operand in self.operands)


def _value_text(field: str, value: Value) -> str:
    if isinstance(value, Decimal):
        return _quantity_text(value, field)
    if isinstance(value, datetime):
        at = value.astimezone(UTC).replace(tzinfo=None)
        return at.date().isoformat() if at == datetime.combine(at, datetime.min.time()) else at.isoformat()
    if WORD.fullmatch(value) and value.lower() not in KEYWORDS:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _quantity_text(value: Decimal, field: str) -> str:
    """In the largest unit of which it is a whole number."""
    for unit, factor in sorted(FIELDS[field].units.items(), key=lambda known: -known[1]):
        if value and value % factor == 0:
            return f"{value / factor:f} {unit}"
    return f"{value:f}"
