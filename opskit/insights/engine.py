"""Runs compiled queries on DuckDB."""

from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from opskit.insights.compile import Compiled
from opskit.insights.errors import MalformedQueryError
from opskit.insights.values import show

Row = dict[str, str]


def check(cursor: "duckdb.DuckDBPyConnection", compiled: Compiled) -> None:
    """Have the engine read every regular expression; MalformedQueryError for one that it refuses."""
    for pattern, span in compiled.regexes:
        try:
            cursor.execute("SELECT regexp_matches('', $pattern)", {"pattern": pattern}).fetchall()
        except duckdb.InvalidInputException as error:
            message = str(error).partition(": ")[2]
            raise MalformedQueryError(f"invalid regular expression: {message}", span) from None


def run(cursor: "duckdb.DuckDBPyConnection", compiled: Compiled) -> Iterator[tuple[Row, Any]]:
    """Yield each row, absent values left out, with the source's pointer to its event or None."""
    for values in cursor.execute(compiled.sql, compiled.values).fetchall():
        shown = (
            (name, show(value, kind)) for (name, kind), value in zip(compiled.columns, values, strict=False)
        )
        row = {name: text for name, text in shown if text is not None}
        yield row, values[-1] if compiled.pointer else None


def matched(cursor: "duckdb.DuckDBPyConnection", compiled: Compiled) -> int:
    """Return how many events passed the query's filters."""
    return _one(cursor, compiled.matched, compiled.matched_values)


def _one(cursor: "duckdb.DuckDBPyConnection", sql: str, values: Mapping[str, Any]) -> int:
    row = cursor.execute(sql, values).fetchone()
    return int(row[0]) if row else 0
