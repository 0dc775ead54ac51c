"""Filters over videos as hypothesis makes them, and what they mean, evaluated row by row."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any, Final

from hypothesis import strategies as st

from reelmill.catalogue.filters.filter_conditions import And, Comparison, Condition, Flag, Missing, Not, Or
from reelmill.catalogue.filters.filter_fields import COMPARISONS, FIELDS, FLAGS, Field, Kind
from reelmill.catalogue.models import Video

_NORMAL: Final = {kind: [name for name in names if not name.startswith("!")] for kind, names in COMPARISONS.items()}
_WORDS: Final = (
    "videos",
    "h264",
    "beach",
    "holiday/*",
    "*b?ach*",
    "a%",
    "under_score",
    "O'Neill",
    'say "so"',
    "back\\s",
)
_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def _value(known: Field, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    if known.kind is Kind.QUANTITY:
        whole = st.integers(0, 10**15 - 1).map(Decimal)
        usual = st.sampled_from([Decimal(n) for n in (0, 2, 10, 90, 600, 1080, 10**9)])
        return usual | whole | st.decimals(0, 10**6, places=3)
    if known.kind is Kind.TIME:
        return st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda at: at.replace(tzinfo=UTC))
    return st.sampled_from(_WORDS) | texts


def _leaf(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Condition]:
    compared = [
        st.builds(Comparison, st.just(known.name), st.sampled_from(_NORMAL[known.kind]), _value(known, texts))
        for known in FIELDS.values()
        if _NORMAL[known.kind]
    ]
    flags = st.sampled_from(FLAGS).map(Flag)
    return st.one_of(flags, st.sampled_from(sorted(FIELDS)).map(Missing), *compared)


def conditions(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Condition]:
    """Any condition; its texts are of ``texts`` or usual ones."""

    def larger(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(inner, min_size=2, max_size=3).map(tuple)
        return inner.map(Not) | several.map(And) | several.map(Or)

    return st.recursive(_leaf(texts), larger, max_leaves=6)


@dataclass
class Facts:
    """A video, and what of it stands in other tables."""

    video: Video
    tags: set[str] = field(default_factory=set)
    products: set[str] = field(default_factory=set)


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether a condition is true of a video, evaluated as naively as it is read."""
    match condition:
        case Not(operand):
            return not holds(operand, facts)
        case And(operands):
            return all(holds(operand, facts) for operand in operands)
        case Or(operands):
            return any(holds(operand, facts) for operand in operands)
        case Flag(name):
            video = facts.video
            return {
                "invalid": not video.is_valid,
                "missing": video.missing_since is not None,
                "made": video.is_product,
            }[name]
        case Missing(name):
            known = FIELDS[name]
            if known.kind is Kind.TAG:
                return not facts.tags
            return getattr(facts.video, known.column) is None if known.column else name not in facts.products
        case Comparison("tag", compared, value):
            return any(_compare(tag, compared, str(value).lower()) for tag in facts.tags)
        case Comparison("path", "~", value):
            names = facts.video.path.split("/")
            return any(_compare("/".join(names[start:]), "~", value) for start in range(len(names)))
        case Comparison(name, compared, value):
            held = getattr(facts.video, FIELDS[name].column)
            return held is not None and _compare(held, compared, value)
    raise AssertionError(condition)


def _compare(held: Any, compared: str, value: Any) -> bool:
    if compared == "=":
        return bool(held == value)
    if compared == "contains":
        return value.lower() in held.lower()
    if compared == "~":
        pattern = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in value)
        return re.fullmatch(pattern, held, re.IGNORECASE | re.DOTALL) is not None
    if compared in ("after", "before"):
        return bool(held >= value if compared == "after" else held < value)
    return _ORDER[compared](Decimal(held) if isinstance(held, float) else held, value)
