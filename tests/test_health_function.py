"""Errors, throttles, duration and concurrency: at the limits, beyond them, and what only looks bad."""

from dataclasses import replace
from typing import Any

import pytest
from health_readings import (
    DENIED,
    EMPTY,
    END,
    HANDLE,
    SCORE,
    cell,
    minutes,
    row,
    said_of,
    with_limits,
)

from opskit.health import judging
from opskit.model import Finding, Severity

OK, UNKNOWN = ("OK", None), ("UNKNOWN", None)
CRITICAL, WARNED, LOW = ("CRIT", "critical"), ("WARN", "medium"), ("WARN", "low")


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ([], OK),
        ([0] * 60, OK),
        ([1, 1, 0, 0, 0], LOW),  # two minutes of five are not sustained; the handbook wants none in an hour
        ([1, ..., 1, ..., 1], WARNED),
        ([1, 1, 1, 1, 1], WARNED),
        ([5, 0, 0, 0, 0], LOW),
        ([6, 0, 0, 0, 0], CRITICAL),
        ([2, 1, 1, 1, 1], CRITICAL),
        ([6, *[0] * 8], CRITICAL),  # within five minutes of one of the last five moments
        ([6, *[0] * 9], LOW),
        ([400, *[0] * 40], LOW),
    ],
)
def test_errors(newest: list[Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(SCORE, "errors", {"errors": newest})) == expected


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ([], OK),
        ([1], WARNED),
        ([1, 0, 0, 0, 0], WARNED),
        ([1, 0, 0, 0, 0, 0], OK),
        ([1, 0, 1, 0, 1], WARNED),
        ([1, 1], CRITICAL),
        ([9, 9, 0, 0, 0, 0], CRITICAL),  # of the last five moments, one ends with both
        ([9, 9, *[0] * 5], OK),
    ],
)
def test_throttles(newest: list[Any], expected: tuple[str, str | None]) -> None:
    assert said_of(cell(SCORE, "throttles", {"throttles": newest})) == expected


def test_a_function_whose_every_invocation_is_refused_is_throttled_and_not_idle() -> None:
    """Throttled requests are in neither Invocations nor Errors."""
    said = {"invocations": EMPTY, "throttles": [30] * 20}
    assert said_of(cell(SCORE, "throttles", said)) == CRITICAL
    assert cell(SCORE, "throttles", said).since == minutes([1] * 20).points[0][0]


@pytest.mark.parametrize(
    "indicator", ["errors", "throttles", "duration", "concurrency", "dead-letter-errors"]
)
def test_an_idle_function_is_well_and_one_that_may_be_gone_is_not(indicator: str) -> None:
    silent = dict.fromkeys(("invocations", "duration", "concurrency", "claimed"), EMPTY)
    idle = cell(SCORE, indicator, silent)
    assert (said_of(idle), idle.shown) == (OK, "idle")
    assert said_of(cell(SCORE, indicator, {**silent, "function": DENIED})) == UNKNOWN


@pytest.mark.parametrize("indicator", ["errors", "throttles", "dead-letter-errors"])
def test_a_counter_without_a_datapoint_is_zero_beside_traffic_only(indicator: str) -> None:
    assert said_of(cell(SCORE, indicator)) == OK
    assert said_of(cell(SCORE, indicator, {"invocations": DENIED})) == UNKNOWN


@pytest.mark.parametrize(
    ("timeout_s", "p95_ms", "expected"),
    [
        (60, 48_000, OK),
        (60, 48_001, WARNED),
        (60, 55_000, WARNED),
        (60, 55_001, ("CRIT", "medium")),
        (25, 20_000, OK),
        (25, 20_001, ("CRIT", "medium")),  # 80 % and timeout less 5 s are the same there
        (24, 19_200, OK),
        (24, 19_201, WARNED),
        (24, 22_800, WARNED),
        (24, 22_801, ("CRIT", "medium")),
        (900, 895_000, WARNED),
        (900, 895_001, ("CRIT", "medium")),
    ],
)
def test_duration_is_held_against_the_functions_own_timeout(
    timeout_s: int, p95_ms: float, expected: tuple[str, str | None]
) -> None:
    said = {"function": {"timeout_s": timeout_s}, "duration": [p95_ms]}
    assert said_of(cell(SCORE, "duration", said)) == expected


def test_a_function_whose_first_run_is_of_this_minute_has_no_percentile_yet_and_is_not_unknown() -> None:
    """The window ends at 01:58: the five minutes from 01:55 on are not whole, and not asked."""
    just_now = {"invocations": [*[...] * 57, 1, 1, 1], "duration": EMPTY}
    assert said_of(cell(SCORE, "duration", just_now)) == OK
    before = {"invocations": [*[...] * 56, 1, 1, 1, 1], "duration": EMPTY}
    assert said_of(cell(SCORE, "duration", before)) == UNKNOWN
    assert said_of(cell(SCORE, "duration", {**just_now, "duration": DENIED})) == UNKNOWN


def test_a_critical_level_of_its_own_is_the_level_whatever_the_timeout() -> None:
    own = with_limits(SCORE, "duration_p95", crit=90, crit_below_timeout_s=None)
    assert said_of(cell(own, "duration", {"duration": [54_001]})) == ("CRIT", "medium")
    assert said_of(cell(own, "duration", {"duration": [54_000]})) == WARNED


def test_a_duration_that_was_too_long_and_is_not_any_more_is_over() -> None:
    assert said_of(cell(SCORE, "duration", {"duration": [59_000, 59_000, 900]})) == OK


@pytest.mark.parametrize(
    ("reserved", "said", "expected"),
    [
        (10, {"concurrency": [8] * 5}, OK),
        (10, {"concurrency": [9]}, WARNED),
        (10, {"concurrency": [10]}, ("CRIT", "medium")),
        (10, {"concurrency": [10, *[2] * 5]}, OK),
        (10, {"claimed": [1000]}, OK),
        (0, {}, ("CRIT", "high")),  # it is switched off
        (0, {"invocations": EMPTY}, ("CRIT", "high")),
        (None, {"claimed": [800] * 5}, OK),
        (None, {"claimed": [801]}, WARNED),
        (None, {"claimed": [1000]}, ("CRIT", "medium")),
        # below the limit with what it runs itself, but the account's is taken by others
        (None, {"concurrency": [1], "claimed": [1000]}, ("CRIT", "medium")),
        (None, {"concurrency": [999]}, OK),
        (None, {"claimed": EMPTY}, UNKNOWN),
        (None, {"account": DENIED}, UNKNOWN),
        (10, {"account": DENIED, "claimed": DENIED}, OK),
    ],
)
def test_concurrency_is_a_share_of_what_is_reserved_else_of_the_accounts(
    reserved: int | None, said: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    whole = {"function": {"reserved_concurrency": reserved}, **said}
    assert said_of(cell(SCORE, "concurrency", whole)) == expected


def test_a_workers_own_limits_are_the_limits() -> None:
    patient = with_limits(HANDLE, "lambda_errors", warn=10.0, crit=100.0)
    assert said_of(cell(patient, "errors", {"errors": [11] * 5})) == WARNED
    assert said_of(cell(patient, "errors", {"errors": [20] * 5})) == WARNED
    assert said_of(cell(patient, "errors", {"errors": [21] * 5})) == CRITICAL
    switched_off = with_limits(HANDLE, "lambda_throttles", warn=None, crit=None)
    assert said_of(cell(switched_off, "throttles", {"throttles": [50] * 10})) == OK


def test_the_same_count_is_a_finding_of_its_own_where_it_is_worse() -> None:
    """Limits and severities are a worker's own: the mild one must not speak for the other."""
    mild = replace(with_limits(SCORE, "lambda_errors", severity=Severity.LOW), name="aMild")
    rows = [row(one, {"errors": [6]}) for one in (mild, SCORE, replace(SCORE, name="another"))]
    found = [(one.subject, one.severity) for one in judging.findings(rows)]
    assert found == [("scoreUsers, another", Severity.CRITICAL), ("aMild", Severity.LOW)]


def test_evidence_is_of_the_minute_that_had_the_value_and_a_sum_of_none() -> None:
    (throttled,) = judging.findings([row(SCORE, {"throttles": [3, 0, 0, 0, 0, 0, 0, 2, 0, 0]})])
    (summed,) = judging.findings([row(SCORE, {"throttles": [3, 0, 0, 0, 0, 0, 0, 2, 2, 0]})])
    assert (throttled.evidence[0].value, throttled.evidence[0].at) == (2, END - 3 * 60)
    assert (summed.evidence[0].value, summed.evidence[0].at) == (4, None)


def test_the_next_step_of_an_alarm_is_that_of_what_is_worst_of_its_worker() -> None:
    red = Finding("alarm-in-alarm", Severity.HIGH, SCORE.function, "in ALARM: scoreUsers Errors")
    (well,) = judging.of_alarms([red], [row(SCORE)])
    (lying,) = judging.of_alarms([red], [row(SCORE, {"dead": [3]})])
    assert "diagnose stream-lag --fn scoreUsers" in well.fix[0]
    assert f"dlq peek {SCORE.dead_letter_queue}" in lying.fix[0]


def test_two_functions_that_are_switched_off_are_two_findings_and_a_full_account_is_one() -> None:
    off = [row(one, {"function": {"reserved_concurrency": 0}}) for one in (SCORE, HANDLE)]
    assert [one.subject for one in judging.findings(off)] == ["scoreUsers", "handleEvent"]
    full = {"function": {"reserved_concurrency": None}, "claimed": [1000]}
    (found,) = judging.findings([row(one, full) for one in (SCORE, HANDLE)])
    assert found.subject == "scoreUsers, handleEvent"


def test_two_functions_with_the_same_count_are_two_findings_with_a_command_each() -> None:
    found = judging.findings([row(one, {"errors": [6]}) for one in (SCORE, HANDLE)])
    assert [(one.subject, one.fix[0].split("--fn ")[1].split()[0]) for one in found] == [
        ("scoreUsers", "scoreUsers"),
        ("handleEvent", "handleEvent"),
    ]
