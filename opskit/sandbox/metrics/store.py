"""Where datapoints live: a dictionary of series and one table of points, in DuckDB.

A point keeps its count, sum, minimum and maximum; the single values, with how often each was seen, stand
beside them if there was more than one.
"""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from opskit.sandbox.metrics.batch import Dimensions, SeriesBatch

SCHEMA = """
CREATE TABLE IF NOT EXISTS metric_series (
    id INTEGER PRIMARY KEY, region VARCHAR, namespace VARCHAR, name VARCHAR, dimensions VARCHAR, unit VARCHAR
);
CREATE TABLE IF NOT EXISTS metric_points (
    series INTEGER, t BIGINT, n DOUBLE, s DOUBLE, lo DOUBLE, hi DOUBLE, vals DOUBLE[], counts DOUBLE[]
);
"""

INSERT = """
WITH rows AS (
    SELECT unnest(from_json($1, '[{"series": "INTEGER", "t": ["BIGINT"], "v": ["DOUBLE"],
        "n": ["DOUBLE"], "s": ["DOUBLE"], "lo": ["DOUBLE"], "hi": ["DOUBLE"],
        "x": [["DOUBLE"]], "c": [["DOUBLE"]]}]'), recursive := true)
), points AS (
    SELECT series, unnest(t) AS t, unnest(v) AS v, unnest(n) AS n, unnest(s) AS s, unnest(lo) AS lo,
        unnest(hi) AS hi, unnest(x) AS x, unnest(c) AS c
    FROM rows
)
INSERT INTO metric_points
SELECT series, t,
    coalesce(n, list_sum(c), len(x), 1),
    coalesce(s, v, list_sum(list_transform(list_zip(x, c), lambda p: p[1] * p[2])), list_sum(x)),
    coalesce(lo, v, list_min(x)),
    coalesce(hi, v, list_max(x)),
    x, c
FROM points
"""
"""One row per series, holding lists; what a shape of datapoint has not is NULL, and derived."""

CUT = """
DELETE FROM metric_points USING (
    SELECT unnest($series::INTEGER[]) AS id, unnest($since::BIGINT[]) AS since
) AS cut WHERE series = cut.id AND t >= cut.since
"""

NAME = """
INSERT INTO metric_series
SELECT unnest(from_json($1, '[{"id": "INTEGER", "region": "VARCHAR", "namespace": "VARCHAR",
    "name": "VARCHAR", "dimensions": "VARCHAR", "unit": "VARCHAR"}]'), recursive := true)
"""


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What names a metric on AWS; `dimensions` are sorted. Its units are series of their own."""

    region: str
    namespace: str
    name: str
    dimensions: Dimensions


@dataclass(slots=True)
class Kept:
    """One series of the dictionary; `newest` is the newest datapoint's time."""

    id: int
    key: SeriesKey
    unit: str
    newest: int = 0

    def row(self) -> dict[str, Any]:
        """Return the series as the table has it."""
        key = self.key
        return {
            "id": self.id,
            "region": key.region,
            "namespace": key.namespace,
            "name": key.name,
            "dimensions": json.dumps(key.dimensions),
            "unit": self.unit,
        }


Columns = tuple[tuple[SeriesKey, str], Mapping[str, Any]]
"""A series (key, unit) and its datapoints as SeriesBatch.columns has them."""


def _named(batch: SeriesBatch) -> tuple[SeriesKey, str]:
    dimensions = tuple(sorted(batch.dimensions))
    return SeriesKey(batch.region, batch.namespace, batch.name, dimensions), batch.unit


def _columns(batch: SeriesBatch) -> Columns:
    return _named(batch), batch.columns()


class Store:
    """Series and points; safe to use from many threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._series: dict[SeriesKey, dict[str, Kept]] = {}
        self._ids = 0
        connection.execute(SCHEMA)
        self._remember()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return a connection of the caller's own to the same database; the caller closes it."""
        return self._connection.cursor()

    def series(self, key: SeriesKey, unit: str | None = None) -> list[Kept]:
        """Return the series published exactly so: one per unit, or the one of `unit`; [] if none."""
        units = self._series.get(key, {})
        if unit is None:
            return list(units.values())
        return [units[unit]] if unit in units else []

    def metrics(self, region: str, since: int) -> list[SeriesKey]:
        """Return the metrics of a region that have a datapoint since then, sorted by name."""
        with self._lock:
            live = [
                key
                for key, units in self._series.items()
                if key.region == region and any(kept.newest >= since for kept in units.values())
            ]
        return sorted(live, key=lambda key: (key.namespace, key.name, key.dimensions))

    def add(self, columns: Iterable[Columns]) -> None:
        """Insert datapoints in one statement."""
        with self._lock, self.cursor() as cursor:
            self._insert(cursor, columns)

    def load(self, batches: Iterable[SeriesBatch]) -> None:
        """Insert whole series at once."""
        self.add(_columns(batch) for batch in batches)

    def publish(self, batches: Sequence[SeriesBatch], since: Sequence[int]) -> None:
        """Replace each batch's series from a time on (epoch s); a reader sees all of it or nothing."""
        with self._lock, self.cursor() as cursor:
            cursor.begin()
            self._cut(cursor, {_named(batch): at for batch, at in zip(batches, since, strict=True)})
            self._insert(cursor, map(_columns, batches))
            cursor.commit()

    def _cut(self, cursor: duckdb.DuckDBPyConnection, since: Mapping[tuple[SeriesKey, str], int]) -> None:
        """Delete the datapoints of known series from a time on."""
        cut = [(kept, at) for (key, unit), at in since.items() for kept in self.series(key, unit)]
        cursor.execute(CUT, {"series": [kept.id for kept, _ in cut], "since": [at for _, at in cut]})
        for kept, at in cut:
            kept.newest = min(kept.newest, at - 1)

    def _insert(self, cursor: duckdb.DuckDBPyConnection, columns: Iterable[Columns]) -> None:
        rows: list[dict[str, Any]] = []
        new: list[Kept] = []
        for (key, unit), seen in columns:
            if seen["t"]:
                kept = self._kept(key, unit, new)
                kept.newest = max(kept.newest, *seen["t"])
                rows.append({"series": kept.id, **seen})
        if new:
            cursor.execute(NAME, [json.dumps([kept.row() for kept in new])])
        if rows:
            cursor.execute(INSERT, [json.dumps(rows)])

    def shift(self, seconds: int) -> None:
        """Move every datapoint `seconds` further into the past."""
        with self._lock, self.cursor() as cursor:
            cursor.execute("UPDATE metric_points SET t = t - ?", [seconds])
            for units in self._series.values():
                for kept in units.values():
                    kept.newest -= seconds

    def _kept(self, key: SeriesKey, unit: str, new: list[Kept]) -> Kept:
        units = self._series.setdefault(key, {})
        if unit not in units:
            units[unit] = Kept(self._ids, key, unit)
            new.append(units[unit])
            self._ids += 1
        return units[unit]

    def _remember(self) -> None:
        """Read the dictionary of a database that was there already."""
        rows = self._connection.execute(
            "SELECT m.*, max(t) FROM metric_series m LEFT JOIN metric_points ON series = m.id GROUP BY ALL"
        ).fetchall()
        for number, region, namespace, name, dimensions, unit, newest in rows:
            pairs = tuple((d, value) for d, value in json.loads(dimensions))
            key = SeriesKey(region, namespace, name, pairs)
            self._series.setdefault(key, {})[unit] = Kept(number, key, unit, newest or 0)
            self._ids = max(self._ids, number + 1)
