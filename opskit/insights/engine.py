"""Runs compiled queries on DuckDB."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from opskit.insights.compile import Compiled
from opskit.insights.errors import MalformedQueryError
from opskit.insights.sql import Source
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


@dataclass(frozen=True, slots=True)
class Scanned:
    """How many events a query reads and their bytes; an `estimate` reads none."""

    records: int
    size: int


def scanned(cursor: "duckdb.DuckDBPyConnection", compiled: Compiled, source: Source) -> Scanned:
    """Return what a query over `source` reads."""
    if compiled.estimate:
        return Scanned(0, 0)
    sql = f"SELECT count(*), coalesce(sum({source.size}), 0) FROM {source.relation}"  # noqa: S608 - the caller's own
    row = cursor.execute(sql).fetchone()
    return Scanned(int(row[0]), int(row[1])) if row else Scanned(0, 0)


def statistics(read: Scanned, matched: int, rows: int, groups: int) -> dict[str, float]:
    """Return a query's statistics as GetQueryResults names them (QueryStatistics in its API reference)."""
    return {
        "recordsMatched": float(matched),
        "recordsScanned": float(read.records),
        "bytesScanned": float(read.size),
        "estimatedRecordsSkipped": 0.0,
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": float(groups),
        "resultCount": float(rows),
    }


def matched(cursor: "duckdb.DuckDBPyConnection", compiled: Compiled) -> int:
    """Return how many events passed the query's filters."""
    return 0 if compiled.estimate else _one(cursor, compiled.matched, compiled.matched_values)


def _one(cursor: "duckdb.DuckDBPyConnection", sql: str, values: Mapping[str, Any]) -> int:
    row = cursor.execute(sql, values).fetchone()
    return int(row[0]) if row else 0
