"""The alarms that Terraform makes: the limits, minutes and severities of the table, on series that exist."""

import math

import pytest
from infra_fleet import fleet

from opskit import thresholds
from opskit.health.alarms.wanted import wanted
from opskit.inventory import Worker
from opskit.model import Severity
from opskit.thresholds import Threshold


def _level(limit: Threshold, level: str, worker: Worker) -> float | None:
    """Return what a limit comes to in its metric's unit."""
    value = limit.warn if level == "warn" else limit.crit
    if limit.name == "duration_p95":
        return limit.of_timeout_ms(worker.expected["timeout_s"])[level == "crit"]
    if value is None:
        return None
    of = {
        "iterator_age": 100_000,
        "queue_age": worker.expected.get("retention_s"),
        "concurrency": worker.expected["reserved_concurrency"],
    }
    return value * (of.get(limit.name, 100) or 0) / 100


def test_an_alarms_threshold_is_the_tables() -> None:
    for name, worker, alarm in fleet().each_alarm():
        limit = worker.limits[alarm["row"]]
        at_least = alarm["level"] == "crit" and limit.crit_at_least
        exact = _level(limit, alarm["level"], worker)
        assert exact is not None
        whole = math.ceil(exact) if at_least else math.floor(exact)
        assert alarm["threshold"] == (exact if alarm["expression"] else whole), name
        assert alarm["comparison"] == (
            "GreaterThanOrEqualToThreshold" if at_least else "GreaterThanThreshold"
        )


def test_an_alarm_looks_at_the_tables_minutes() -> None:
    for name, worker, alarm in fleet().each_alarm():
        limit = worker.limits[alarm["row"]]
        when = limit.warn_when if alarm["level"] == "warn" else limit.crit_when
        looked = (alarm["period_s"], alarm["breaching"], alarm["evaluated"])
        if "read-age" in name:
            assert looked == (60, 5, 5)
        elif alarm["row"] == "duration_p95":
            assert looked == (300, 1, 1), "a minute is too few executions for a percentile"
        else:
            assert looked == ((60 * when.of, 1, 1) if when.total else (60, when.minutes, when.of)), name


def test_a_warning_wakes_nobody() -> None:
    for name, worker, alarm in fleet().each_alarm():
        severity = worker.limits[alarm["row"]].severity
        least = min(severity, Severity.MEDIUM, key=lambda one: one.rank)
        assert alarm["severity"] == (severity if alarm["level"] == "crit" else least).value, name


def test_every_level_of_the_table_has_an_alarm() -> None:
    found = {(alarm["row"], alarm["level"]) for _, _, alarm in fleet().each_alarm()}
    assert found == {
        (name, level)
        for name, limit in thresholds.load().items()
        for level, value in (("warn", limit.warn), ("crit", limit.crit))
        if value is not None
    } | {("queue_depth", "crit")}, "ownLimits has one of its own"


def test_opskit_health_misses_no_alarm() -> None:
    for name, worker in fleet().expected.items():
        looks = {
            (metric["namespace"], metric["name"], dimension)
            for alarm in fleet().alarms[name].values()
            for metric in alarm["metrics"].values()
            for dimension in metric["dimensions"].items()
        }
        for want in wanted(worker):
            assert not looks.isdisjoint(want.looks), f"{name}: {want.what}"


def test_a_share_is_of_the_requests_of_the_same_stage() -> None:
    alarm = fleet().alarms["prod us-east-1/validateToken"][
        "prd2011-prod-us-east-1-identity-verification-5xx-crit"
    ]
    stage = {"ApiName": "prd2011-prod-us-east-1-identity-verification", "Stage": "prod"}
    assert alarm["metrics"] == {
        "failed": {"namespace": "AWS/ApiGateway", "name": "5XXError", "stat": "Sum", "dimensions": stage},
        "requests": {
            "namespace": "AWS/ApiGateway",
            "name": "Count",
            "stat": "SampleCount",
            "dimensions": stage,
        },
    }
    assert alarm["expression"] == "100 * failed / requests"


@pytest.mark.parametrize(
    ("part", "missing"),
    [
        ("scoreUsers-errors-crit", "notBreaching"),
        ("scoreUsers-iterator-age-crit", "missing"),
        ("fan-events-read-age-crit", "breaching"),
        ("fan-events-failed-dead-letters-crit", "ignore"),
    ],
)
def test_silence_means_what_the_metric_says(part: str, missing: str) -> None:
    alarms = fleet().alarms["prod us-east-1/scoreUsers"]
    assert alarms[f"prd2011-prod-us-east-1-{part}"]["missing_data"] == missing
