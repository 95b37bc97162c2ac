"""Evaluates the metric alarms that moto keeps, period by period, and writes their states and history.

An alarm is evaluated at the end of each of its periods. Whoever is about to describe alarms lets what has
ended since the last time be evaluated, so that a change has the time of the period that made it. Alarms on
metric math are left as they are.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from opskit.sandbox.front import ACCOUNT
from opskit.sandbox.metrics.alarm_rules import COMPARISONS, INSUFFICIENT, Rule, Verdict, judge
from opskit.sandbox.metrics.alarms import Alarms, HistoryItem, State, changed
from opskit.sandbox.metrics.read import Ask, read
from opskit.sandbox.metrics.statistics import Stat, parse_stat
from opskit.sandbox.metrics.store import SeriesKey, Store

_NEW = "Unchecked: Initial alarm creation"
_STATE = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp")


@dataclass(slots=True)
class Watched:
    """An alarm, moto's object, as it was last evaluated: at `until`, epoch seconds."""

    alarm: Any
    until: int


@dataclass(frozen=True, slots=True)
class Due:
    """An alarm and the ends of the periods that it is to be evaluated at."""

    region: str
    alarm: Any
    rule: Rule
    stat: Stat
    ends: range

    def ask(self, store: Store) -> Ask:
        """Return the one statistic that all its evaluations need."""
        alarm, period = self.alarm, self.rule.period
        pairs = tuple(sorted((dimension.name, dimension.value) for dimension in alarm.dimensions))
        key = SeriesKey(self.region, alarm.namespace, alarm.metric_name, pairs)
        first = self.ends[0] - self.rule.looks_at * period
        series = tuple(kept.id for kept in store.series(key, alarm.unit))
        return Ask(series, self.stat, period, first, self.ends[-1])


class AlarmStates:
    """The states of all regions' metric alarms; safe to use from many threads."""

    def __init__(self, store: Store, alarms: Alarms, now: Callable[[], float]) -> None:
        self._store = store
        self._alarms = alarms
        self._now = now
        self._lock = threading.Lock()
        self._watched: dict[tuple[str, str], Watched] = {}

    def evaluate(self, since: float | None = None) -> None:
        """Evaluate all alarms up to now: from where they were left, or from `since` (epoch s) on."""
        with self._lock:
            due = [each for each in self._due(since) if each.ends]
            answers = read(self._store, [each.ask(self._store) for each in due])
            changes = [
                change
                for each, (times, values) in zip(due, answers, strict=True)
                for change in self._walk(each, dict(zip(times, values, strict=True)))
            ]
            self._alarms.record_all(changes)

    def stands(self, region: str, alarm: Any) -> None:
        """Note that a state was set: it stands until the alarm's next period ends."""
        with self._lock:
            self._watched[region, alarm.name] = Watched(alarm, int(self._now()))

    def shift(self, seconds: int) -> None:
        """Let the last evaluations be `seconds` longer ago."""
        with self._lock:
            for watched in self._watched.values():
                watched.until -= seconds

    def _due(self, since: float | None) -> Iterator[Due]:
        for region, backend in list(cloudwatch_backends[ACCOUNT].items()):
            for alarm in list(backend.alarms.values()):
                rule, stat = _rule(alarm), parse_stat(alarm.statistic or alarm.extended_statistic or "")
                if rule and stat:
                    yield Due(region, alarm, rule, stat, self._ends(region, alarm, rule.period, since))

    def _ends(self, region: str, alarm: Any, period: int, since: float | None) -> range:
        latest = int(self._now()) // period * period
        watched = self._watched.get((region, alarm.name))
        first = latest
        if watched is not None and watched.alarm is alarm:
            first = (watched.until // period + 1) * period
        elif watched is not None:
            # moto makes an updated alarm anew; AWS leaves its state unchanged.
            for name in _STATE:
                setattr(alarm, name, getattr(watched.alarm, name))
        elif alarm.state_reason == _NEW:
            alarm.state_value = INSUFFICIENT
        if since is not None:
            first = -(-int(since) // period) * period
        return range(first, latest + 1, period)

    def _walk(self, due: Due, points: Mapping[int, float]) -> Iterator[HistoryItem]:
        rule = due.rule
        for end in due.ends:
            starts = range(end - rule.looks_at * rule.period, end, rule.period)
            verdict = judge(rule, [(at, points.get(at)) for at in starts], due.alarm.state_value)
            if verdict:
                yield from _change(due, verdict, end)
        self._watched[due.region, due.alarm.name] = Watched(due.alarm, due.ends[-1])


def _change(due: Due, verdict: Verdict, at: int) -> list[HistoryItem]:
    rule = due.rule
    data = {
        "version": "1.0",
        "queryDate": _iso(at),
        "startDate": _iso(verdict.recent[0][0] if verdict.recent else at - rule.n * rule.period),
        "statistic": rule.statistic,
        "period": rule.period,
        "recentDatapoints": [value for _, value in verdict.recent],
        "threshold": rule.threshold,
    }
    return changed(due.region, due.alarm, State(verdict.state, verdict.reason, data), at)


def _rule(alarm: Any) -> Rule | None:
    """Return a metric alarm's rule; None for one that is not evaluated here."""
    if alarm.rule is not None or not alarm.metric_name or alarm.comparison_operator not in COMPARISONS:
        return None
    return Rule(
        statistic=alarm.statistic or alarm.extended_statistic,
        period=int(alarm.period),
        n=int(alarm.evaluation_periods),
        m=int(alarm.datapoints_to_alarm or alarm.evaluation_periods),
        threshold=float(alarm.threshold),
        comparison=alarm.comparison_operator,
        missing=alarm.treat_missing_data or "missing",
        given_m=bool(alarm.datapoints_to_alarm),
    )


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
