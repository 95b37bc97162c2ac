"""The table of limits in `thresholds.yaml`, and what a worker's manifest changes in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from opskit.model import Limit, Severity
from opskit.series import Series

TABLE = Path(__file__).with_name("thresholds.yaml")
_MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class When:
    """In which of the newest one-minute values a limit must be exceeded: `minutes` of the last `of`.

    With `total` the last `of` minutes count as one value: a sum of counts, or a share of their requests.
    """

    minutes: int = 1
    of: int = 1
    total: bool = False

    def holds(self, series: Series, above: float) -> bool:
        """Tell whether a series of one-minute counts or gauges is above a limit; no datapoint is not.

        The minutes are counted back from the newest datapoint. A share of requests cannot be summed: divide
        the totals of `of` minutes and compare the quotient instead.
        """
        last = series.tail(self.of * _MINUTE_S)
        if self.total:
            return last.total > above
        return sum(value > above for value in last.values) >= self.minutes


@dataclass(frozen=True, slots=True)
class Threshold(Limit):
    """A limit with its indicator's name and the minutes in which it must be exceeded."""

    name: str = ""
    warn_when: When = When()
    crit_when: When = When()
    crit_at_least: bool = False
    """Critical when the limit is reached, not only when it is exceeded."""
    crit_below_timeout_s: int | None = None
    crit_from_timeout_s: int = 0
    """From this timeout on, critical is above the timeout less `crit_below_timeout_s`, not above `crit`."""

    def of_timeout_ms(self, timeout_s: int) -> tuple[float | None, float | None]:
        """Return warn and crit in milliseconds for a limit in percent of a function's timeout."""
        warn, crit = (None if level is None else level * timeout_s * 10 for level in (self.warn, self.crit))
        if (
            crit is not None
            and self.crit_below_timeout_s is not None
            and timeout_s >= self.crit_from_timeout_s
        ):
            crit = (timeout_s - self.crit_below_timeout_s) * 1000
        return warn, crit


def load() -> dict[str, Threshold]:
    """Return the default limits by indicator."""
    return dict(_table())


def names() -> tuple[str, ...]:
    """Return the indicators in the table's order."""
    return tuple(_table())


def merge(
    defaults: Mapping[str, Threshold], changes: Mapping[str, Mapping[str, Any]]
) -> dict[str, Threshold]:
    """Return the limits with a worker's own `warn`, `crit` and `severity`; None switches a level off.

    A critical level that the worker sets itself is the level, whatever the function's timeout.
    """
    return {
        name: _changed(limit, changes[name]) if name in changes else limit for name, limit in defaults.items()
    }


def _changed(limit: Threshold, change: Mapping[str, Any]) -> Threshold:
    values = dict(change)
    if "severity" in values:
        values["severity"] = Severity(values["severity"])
    if "crit" in values:
        values["crit_below_timeout_s"] = None
    return replace(limit, **values)


@cache
def _table() -> dict[str, Threshold]:
    from opskit.inventory.yamlfile import read  # noqa: PLC0415 - most commands' help needs no limits

    return {name: _threshold(name, row) for name, row in read(TABLE, TABLE.name).values.items()}


def _threshold(name: str, row: Mapping[str, Any]) -> Threshold:
    margin = row.get("crit_margin", {})
    return Threshold(
        warn=row["warn"],
        crit=row["crit"],
        unit=row["unit"],
        severity=Severity(row["severity"]),
        name=name,
        warn_when=_when(row.get("warn_when", {})),
        crit_when=_when(row.get("crit_when", {})),
        crit_at_least=row.get("crit_at_least", False),
        crit_below_timeout_s=margin.get("below_timeout_s"),
        crit_from_timeout_s=margin.get("from_timeout_s", 0),
    )


def _when(row: Mapping[str, int]) -> When:
    if "total_over" in row:
        return When(of=row["total_over"], total=True)
    return When(row.get("minutes", 1), row.get("of", 1))
