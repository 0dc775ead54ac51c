"""What every table of the catalogue stands on: the schema, the base class and the types of columns."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, ClassVar, Final

from sqlalchemy import DateTime, Dialect, MetaData, String, TypeDecorator
from sqlmodel import Field, SQLModel

SCHEMA: Final = "catalogue"


class CatalogueModel(SQLModel):
    """Base of all tables, with metadata of its own so that migrations see nothing else."""

    metadata: ClassVar[MetaData] = MetaData(schema=SCHEMA)


class Rational(TypeDecorator[Fraction]):
    """An exact rate such as 30000/1001, kept as that text."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Fraction | None, dialect: Dialect) -> str | None:
        """Python to database."""
        return None if value is None else f"{value.numerator}/{value.denominator}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Fraction | None:
        """Database to Python."""
        return None if value is None else Fraction(value)


def utc_now() -> datetime:
    """The current time, with its zone."""
    return datetime.now(UTC)


def time_column(**options: Any) -> Any:
    """A column that holds a time, with its zone; now, where none is given."""
    return Field(default_factory=utc_now, sa_type=DateTime(timezone=True), **options)
