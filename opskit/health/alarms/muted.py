"""Mute rules that are active now: what to ask, and which alarms they keep quiet; pure.

"When a mute rule is active, targeted alarms continue to evaluate metrics and transition between states, but
their configured actions are muted" (CloudWatch API Reference, PutAlarmMuteRule).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from opskit.model import Describe, Gap, Json, Readings, Signal, Status

RULES, RULE = "mute-rules", "mute-rule "
"""The list's name, and what the name of each rule's own signal begins with; the rule's name follows."""
CAUSE = "alarm-muted"
MOST = 50
"""Active rules that are asked whom they mute, one call each."""
_TARGETS = (
    "{alarms: MuteTargets.AlarmNames, schedule: Rule.Schedule.Expression, lasts: Rule.Schedule.Duration}"
)


@dataclass(frozen=True, slots=True)
class Mute:
    """One active rule; `schedule` and `lasts` as AWS writes them, such as at(2026-11-26T01:00) and PT4H."""

    name: str
    alarms: frozenset[str]
    schedule: str
    lasts: str


def signals() -> dict[str, Signal]:
    """Return what lists the rules that are active now."""
    params = (("MaxRecords", 100), ("Statuses", ("ACTIVE",)))
    select = "AlarmMuteRuleSummaries[?Status == 'ACTIVE'].AlarmMuteRuleArn"
    return {RULES: Describe("cloudwatch", "ListAlarmMuteRules", params, select)}


def more_signals(readings: Readings) -> dict[str, Signal]:
    """Return what tells which alarms each of them mutes."""
    return {f"{RULE}{name}": targets(name) for name in _names(readings)[:MOST]}


def targets(name: str) -> Describe:
    """Ask which alarms a rule mutes."""
    return Describe("cloudwatch", "GetAlarmMuteRule", (("AlarmMuteRuleName", name),), _TARGETS)


def read(readings: Readings) -> Iterator[Mute]:
    """Yield the rules that were read; `gaps` names the others."""
    for key in readings:
        said: Json = readings.reading(key).document if key.startswith(RULE) else None
        if said:
            yield Mute(
                key.removeprefix(RULE), frozenset(said["alarms"] or ()), said["schedule"], said["lasts"]
            )


def gaps(readings: Readings) -> Iterator[Gap]:
    """Yield what could not be read: some alarm may be muted. A rule that is gone since mutes nothing."""
    for key in readings:
        reading = readings.reading(key)
        if key.startswith(RULE) and reading.code.startswith("ResourceNotFound"):
            continue
        if (key == RULES or key.startswith(RULE)) and reading.status in (Status.FAILED, Status.PARTIAL):
            yield Gap(key, reading.reason, (CAUSE,))
    if (left := len(_names(readings)) - MOST) > 0:
        yield Gap(RULES, f"{left} more are active, of which it was not asked whom they mute", (CAUSE,))


def _names(readings: Readings) -> list[str]:
    listed = readings.reading(RULES).document if RULES in readings else ()
    return sorted(arn.partition(":alarm-mute-rule:")[2] for arn in listed or ())
