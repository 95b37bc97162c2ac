"""All the statistics of one call in one SQL statement: one pass over the points asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from opskit.sandbox.metrics.statistics import PLAIN, Stat
from opskit.sandbox.metrics.store import Store

Columns = tuple[list[int], list[float]]
"""Period starts in epoch seconds, ascending, and the statistic of each; periods without data are absent."""

_ASKED = """
asked AS (
    SELECT unnest($q::INTEGER[]) AS q, unnest($series::INTEGER[]) AS series,
        unnest($period::INTEGER[]) AS period, unnest($first::BIGINT[]) AS first,
        unnest($last::BIGINT[]) AS last, unnest($kind::VARCHAR[]) AS kind, unnest($low::DOUBLE[]) AS low,
        unnest($high::DOUBLE[]) AS high, unnest($by_value::BOOLEAN[]) AS by_value
)"""

# The constant bounds let DuckDB skip row groups by time before the join.
_INSIDE = "t >= $least AND t < $most AND t >= first AND t < last"

_PLAIN = f"""
plain AS (
    SELECT q, kind, t // period * period AS slot, sum(n) AS n, sum(s) AS s, min(lo) AS lo, max(hi) AS hi
    FROM metric_points JOIN asked USING (series)
    WHERE {_INSIDE} AND kind IN ({", ".join(f"'{kind}'" for kind in PLAIN)})
    GROUP BY q, kind, slot
), plain_values AS (
    SELECT q, slot, CASE kind {" ".join(f"WHEN '{k}' THEN {sql}" for k, sql in PLAIN.items())} END AS value
    FROM plain
)"""  # noqa: S608 - made of this module's constants

# Percentiles are by nearest rank. A period has none if a statistic set hides its values (unless they are
# all equal) or a value is negative, as on AWS.
_SPREAD = f"""
spread AS (
    SELECT q, kind, low, high, by_value, t // period * period AS slot,
        lo < 0 OR (vals IS NULL AND lo < hi) AS hidden,
        unnest(coalesce(vals, [lo])) AS v,
        unnest(CASE WHEN vals IS NULL THEN [n]
            ELSE coalesce(counts, list_transform(vals, lambda _: 1.0)) END) AS c
    FROM metric_points JOIN asked USING (series)
    WHERE {_INSIDE} AND kind NOT IN ({", ".join(f"'{kind}'" for kind in PLAIN)})
), ranked AS (
    SELECT *, sum(c) OVER (PARTITION BY q, slot ORDER BY v, c ROWS UNBOUNDED PRECEDING) AS upto,
        sum(c) OVER (PARTITION BY q, slot) AS total
    FROM spread
), weighed AS (
    SELECT *, CASE WHEN by_value THEN CASE WHEN v > low AND v <= high THEN c ELSE 0 END
        ELSE greatest(0, least(upto, total * high / 100) - greatest(upto - c, total * low / 100)) END AS w
    FROM ranked
), spread_values AS (
    SELECT q, slot, CASE any_value(kind)
        WHEN 'p' THEN min(v) FILTER (WHERE upto >= total * high / 100 * (1 - 1e-12))
        WHEN 'tm' THEN sum(v * w) / nullif(sum(w), 0)
        WHEN 'tc' THEN sum(w)
        WHEN 'ts' THEN sum(v * w)
        WHEN 'pr' THEN 100 * sum(w) / any_value(total)
        WHEN 'wm' THEN (sum(v * w) + any_value(total * low / 100) * min(v) FILTER (WHERE w > 0)
            + any_value(total * (100 - high) / 100) * max(v) FILTER (WHERE w > 0)) / any_value(total)
        END AS value
    FROM weighed GROUP BY q, slot HAVING NOT bool_or(hidden)
)"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Ask:
    """One statistic of one metric: its series (one per unit), period and time, first <= t < last."""

    series: tuple[int, ...]
    stat: Stat
    period: int
    first: int
    last: int


def read(store: Store, asks: Sequence[Ask]) -> list[Columns]:
    """Answer every ask, in order; a metric without data in its time has empty columns."""
    answers: list[Columns] = [([], []) for _ in asks]
    if not any(ask.series for ask in asks):
        return answers
    with store.cursor() as cursor:
        for q, slots, values in cursor.execute(_statement(asks), _parameters(asks)).fetchall():
            answers[q] = (slots, values)
    return answers


def _statement(asks: Sequence[Ask]) -> str:
    """Leave out the half that nobody asked for."""
    halves = [
        (sql, name)
        for sql, name, wanted in (
            (_PLAIN, "plain_values", any(ask.stat.plain for ask in asks)),
            (_SPREAD, "spread_values", any(not ask.stat.plain for ask in asks)),
        )
        if wanted
    ]
    source = " UNION ALL ".join(f"SELECT q, slot, value FROM {name}" for _, name in halves)  # noqa: S608
    return (
        f"WITH {', '.join([_ASKED, *(sql for sql, _ in halves)])} "  # noqa: S608
        "SELECT q, list(slot ORDER BY slot), list(value ORDER BY slot) "
        f"FROM ({source}) WHERE value IS NOT NULL GROUP BY q"
    )


def _parameters(asks: Sequence[Ask]) -> dict[str, object]:
    rows = [(q, number, ask) for q, ask in enumerate(asks) for number in ask.series]
    return {
        "q": [q for q, _, _ in rows],
        "series": [number for _, number, _ in rows],
        "period": [ask.period for _, _, ask in rows],
        "first": [ask.first for _, _, ask in rows],
        "last": [ask.last for _, _, ask in rows],
        "kind": [ask.stat.kind for _, _, ask in rows],
        "low": [ask.stat.low for _, _, ask in rows],
        "high": [ask.stat.high for _, _, ask in rows],
        "by_value": [ask.stat.by_value for _, _, ask in rows],
        "least": min(ask.first for _, _, ask in rows),
        "most": max(ask.last for _, _, ask in rows),
    }
