"""CloudWatch's statistics by name: the five plain ones, percentiles and trimmed ones.

Source: AWS, CloudWatch User Guide, "CloudWatch statistics definitions".
"""

import re
from dataclasses import dataclass

PLAIN = {"SampleCount": "n", "Average": "s / n", "Sum": "s", "Minimum": "lo", "Maximum": "hi"}
"""Statistic -> what it is of a period's count n, sum s, minimum lo and maximum hi (SQL)."""

TRIMMED = ("tm", "tc", "ts", "wm")
"""Mean, count and sum of what lies between two bounds; mean with the rest moved to the bounds."""

_SHORT = re.compile(r"(p|tm|tc|ts|wm)(\d{1,3}(?:\.\d{1,10})?)")
_RANGE = re.compile(r"(TM|TC|TS|WM|PR)\((\d+(?:\.\d+)?)?(%)?:(\d+(?:\.\d+)?)?(%)?\)")
_HUNDRED = 100.0


@dataclass(frozen=True, slots=True)
class Stat:
    """One statistic; `low` and `high` bound it: percent of the samples, or values if `by_value`."""

    kind: str
    low: float = 0.0
    high: float = _HUNDRED
    by_value: bool = False

    @property
    def plain(self) -> bool:
        """Whether count, sum, minimum and maximum are enough to know it."""
        return self.kind in PLAIN


def parse_stat(text: str) -> Stat | None:
    """Return the statistic of that name, None if there is none: Sum, p99.9, tm90, IQM, PR(0:3)."""
    if text in PLAIN:
        return Stat(text)
    if text == "IQM":
        return Stat("tm", 25.0, 75.0)
    short = _SHORT.fullmatch(text)
    if short:
        kind, percent = short[1], float(short[2])
        return Stat(kind, 0.0, percent) if percent <= _HUNDRED else None
    match = _RANGE.fullmatch(text)
    return _ranged(*match.groups()) if match else None


def _ranged(
    name: str, low: str | None, low_sign: str | None, high: str | None, high_sign: str | None
) -> Stat | None:
    percent = bool(low_sign or high_sign)
    if (low is None and high is None) or (percent and name == "PR"):
        return None
    if percent and ((low is not None) != bool(low_sign) or (high is not None) != bool(high_sign)):
        return None
    top = _HUNDRED if percent else float("inf")
    bottom = 0.0 if percent else float("-inf")
    start, end = float(low) if low else bottom, float(high) if high else top
    if start >= end or (percent and end > _HUNDRED):
        return None
    # Moving values to a bound that is a value, not a share, is the one form not computed here.
    if name == "WM" and not percent:
        return None
    return Stat(name.lower(), start, end, by_value=not percent)
