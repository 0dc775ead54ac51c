"""How many rows PostgreSQL expects of a statement, which it does not carry out."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable
from sqlmodel import Session


class _Explanation(Executable, ClauseElement):
    """The plan of a statement, as JSON."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]):
        self.statement = statement


@compiles(_Explanation)
def _explanation(element: _Explanation, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def rows_expected(session: Session, statement: Select[Any]) -> int:
    """How many rows PostgreSQL expects of a statement, by its statistics; 1 at least."""
    plan = session.connection().execute(_Explanation(statement)).scalar_one()
    return max(1, int(plan[0]["Plan"]["Plan Rows"]))
