"""Alarms: which are in ALARM, and which can wake nobody. What to ask and what the answers mean; pure.

Lists are asked, never one call an alarm: all alarms, a day of their actions, the mute rules that are active,
then each topic's subscriptions, whom each mute rule keeps quiet, and each doubtful metric's series.
"""

from collections.abc import Iterable, Iterator

from opskit.health.alarms import muted, rules, unmeasured
from opskit.health.alarms.listed import SELECT_ALARMS, About, Alarm, Dimensions, read
from opskit.model import Describe, Finding, Gap, Readings, Signal, Status, UnreadError, Window

__all__ = ["ALL_CAUSES", "About", "gaps", "judge", "more_signals", "signals", "told"]

ALARMS, ACTIONS = "alarms", "alarm-actions"
TOPIC, SERIES = "topic ", "series "
"""What the names of round 2's signals begin with; a topic's ARN, or namespace and metric, follow."""
DAY_S = 86_400
DOUBTFUL_METRICS = 20
"""Of at most so many metrics the series are listed."""
_TYPES = ("AlarmTypes", ("CompositeAlarm", "MetricAlarm"))
_PAGE = ("MaxRecords", 100)
_NOT_FOUND = ("NotFound", "NotFoundException")
ALL_CAUSES = tuple(rule.__name__.replace("_", "-") for rule in rules.RULES)


def signals(window: Window) -> dict[str, Signal]:
    """Return round 1: every alarm, what came of their actions in the day before, and what is muted."""
    since = ("StartDate", window.end - DAY_S)
    select = "AlarmHistoryItems[].{alarm: AlarmName, at: Timestamp, said: HistorySummary}"
    history = ("HistoryItemType", "Action")
    return {
        ALARMS: Describe("cloudwatch", "DescribeAlarms", (_TYPES, _PAGE), SELECT_ALARMS),
        ACTIONS: Describe("cloudwatch", "DescribeAlarmHistory", (_TYPES, history, since, _PAGE), select),
        **muted.signals(),
    }


def more_signals(readings: Readings, about: About) -> dict[str, Signal]:
    """Return round 2: who hears our topics, whom mute rules quiet, which series a silent metric has.

    Nothing if the alarms could not be read. A topic of another account or region is not asked.
    """
    try:
        ours = _ours(readings, about)
    except UnreadError:
        return {}
    topics = {topic for alarm in ours for topic in alarm.topics if _is_near(topic, alarm)}
    doubtful = _doubtful(ours, readings, about)[:DOUBTFUL_METRICS]
    return {
        **{f"{TOPIC}{topic}": _subscriptions(topic) for topic in sorted(topics)},
        **muted.more_signals(readings),
        **{f"{SERIES}{ns} {metric}": _series(ns, metric) for ns, metric in doubtful},
    }


def _doubtful(ours: Iterable[Alarm], readings: Readings, about: About) -> list[tuple[str, str]]:
    """Return the metrics, by namespace and name, of which some alarm may watch a series that is not there."""
    return sorted(
        {
            (series.namespace, series.metric)
            for alarm in ours
            for series in unmeasured.never_measured(alarm, readings.window.end)
            if not unmeasured.is_idle(series, about)
        }
    )


def every(window: Window) -> tuple[Signal, ...]:
    """Return each call that both rounds may make, about anything."""
    more = (_subscriptions("<topic>"), muted.targets("<rule>"), _series("<namespace>", "<metric>"))
    return (*signals(window).values(), *more)


def _subscriptions(topic: str) -> Describe:
    return Describe(
        "sns", "ListSubscriptionsByTopic", (("TopicArn", topic),), "Subscriptions[].SubscriptionArn"
    )


def _series(namespace: str, metric: str) -> Describe:
    params = (("Namespace", namespace), ("MetricName", metric))
    return Describe("cloudwatch", "ListMetrics", params, "Metrics[].{dimensions: Dimensions[].[Name, Value]}")


def judge(readings: Readings, about: About) -> tuple[Finding, ...]:
    """Return what is wrong with the fleet's alarms, as far as it was read; worst first."""
    found: list[Finding] = []
    try:
        seen = _seen(readings, about)
    except UnreadError:
        return ()
    for rule in rules.RULES:
        try:
            found += rule(seen)
        except UnreadError:
            continue  # `gaps` names it
    return tuple(sorted(found, key=lambda finding: -finding.severity.rank))


def gaps(readings: Readings) -> tuple[Gap, ...]:
    """Return what could not be read, with the causes that it leaves open.

    A topic of another account or region is none: `told` names it. Central alerting would else leave every
    look undetermined.
    """
    return tuple(_unread(readings))


def told(readings: Readings, about: About) -> str:
    """Return in one line how many alarms were judged, and what cannot be told of them from here."""
    try:
        everything = read(readings.document(ALARMS))
    except UnreadError:
        return ""
    ours = [alarm for alarm in everything if about.is_ours(alarm)]
    parts = [
        f"{len(ours)} judged",
        f"{sum(alarm.state == 'ALARM' for alarm in ours)} in ALARM",
        f"{len(everything) - len(ours)} others in the account",
    ]
    if far := sorted({topic for alarm in ours for topic in alarm.topics if not _is_near(topic, alarm)}):
        parts.append(f"who hears {', '.join(far)} cannot be seen from this account and region")
    if (left := len(_doubtful(ours, readings, about)) - DOUBTFUL_METRICS) > 0:
        parts.append(f"{left} more metrics without data, whose series were not looked for")
    return ", ".join(parts)


def _unread(readings: Readings) -> Iterator[Gap]:
    for key in readings:
        reading = readings.reading(key)
        if key.startswith(TOPIC) and reading.code in _NOT_FOUND:
            continue  # an answer: there is no such topic
        if reading.status in (Status.FAILED, Status.PARTIAL) and _is_about_alarms(key):
            yield Gap(key, reading.reason, _affected(key))
    yield from muted.gaps(readings)


def _is_about_alarms(key: str) -> bool:
    return key in (ALARMS, ACTIONS) or key.startswith((TOPIC, SERIES))


def _affected(key: str) -> tuple[str, ...]:
    starts = {TOPIC: ("alarm-topic-missing", "alarm-topic-unheard"), SERIES: ("alarm-never-measured",)}
    special = {**starts, ACTIONS: ("alarm-action-failed",)}
    return next((causes for start, causes in special.items() if key.startswith(start)), ALL_CAUSES)


def _is_near(topic: str, alarm: Alarm) -> bool:
    return topic.split(":")[3:5] == [alarm.region, alarm.account]


def _ours(readings: Readings, about: About) -> tuple[Alarm, ...]:
    return tuple(alarm for alarm in read(readings.document(ALARMS)) if about.is_ours(alarm))


def _seen(readings: Readings, about: About) -> rules.Seen:
    """Return what the rules look at; UnreadError without the alarms."""
    everything = read(readings.document(ALARMS))
    topics: dict[str, tuple[str, ...] | None] = {}
    listed: dict[tuple[str, str], tuple[Dimensions, ...]] = {}
    for key in readings:
        reading = readings.reading(key)
        answered = reading.status in (Status.OK, Status.PARTIAL)
        if key.startswith(TOPIC) and (answered or reading.code in _NOT_FOUND):
            topics[key.removeprefix(TOPIC)] = tuple(reading.document or ()) if answered else None
        elif key.startswith(SERIES) and answered:
            listed[_metric_of(readings.named[key])] = unmeasured.listed(reading.document)
    return rules.Seen(
        about=about,
        everything=everything,
        ours=tuple(alarm for alarm in everything if about.is_ours(alarm)),
        topics=topics,
        listed=listed,
        mutes=tuple(muted.read(readings)),
        actions=lambda: readings.document(ACTIONS),
        now=readings.window.end,
    )


def _metric_of(signal: Signal) -> tuple[str, str]:
    """Return namespace and metric of a list of series."""
    params = dict(signal.params) if isinstance(signal, Describe) else {}
    return str(params.get("Namespace")), str(params.get("MetricName"))
