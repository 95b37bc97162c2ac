"""Alarms: which are in ALARM, and which can wake nobody. What to ask and what the answers mean; pure.

Lists are asked, never one call an alarm: all alarms, a day of their actions, then each topic's subscriptions
and each doubtful metric's series.
"""

from collections.abc import Iterator

from opskit.health import alarm_rules, alarm_series
from opskit.health.alarm_list import SELECT_ALARMS, About, Alarm, Dimensions, read
from opskit.inventory import arns
from opskit.model import Describe, Finding, Gap, Readings, Signal, Status, UnreadError, Window

ALARMS, ACTIONS = "alarms", "alarm-actions"
TOPIC, SERIES = "topic ", "series "
"""What the names of round 2's signals begin with; a topic's ARN, or namespace and metric, follow."""
DAY_S = 86_400
DOUBTFUL_METRICS = 20
"""Of at most so many metrics the series are listed."""
_TYPES = ("AlarmTypes", ("CompositeAlarm", "MetricAlarm"))
_PAGE = ("MaxRecords", 100)
_NOT_FOUND = ("NotFound", "NotFoundException")
ALL_CAUSES = tuple(rule.__name__.replace("_", "-") for rule in alarm_rules.RULES)


def signals(window: Window) -> dict[str, Signal]:
    """Return round 1: every alarm, and what came of their actions in the day before the window's end."""
    since = ("StartDate", window.end - DAY_S)
    select = "AlarmHistoryItems[].{alarm: AlarmName, at: Timestamp, said: HistorySummary}"
    history = ("HistoryItemType", "Action")
    return {
        ALARMS: Describe("cloudwatch", "DescribeAlarms", (_TYPES, _PAGE), SELECT_ALARMS),
        ACTIONS: Describe("cloudwatch", "DescribeAlarmHistory", (_TYPES, history, since, _PAGE), select),
    }


def more_signals(readings: Readings, about: About) -> dict[str, Signal]:
    """Return round 2: who hears each topic of ours, and which series a never measured metric has.

    Nothing if the alarms could not be read. A topic of another account or region is not asked.
    """
    try:
        ours = _ours(readings, about)
    except UnreadError:
        return {}
    topics = {topic for alarm in ours for topic in alarm.topics if _is_near(topic, alarm)}
    doubtful = {
        (series.namespace, series.metric)
        for alarm in ours
        for series in alarm_series.never_measured(alarm, readings.window.end)
        if not alarm_series.is_idle(series, about)
    }
    return {
        **{f"{TOPIC}{topic}": _subscriptions(topic) for topic in sorted(topics)},
        **{
            f"{SERIES}{ns} {metric}": _series(ns, metric)
            for ns, metric in sorted(doubtful)[:DOUBTFUL_METRICS]
        },
    }


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
    for rule in alarm_rules.RULES:
        try:
            found += rule(seen)
        except UnreadError:
            continue  # `gaps` names it
    return tuple(sorted(found, key=lambda finding: -finding.severity.rank))


def gaps(readings: Readings, about: About) -> tuple[Gap, ...]:
    """Return what could not be read, or not be looked at from here, with the causes that it leaves open."""
    return (*_unread(readings), *_far(readings, about))


def others(readings: Readings, about: About) -> int:
    """Return how many alarms of the account are about something else; UnreadError if that was not read."""
    return sum(not about.is_ours(alarm) for alarm in read(readings.document(ALARMS)))


def _unread(readings: Readings) -> Iterator[Gap]:
    for key in readings:
        reading = readings.reading(key)
        if key.startswith(TOPIC) and reading.code in _NOT_FOUND:
            continue  # an answer: there is no such topic
        if reading.status in (Status.FAILED, Status.PARTIAL) and _is_about_alarms(key):
            yield Gap(key, reading.reason, _affected(key))


def _is_about_alarms(key: str) -> bool:
    return key in (ALARMS, ACTIONS) or key.startswith((TOPIC, SERIES))


def _affected(key: str) -> tuple[str, ...]:
    starts = {TOPIC: ("alarm-topic-missing", "alarm-topic-unheard"), SERIES: ("alarm-never-measured",)}
    special = {**starts, ACTIONS: ("alarm-action-failed",)}
    return next((causes for start, causes in special.items() if key.startswith(start)), ALL_CAUSES)


def _far(readings: Readings, about: About) -> Iterator[Gap]:
    try:
        ours = _ours(readings, about)
    except UnreadError:
        return
    far = {topic for alarm in ours for topic in alarm.topics if not _is_near(topic, alarm)}
    for topic in sorted(far):
        reason = f"account {arns.account_of(topic)}, {topic.split(':')[3]}: it cannot be looked at from here"
        yield Gap(f"{TOPIC}{topic}", reason, _affected(TOPIC))


def _is_near(topic: str, alarm: Alarm) -> bool:
    return topic.split(":")[3:5] == [alarm.region, alarm.account]


def _ours(readings: Readings, about: About) -> tuple[Alarm, ...]:
    return tuple(alarm for alarm in read(readings.document(ALARMS)) if about.is_ours(alarm))


def _seen(readings: Readings, about: About) -> alarm_rules.Seen:
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
            listed[_metric_of(readings.named[key])] = alarm_series.listed(reading.document)
    return alarm_rules.Seen(
        about=about,
        everything=everything,
        ours=tuple(alarm for alarm in everything if about.is_ours(alarm)),
        topics=topics,
        listed=listed,
        actions=lambda: readings.document(ACTIONS),
        now=readings.window.end,
    )


def _metric_of(signal: Signal) -> tuple[str, str]:
    """Return namespace and metric of a list of series."""
    params = dict(signal.params) if isinstance(signal, Describe) else {}
    return str(params.get("Namespace")), str(params.get("MetricName"))
