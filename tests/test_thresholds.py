"""The table of limits is the decided one, and a worker's own limits go over it."""

import pytest

from opskit import thresholds
from opskit.model import Limit, Severity
from opskit.series import Series
from opskit.thresholds import When

C, H, M, L = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW
MINUTE, THREE_OF_FIVE, TWO_RUNNING, FIVE_TOGETHER = When(), When(3, 5), When(2, 2), When(of=5, total=True)
DECIDED = {
    "lambda_errors": (0, THREE_OF_FIVE, 5, FIVE_TOGETHER, "count", C),
    "lambda_throttles": (0, MINUTE, 0, TWO_RUNNING, "count", C),
    "iterator_age": (60, MINUTE, 120, MINUTE, "s", H),
    "dead_letters": (None, MINUTE, 0, MINUTE, "count", H),
    "api_5xx": (0, THREE_OF_FIVE, 1, FIVE_TOGETHER, "percent", H),
    "duration_p95": (80, MINUTE, 95, MINUTE, "percent", M),
    "queue_depth": (1000, MINUTE, None, MINUTE, "count", M),
    "queue_age": (None, MINUTE, 50, MINUTE, "percent", M),
    "concurrency": (80, MINUTE, 100, MINUTE, "percent", M),
    "dynamodb_throttles": (0, MINUTE, 0, TWO_RUNNING, "count", M),
    "api_4xx": (5, MINUTE, None, MINUTE, "percent", L),
}


def test_the_table_is_the_decided_one() -> None:
    table = {
        name: (t.warn, t.warn_when, t.crit, t.crit_when, t.unit, t.severity)
        for name, t in thresholds.load().items()
    }
    assert table == DECIDED
    assert thresholds.names() == tuple(DECIDED)


def test_every_threshold_is_a_limit_that_knows_its_name() -> None:
    assert all(isinstance(limit, Limit) and limit.name == name for name, limit in thresholds.load().items())


def test_every_row_of_the_table_has_its_source() -> None:
    rows = [line for line in thresholds.TABLE.read_text().splitlines() if line and line[0] not in " #"]
    assert len(rows) == len(DECIDED)
    assert all(": # " in " ".join(row.split()) for row in rows)


def test_only_concurrency_is_critical_when_the_limit_is_reached() -> None:
    assert [name for name, limit in thresholds.load().items() if limit.crit_at_least] == ["concurrency"]


@pytest.mark.parametrize(
    ("timeout_s", "warn_ms", "crit_ms"),
    [
        (10, 8_000, 9_500),
        (24, 19_200, 22_800),
        (25, 20_000, 20_000),
        (60, 48_000, 55_000),
        (900, 720_000, 895_000),
    ],
)
def test_a_slow_function_is_judged_by_its_timeout(timeout_s: int, warn_ms: float, crit_ms: float) -> None:
    assert thresholds.load()["duration_p95"].of_timeout_ms(timeout_s) == (warn_ms, crit_ms)


def minutes(*values: float | None) -> Series:
    return Series(tuple((60 * i, value) for i, value in enumerate(values) if value is not None))


@pytest.mark.parametrize(
    ("when", "series", "holds"),
    [
        (MINUTE, minutes(9, 0), False),
        (MINUTE, minutes(0, 1), True),
        (MINUTE, minutes(), False),
        (THREE_OF_FIVE, minutes(1, 0, 1, 0, 1), True),
        (THREE_OF_FIVE, minutes(1, 1, 0, 0, 0, 1), False),
        (THREE_OF_FIVE, minutes(1, 1, 1, None, None, None, 1), False),
        (TWO_RUNNING, minutes(1, None, 1), False),
        (TWO_RUNNING, minutes(0, 1, 1), True),
        (FIVE_TOGETHER, minutes(9, 1, 1, 1, 1, 0), False),
        (FIVE_TOGETHER, minutes(2, 1, 1, 1, 0), False),
        (FIVE_TOGETHER, minutes(2, 1, 1, 1, 1), True),
    ],
)
def test_a_limit_holds_in_its_minutes(when: When, series: Series, holds: bool) -> None:
    assert when.holds(series, above=5 if when.total else 0) is holds


def test_a_workers_own_limits_go_over_the_defaults_and_leave_the_rest() -> None:
    merged = thresholds.merge(
        thresholds.load(), {"iterator_age": {"warn": 300, "crit": None}, "queue_depth": {"severity": "high"}}
    )
    assert (merged["iterator_age"].warn, merged["iterator_age"].crit) == (300, None)
    assert (merged["queue_depth"].warn, merged["queue_depth"].severity) == (1000, H)
    assert merged["api_4xx"] == thresholds.load()["api_4xx"]


def test_a_workers_own_critical_duration_is_meant_as_it_is_said() -> None:
    merged = thresholds.merge(thresholds.load(), {"duration_p95": {"crit": 99}})
    assert merged["duration_p95"].of_timeout_ms(60) == (48_000, 59_400)
