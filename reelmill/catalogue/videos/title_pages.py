"""A search's videos by title, where most of them begin with a word: they stand together, far from the first titles.

They are divided in two, whose sum is all that is meant: what begins with the word, which is read in the order of titles
from there on, and what does not, for which the index of what is in titles need not be asked about all that do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sqlalchemy import ColumnElement, Text, func, literal_column
from sqlmodel import Session, select

from reelmill.catalogue.filters.filter_conditions import And, Comparison, Condition, Inside, Not, Or
from reelmill.catalogue.models import FOLDED_TITLE, TITLE_KEY


@dataclass(frozen=True)
class Split:
    """What is meant, in two."""

    begins: ColumnElement[bool]  # whether a title begins with the word
    others: Condition  # for the titles that do not, the same as what is meant

    @classmethod
    def of(cls, session: Session, meant: Condition) -> Self | None:
        """Divide what is meant by the first word that it looks for in titles.

        Args:
            session: of the catalogue.
            meant: which videos.

        Returns:
            The two; None where it looks for no word, or one that titles are not sorted by as it is written.
        """
        word = _word(meant)
        if word is None:
            return None
        lower = func.lower(word.value)
        folded, as_written = session.connection().execute(select(func.lower(func.normalize(word.value)), lower)).one()
        if folded != as_written or len(folded) > TITLE_KEY:
            return None
        return cls(literal_column(FOLDED_TITLE, Text()).startswith(folded, autoescape=True), _others(meant, word))


def _word(meant: Condition) -> Comparison | None:
    match meant:
        case Comparison("title", "contains"):
            return meant
        case And(operands) | Or(operands):
            return next(filter(None, map(_word, operands)), None)
    return None


def _others(meant: Condition, word: Comparison) -> Condition:
    match meant:
        case Not(operand):
            return Not(_others(operand, word))
        case And(operands):
            return And(tuple(_others(operand, word) for operand in operands))
        case Or(operands):
            return Or(tuple(_others(operand, word) for operand in operands))
    return Inside(word) if meant == word else meant
