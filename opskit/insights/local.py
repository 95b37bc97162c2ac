"""A query over events at hand, on DuckDB, with the compiler and the discovery that the embedded AWS has."""

# ruff: noqa: S608 - SQL is made of our own names and numbers

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import duckdb

from opskit.insights import discover, engine
from opskit.insights.compile import compile_query
from opskit.insights.exports import Event
from opskit.insights.parser import parse
from opskit.model import Window

CHUNK = 10_000
"""Events in one statement."""
_STORED = "id BIGINT, ts BIGINT, ingested BIGINT, log VARCHAR, stream VARCHAR, message VARCHAR"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A query's rows, its statistics as GetQueryResults names them, and how many events have no time."""

    rows: tuple[engine.Row, ...]
    statistics: dict[str, float]
    untimed: int


def run(query: str, events: Iterable[Event], now_s: int, limit: int, window: Window | None = None) -> Outcome:
    """Return what a query says of events, of all or of those in `window` (its end included, as at AWS).

    An event without a time gets that of the one before it, the first ones that of the first which has one,
    else `now_s`. MalformedQueryError as AWS would refuse the query.
    """
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE events ({_STORED})")
        untimed = _store(connection, events, now_s * 1000)
        within = f" WHERE ts BETWEEN {window.start * 1000} AND {window.end * 1000}" if window else ""
        # What is discovered is worked out where it is asked for: stored, it would be the file once more.
        source = discover.source(f"({discover.extract(f'(SELECT * FROM events{within})')}) AS events")
        compiled = compile_query(parse(query), source, now_s, limit)
        engine.check(connection, compiled)
        rows = tuple(row for row, _ in engine.run(connection, compiled))
        read = engine.scanned(connection, compiled, source)
        logs = connection.execute(f"SELECT count(DISTINCT log) FROM {source.relation}").fetchone()
        matched = engine.matched(connection, compiled)
        return Outcome(
            rows, engine.statistics(read, matched, len(rows), int(logs[0]) if logs else 0), untimed
        )


def _store(connection: "duckdb.DuckDBPyConnection", events: Iterable[Event], at_ms: int) -> int:
    """Store events in their order and return how many have no time of their own."""
    rest, first, untimed = iter(events), 0, 0
    while chunk := list(islice(rest, CHUNK)):
        if not first:
            at_ms = next((event.at_ms for event in chunk if event.at_ms is not None), at_ms)
        times: list[int] = []
        for event in chunk:
            untimed += event.at_ms is None
            at_ms = at_ms if event.at_ms is None else event.at_ms
            times.append(at_ms)
        _insert(connection, chunk, times, first)
        first += len(chunk)
    return untimed


def _insert(
    connection: "duckdb.DuckDBPyConnection", events: Sequence[Event], times: Sequence[int], first: int
) -> None:
    arriving = (
        "(SELECT unnest($times) AS ts, unnest($ingested) AS ingested, unnest($messages) AS message, "
        "unnest($streams) AS stream, unnest($logs) AS log, unnest(range($first, $last)) AS id)"
    )
    connection.execute(
        f"INSERT INTO events BY NAME {arriving}",
        {
            "times": list(times),
            "ingested": [e.ingested_ms or at_ms for e, at_ms in zip(events, times, strict=True)],
            "messages": [event.message for event in events],
            "streams": [event.stream for event in events],
            "logs": [event.log for event in events],
            "first": first,
            "last": first + len(events),
        },
    )
