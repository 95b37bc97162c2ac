"""What can be wrong with alarms: one rule a cause, named after it; pure.

An alarm that is silent on purpose is not accused: it says so itself (ON_PURPOSE), it suppresses another
alarm, it is a part of a composite alarm that tells somebody, or it scales something and tells nobody.
"""

import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opskit.health.alarms import unmeasured, wanted
from opskit.health.alarms.listed import SNS, About, Alarm, Dimensions, spoken_for
from opskit.health.alarms.muted import Mute
from opskit.model import Evidence, Finding, Json, Severity

SHOWN = 6
"""Alarms named in one finding; the rest are counted."""
CONFIRMED = "arn:"
"""A subscription that nobody confirmed has a word where its ARN would be (SNS API Reference,
ListSubscriptionsByTopic: PendingConfirmation)."""
_FAILED = re.compile(r"Failed to execute action (?P<action>\S+?)\.?(?:\s+(?P<why>.*))?", re.DOTALL)
_UNMUTE = "aws cloudwatch delete-alarm-mute-rule --alarm-mute-rule-name"
_DONE = re.compile(r"Successfully executed action (?P<action>\S+)")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the rules look at."""

    about: About
    everything: tuple[Alarm, ...]
    ours: tuple[Alarm, ...]
    topics: Mapping[str, tuple[str, ...] | None]
    """The subscriptions of each topic that was asked; None: there is no such topic."""
    listed: Mapping[tuple[str, str], tuple[Dimensions, ...]]
    """The series of each namespace and metric that was asked."""
    mutes: tuple[Mute, ...]
    """The mute rules that are active now."""
    actions: Callable[[], Json]
    """Returns the actions of the last day, newest first; UnreadError if they were not read."""
    now: int

    def judged(self) -> Iterator[Alarm]:
        """Yield our alarms that are meant to wake somebody."""
        return (alarm for alarm in self.ours if not (alarm.on_purpose or alarm.scales))

    def by_owner(self, alarms: Iterable[Alarm]) -> Iterator[tuple[str, list[Alarm]]]:
        """Yield (function, its alarms); an alarm that no worker owns stands under its own name."""
        groups: dict[str, list[Alarm]] = defaultdict(list)
        for alarm in alarms:
            owner = self.about.owner(alarm)
            groups[owner.function if owner else alarm.name].append(alarm)
        yield from groups.items()


Rule = Callable[[Seen], Iterator[Finding]]


def alarm_topic_missing(seen: Seen) -> Iterator[Finding]:
    """Alarms tell an SNS topic that does not exist: they fire and nobody hears."""
    for topic, alarms in _telling(seen):
        if topic in seen.topics and seen.topics[topic] is None:
            yield Finding(
                "alarm-topic-missing",
                Severity.HIGH,
                _name(topic),
                f"{_tell(alarms)} a topic that does not exist: {topic}",
                evidence=_named(alarms),
                fix=(
                    "create the topic and subscribe whoever is to be woken, or point the alarms at another",
                ),
                avoid=("setting the alarms to OK: nobody hears the next one either",),
                source="SNS API Reference, ListSubscriptionsByTopic: NotFound",
            )


def alarm_topic_unheard(seen: Seen) -> Iterator[Finding]:
    """Alarms tell an SNS topic to which nobody has a confirmed subscription."""
    for topic, alarms in _telling(seen):
        subscriptions = seen.topics.get(topic)
        if subscriptions is None or any(one.startswith(CONFIRMED) for one in subscriptions):
            continue
        waiting = sum(one == "PendingConfirmation" for one in subscriptions)
        pending = f"; {waiting} not confirmed" if waiting else ""
        confirm = (
            "let the receiver confirm: the link in its message is good for two days; then subscribe anew"
        )
        yield Finding(
            "alarm-topic-unheard",
            Severity.HIGH,
            _name(topic),
            f"{_tell(alarms)} a topic that nobody hears: {topic}{pending}",
            evidence=_named(alarms),
            fix=(confirm if waiting else "subscribe whoever is to be woken to the topic, and confirm it",),
            avoid=("waiting for the next alarm to see whether it arrives",),
            source="SNS Developer Guide, subscription confirmation",
        )


def alarm_action_failed(seen: Seen) -> Iterator[Finding]:
    """Alarms whose action failed when it was last tried fire and do not reach whom they tell."""
    latest: dict[tuple[str, str], Json] = {}
    for item in sorted(seen.actions() or (), key=lambda item: item["at"]):
        found = _FAILED.fullmatch(str(item["said"])) or _DONE.match(str(item["said"]))
        if found:
            latest[str(item["alarm"]), found["action"].rstrip(".")] = item
    ours = {alarm.name: alarm for alarm in seen.judged()}
    for (name, action), item in latest.items():
        failed = _FAILED.fullmatch(str(item["said"]))
        if failed and name in ours:
            yield _failure(seen, ours[name], action, item, (failed["why"] or "").strip())


def _failure(seen: Seen, alarm: Alarm, action: str, item: Json, why: str) -> Finding:
    owner = seen.about.owner(alarm)
    at = int(item["at"])
    fix = "let CloudWatch publish: the topic's policy, and the key's if the topic is encrypted with one"
    return Finding(
        "alarm-action-failed",
        Severity.HIGH,
        owner.function if owner else alarm.name,
        f"{alarm.name} fired and its action failed: {action}",
        since=at,
        evidence=(Evidence("alarm-actions", why or str(item["said"]), at=at),),
        fix=(fix if f":{SNS}:" in action else "repair what the action needs, then let the alarm fire once",),
        avoid=("deleting the alarm and making it anew: the action fails again",),
        source='CloudWatch User Guide, "Using Amazon CloudWatch alarms"; DescribeAlarmHistory, Action',
    )


def alarm_actions_disabled(seen: Seen) -> Iterator[Finding]:
    """Alarms whose actions are switched off change their state and do nothing."""
    spoken = spoken_for(seen.everything)
    off = [alarm for alarm in seen.judged() if not alarm.enabled and alarm.name not in spoken]
    for subject, alarms in seen.by_owner(off):
        yield Finding(
            "alarm-actions-disabled",
            Severity.MEDIUM,
            subject,
            f"{_many(alarms)} {'has' if len(alarms) == 1 else 'have'} actions that are switched off",
            evidence=_named(alarms),
            fix=("ask who switched them off and why, then EnableAlarmActions",),
            avoid=("switching them on in the middle of a maintenance that they were switched off for",),
            source="CloudWatch API Reference, DisableAlarmActions",
        )


def alarm_muted(seen: Seen) -> Iterator[Finding]:
    """Alarms that a mute rule keeps quiet now change their state and do nothing until its time is over."""
    spoken = spoken_for(seen.everything)
    for mute in seen.mutes:
        quiet = [one for one in seen.judged() if one.name in mute.alarms and one.name not in spoken]
        for subject, alarms in seen.by_owner(quiet):
            yield Finding(
                "alarm-muted",
                Severity.MEDIUM,
                subject,
                f"{_many(alarms)} {'is' if len(alarms) == 1 else 'are'} muted now by the rule {mute.name}: "
                "whatever happens, nobody is told",
                evidence=(*_named(alarms), Evidence("mute-rule", f"{mute.schedule} for {mute.lasts}")),
                fix=("ask who muted them and for what; if it is over", f"{_UNMUTE} {shlex.quote(mute.name)}"),
                avoid=("taking it away in the middle of a maintenance that it is for",),
                source="CloudWatch API Reference, PutAlarmMuteRule",
            )


def alarm_no_action(seen: Seen) -> Iterator[Finding]:
    """Alarms without an action for ALARM turn red and tell nobody."""
    spoken = spoken_for(seen.everything)
    silent = [
        alarm for alarm in seen.judged() if alarm.enabled and not alarm.actions and alarm.name not in spoken
    ]
    for subject, alarms in seen.by_owner(silent):
        yield Finding(
            "alarm-no-action",
            Severity.MEDIUM,
            subject,
            f"{_many(alarms)} {'has' if len(alarms) == 1 else 'have'} no action: nobody is told of ALARM",
            evidence=_named(alarms),
            fix=(
                "give them the topic of their severity, unless a rule of EventBridge tells of their changes",
                "say that it is meant so: the word silent in the alarm's description",
            ),
            source="CloudWatch API Reference, PutMetricAlarm: AlarmActions",
        )


def alarm_never_measured(seen: Seen) -> Iterator[Finding]:
    """Alarms without data for more than a day, whose series does not exist, watch nothing."""
    for alarm in seen.judged():
        for series in unmeasured.never_measured(alarm, seen.now):
            known = seen.listed.get((series.namespace, series.metric))
            if known is None or series.dimensions in known or unmeasured.is_idle(series, seen.about):
                continue
            owner = seen.about.owner(alarm)
            yield Finding(
                "alarm-never-measured",
                Severity.MEDIUM,
                owner.function if owner else alarm.name,
                f"{alarm.name} watches a series that nothing publishes: {unmeasured.words(series)}",
                since=alarm.since,
                evidence=(Evidence("alarms", alarm.reason, at=alarm.since),),
                fix=(unmeasured.likely(series, known),),
                avoid=(
                    "treating missing data as not breaching: the alarm is green and still watches nothing",
                ),
                source='CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data"',
            )


def alarm_in_alarm(seen: Seen) -> Iterator[Finding]:
    """Alarms of the worker are in ALARM now."""
    red = [alarm for alarm in seen.judged() if alarm.state == "ALARM" and not alarm.suppressed]
    for subject, alarms in seen.by_owner(red):
        owner = seen.about.owner(alarms[0])
        worst = max((wanted.severity(owner, alarm, seen.about) for alarm in alarms), key=lambda one: one.rank)
        starts = [alarm.since for alarm in alarms if alarm.since is not None]
        yield Finding(
            "alarm-in-alarm",
            worst,
            subject,
            f"in ALARM: {_list([alarm.name for alarm in alarms])}",
            since=min(starts, default=None),
            evidence=tuple(Evidence("alarms", _reason(alarm), at=alarm.since) for alarm in alarms[:SHOWN]),
            source="CloudWatch API Reference, DescribeAlarms: StateValue",
        )


def alarm_missing(seen: Seen) -> Iterator[Finding]:
    """Alarms that the handbook has for a worker do not exist."""
    looked_at = wanted.looks(seen.everything)
    for worker in filter(lambda one: one.deployed_here, seen.about.workers):
        lacks = wanted.missing(worker, seen.about, looked_at)
        if lacks:
            yield Finding(
                "alarm-missing",
                Severity.LOW,
                worker.function,
                f"no alarm on {_list([one.what for one in lacks])}",
                evidence=tuple(
                    Evidence("alarms", f"{one.namespace} {one.metrics[0]}, {'='.join(one.dimension)}")
                    for one in lacks
                ),
                fix=("create them with the limits of the worker's manifest",),
            )


RULES: tuple[Rule, ...] = (
    alarm_topic_missing,
    alarm_topic_unheard,
    alarm_action_failed,
    alarm_in_alarm,
    alarm_actions_disabled,
    alarm_muted,
    alarm_no_action,
    alarm_never_measured,
    alarm_missing,
)


def _telling(seen: Seen) -> Iterator[tuple[str, list[Alarm]]]:
    """Yield (topic, the alarms that tell it)."""
    telling: dict[str, list[Alarm]] = defaultdict(list)
    for alarm in seen.judged():
        for topic in alarm.topics:
            telling[topic].append(alarm)
    yield from sorted(telling.items())


def _reason(alarm: Alarm) -> str:
    return f"{alarm.name}: {alarm.reason}"


def _name(topic: str) -> str:
    return topic.rpartition(":")[2]


def _many(alarms: Sequence[Alarm]) -> str:
    return "1 alarm" if len(alarms) == 1 else f"{len(alarms)} alarms"


def _tell(alarms: Sequence[Alarm]) -> str:
    return f"{_many(alarms)} {'tells' if len(alarms) == 1 else 'tell'}"


def _named(alarms: Sequence[Alarm]) -> tuple[Evidence, ...]:
    return (Evidence("alarms", _list([alarm.name for alarm in alarms])),)


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
