"""What is unusual for an hour: told where it is, and not of what looks like it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from render_health import PLACE, WINDOW, health, row, worker

from opskit import gather
from opskit.health import asking, growth
from opskit.health.growth import DAY_S, DAYS, DROP, GROWTH, HOUR_S, Growth
from opskit.health.look import PAST_AT_ONCE, _with_unusual
from opskit.model import Cost, Metric, Reading, Readings, Severity, Signal, Status, Window

SPAN = growth.window(WINDOW)
HOUR = SPAN.end - HOUR_S
SCORE = worker("scoreUsers")
LISTED = asking.settings(SCORE, listed=True)
UNREAD = Readings(LISTED, dict.fromkeys(LISTED.values(), Reading(Status.FAILED)))
ASKED = growth.signals(asking.measures(SCORE, UNREAD, "https://sqs.us-east-1.amazonaws.com/1", ""))
Hours = Mapping[int, float]
"""By days before the last hour the value of that hour; 0 is the last hour itself."""


def points(days: Hours, beside: float | None = None) -> tuple[tuple[int, float], ...]:
    """Datapoints of the hour of some days; with `beside` also of every other hour of every day."""
    by_hour = dict.fromkeys(range(SPAN.start, SPAN.end, HOUR_S), beside) if beside is not None else {}
    for day in range(DAYS + 1):
        by_hour.pop(HOUR - day * DAY_S, None)
    by_hour |= {HOUR - day * DAY_S: value for day, value in days.items()}
    return tuple(sorted((at, value) for at, value in by_hour.items() if value is not None))


def steady(now: float, usual: float, days: int = DAYS) -> dict[int, float]:
    return {0: now, **{day: usual + day for day in range(1, days + 1)}}


def told(series: Mapping[str, tuple[tuple[int, float], ...]], **other: Reading) -> Growth:
    """Judge series by signal; a signal that is not given is empty."""
    answers = {
        signal: other.get(key.replace("-", "_"))
        or (Reading(Status.OK, points=series[key]) if key in series else Reading(Status.EMPTY))
        for key, signal in ASKED.items()
    }
    filled = {signal: gather.filled(signal, answers) for signal in answers}
    return growth.judge([(SCORE, Readings(ASKED, filled, window=SPAN))], PLACE)


def causes(found: Growth) -> list[str]:
    return [finding.cause for finding in found.findings]


def test_the_window_is_the_last_whole_hour_and_seven_days() -> None:
    assert Window(SPAN.start % DAY_S, SPAN.end % DAY_S) == Window(2 * HOUR_S, 3 * HOUR_S)
    assert SPAN.seconds == DAYS * DAY_S + HOUR_S
    assert growth.window(Window(WINDOW.start, HOUR)).end == HOUR


def test_what_is_asked_is_hourly_beside_hourly() -> None:
    assert set(ASKED) == {"invocations", "errors", "iterator-age", "arrivals"}
    periods = {m.period_s for m in ASKED.values() if isinstance(m, Metric)}
    beside = {m.beside.period_s for m in ASKED.values() if isinstance(m, Metric) and m.beside}
    assert (periods, beside) == ({3600}, {3600})


def test_growth_is_told_with_its_hour_its_usual_and_its_most() -> None:
    (found,) = told({"invocations": points(steady(9600, 3000), 2000)}).findings
    assert (found.cause, found.severity, found.subject) == (GROWTH, Severity.LOW, "scoreUsers")
    assert found.summary == (
        "invocations: 9,600 from 02:00 to 03:00 UTC, "
        "usually 3,004 and at most 3,007 in that hour of the last 7 days"
    )
    assert found.fix == ("opskit diagnose stream-lag --fn scoreUsers --env prod --region us-east-1",)
    (evidence,) = found.evidence
    assert (evidence.signal, evidence.value, evidence.limit, evidence.at) == ("invocations", 9600, 9012, HOUR)
    assert evidence.series == tuple(sorted(points(steady(9600, 3000))))


def test_a_drop_to_nearly_nothing_is_told() -> None:
    (found,) = told({"invocations": points(steady(12, 3000), 2000)}).findings
    assert (found.cause, found.severity) == (DROP, Severity.LOW)
    assert found.summary == (
        "invocations: 12 from 02:00 to 03:00 UTC, "
        "usually 3,004 and at least 3,001 in that hour of the last 7 days"
    )


def test_silence_of_traffic_is_a_drop_and_silence_of_an_age_is_not() -> None:
    days = dict.fromkeys(range(1, 8), 3000.0)
    assert causes(told({"invocations": points(days, 2000)})) == [DROP]
    assert causes(told({"iterator-age": points(dict.fromkeys(range(1, 8), 300000.0), 2000)})) == []


def test_measures_of_one_worker_are_one_finding() -> None:
    (found,) = told(
        {
            "invocations": points(steady(9600, 3000), 2000),
            "arrivals": points(steady(96_000, 30_000), 2000),
            "errors": points(steady(120, 3), 2),
        }
    ).findings
    assert [evidence.signal for evidence in found.evidence] == ["invocations", "arrivals", "errors"]
    assert found.summary.startswith("invocations: 9,600 ")
    assert found.summary.endswith("; also arrivals, errors")


@pytest.mark.parametrize(
    ("name", "days", "beside"),
    [
        ("a daily peak at this hour", steady(9600, 9000), 100.0),
        ("a weekly peak a little higher than last week's", {**steady(10_500, 3000), 7: 10_000}, 2000.0),
        ("two and a half times as much", steady(7500, 3000), 2000.0),
        ("four times next to nothing", steady(80, 20), 10.0),
        ("half of it", steady(1500, 3000), 2000.0),
        ("nothing on a day off, as last week", {**steady(0, 3000), 7: 0.0}, 2000.0),
        ("nothing where there is little", steady(0, 40), 30.0),
        ("the same", steady(3000, 3000), 3000.0),
    ],
)
def test_what_only_looks_like_it_is_not_told(name: str, days: Hours, beside: float) -> None:
    assert told({"invocations": points(days, beside)}) == Growth(), name


def test_a_job_at_an_hour_that_never_had_one_is_growth() -> None:
    (found,) = told({"invocations": points({0: 9600.0}, 500)}).findings
    assert "usually 0 and at most 0 in that hour of the last 7 days" in found.summary


@pytest.mark.parametrize("days", [0, 1, 2])
def test_fewer_than_three_days_are_no_history(days: int) -> None:
    found = told({"invocations": points(steady(9600, 30, days))})
    assert (found.findings, found.gaps) == ((), ())
    assert found.notes == (
        "no history yet to tell what is unusual (fewer than 3 days of this hour): scoreUsers",
    )


def test_three_days_are_enough_and_a_missing_day_does_not_count() -> None:
    assert causes(told({"invocations": points({0: 9600, 2: 3000, 4: 3100, 6: 2900})})) == [GROWTH]
    assert causes(told({"iterator-age": points({0: 900_000, 1: 2000, 5: 3000})})) == []
    assert causes(told({"iterator-age": points({0: 900_000, 1: 2000, 5: 3000, 6: 2500})})) == [GROWTH]


@pytest.mark.parametrize("status", [Status.FAILED, Status.PARTIAL])
def test_what_could_not_be_read_is_a_gap_and_no_news(status: Status) -> None:
    refused = Reading(
        status, "denied: needs cloudwatch:GetMetricData", points=points(steady(9600, 3000), 2000)
    )
    found = told({}, invocations=refused, errors=refused, arrivals=refused, iterator_age=refused)
    assert (found.findings, found.notes) == ((), ())
    assert {gap.signal for gap in found.gaps} == {f"history of {key}" for key in ASKED}
    assert {gap.affects for gap in found.gaps} == {("scoreUsers unusual-growth", "scoreUsers unusual-drop")}


def test_a_worker_of_two_sources_is_told_once() -> None:
    answers = {s: Reading(Status.EMPTY) for s in ASKED.values()}
    answers[ASKED["invocations"]] = Reading(Status.OK, points=points(steady(9600, 3000), 2000))
    readings = Readings(ASKED, answers, window=SPAN)
    (found,) = growth.judge([(SCORE, readings), (SCORE, readings)], PLACE).findings
    assert len(found.evidence) == 1


def test_many_without_history_are_named_in_part() -> None:
    readings = Readings(ASKED, {s: Reading(Status.EMPTY) for s in ASKED.values()}, window=SPAN)
    (note,) = growth.judge([(worker(f"w{i}"), readings) for i in range(9)], PLACE).notes
    assert note.endswith("w0, w1, w2, w3, w4, w5 and 3 more")


class Past:
    """A gatherer of the days before, in which every function does far more than usual."""

    window = SPAN
    cost = Cost(api_calls=2, metrics=500)
    blocked = ""

    def gather(self, signals: Iterable[Signal]) -> dict[Signal, Reading]:
        series = points(steady(9600, 3000), 2000)
        return {s: Reading(Status.OK, points=series) for s in signals if isinstance(s, Metric)}

    def close(self) -> None:
        """Nothing runs."""


def test_a_large_fleet_is_compared_part_by_part_and_all_of_it_is_paid() -> None:
    workers = [worker(f"w{i:03}") for i in range(PAST_AT_ONCE * 2 + 1)]
    named = [asking.measures(one, UNREAD, "https://sqs.us-east-1.amazonaws.com/1", "") for one in workers]
    look = replace(health(row(SCORE)), cost=Cost(api_calls=1))
    made: list[Past] = []

    def past() -> Past:
        made.append(Past())
        return made[-1]

    found = _with_unusual(look, workers, named, past)
    assert len(made) == 3
    assert [finding.subject for finding in found.findings] == [one.name for one in workers]
    assert found.cost == Cost(api_calls=7, metrics=1500)
