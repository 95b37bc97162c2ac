"""What an alarm makes of its datapoints: M out of N, missing data, and AWS's words for it. No I/O, no clock.

Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data" with its tables and
"Avoiding premature transitions to alarm state".
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
LOOK_BACK = 2
"""How many periods before the evaluation periods stand in for missing ones: five are looked at for three."""

COMPARISONS: Mapping[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}
_TREATED = {"breaching": "Breaching", "notBreaching": "NonBreaching"}

Points = Sequence[tuple[int, float | None]]
"""Period starts in epoch seconds, ascending and without gaps, with the statistic or None."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One metric alarm; `m` of `n` periods of `period` seconds must breach. `m` is `n` where not given."""

    statistic: str
    period: int
    n: int
    m: int
    threshold: float
    comparison: str
    missing: str
    given_m: bool
    """The alarm says DatapointsToAlarm; AWS words the reason otherwise then."""

    @property
    def looks_at(self) -> int:
        """How many periods one evaluation looks at."""
        return self.n + LOOK_BACK

    def breaches(self, value: float) -> bool:
        """Whether a datapoint is beyond the threshold."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, why, and the datapoints it rests on."""

    state: str
    reason: str
    recent: Points


def judge(rule: Rule, points: Points, before: str = "") -> Verdict | None:
    """Return what the last `looks_at` points say; None where the alarm stays in the state `before`."""
    recent = [(at, value) for at, value in points if value is not None][-rule.n :]
    state = _state(rule, points, [value for _, value in recent if value is not None])
    return None if state in {None, before} else Verdict(state, _reason(rule, recent, state), recent)


def _state(rule: Rule, points: Points, values: Sequence[float]) -> str | None:
    breaching = sum(map(rule.breaches, values))
    lacking = rule.n - len(values)
    if rule.missing == "breaching":
        breaching += lacking
    if breaching >= rule.m:
        return ALARM
    if not lacking or rule.missing in _TREATED:
        return OK
    if not values:
        return None if rule.missing == "ignore" else INSUFFICIENT
    if breaching < len(values):
        return OK
    oldest = next(n for n, (_, value) in enumerate(points) if value is not None)
    return ALARM if rule.missing == "missing" and len(points) - oldest >= rule.m else None


def _reason(rule: Rule, recent: Points, state: str) -> str:
    if state == INSUFFICIENT:
        return f"Insufficient Data: {_many(rule.n, 'datapoint')} {_were(rule.n)} unknown."
    if not recent:
        treated = (
            f"{_many(rule.n, 'missing datapoint')} {_were(rule.n)} treated as [{_TREATED[rule.missing]}]"
        )
        return f"Threshold Crossed: no datapoints were received for {_many(rule.n, 'period')} and {treated}."
    beyond = state == ALARM
    shown = [(at, value) for at, value in recent if value is not None and rule.breaches(value) is beyond]
    texts = ", ".join(f"{value} ({_time(at)})" for at, value in reversed(shown or recent))
    count = _many(len(shown), "datapoint")
    if rule.given_m:
        count = f"{len(shown)} out of the last {rule.n} datapoints"
    negation = "" if beyond else "not "
    words = (
        f"{_were(len(shown))} {negation}{COMPARISONS[rule.comparison][1]} the threshold ({rule.threshold})"
    )
    least, way = (rule.m, "OK -> ALARM") if beyond else (rule.n - rule.m + 1, "ALARM -> OK")
    tail = f" (minimum {_many(least, 'datapoint')} for {way} transition)" if rule.given_m else ""
    return f"Threshold Crossed: {count} [{texts}] {words}{tail}."


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")
