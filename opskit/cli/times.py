"""Durations and moments on the command line: every character belongs to them, or they are refused."""

import re
from datetime import UTC, datetime

from opskit.errors import UsageError

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
KEPT_S = 15 * DAY_S
"""CloudWatch keeps datapoints of one minute for 15 days (GetMetricData in its API reference)."""
DEADLINE_MAX_S = 15 * MINUTE_S
_UNITS = {"d": DAY_S, "h": HOUR_S, "m": MINUTE_S, "s": 1}
_DURATION = re.compile(
    r"(?:(?P<d>\d{1,6})\s*(?:d|days?)\s*)?"
    r"(?:(?P<h>\d{1,6})\s*(?:h|hrs?|hours?)\s*)?"
    r"(?:(?P<m>\d{1,6})\s*(?:m|mins?|minutes?)\s*)?"
    r"(?:(?P<s>\d{1,6})\s*(?:s|secs?|seconds?))?",
    re.IGNORECASE | re.ASCII,
)
_AGO = re.compile(r"-\s*(?P<minus>\S.*)|(?P<ago>.*\S)\s+ago", re.IGNORECASE)
_ZONE = r"\s*(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
_MOMENT = re.compile(
    rf"(?P<date>\d{{4}}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{{1,6}})?)?){_ZONE}",
    re.IGNORECASE | re.ASCII,
)
_CLOCK = re.compile(rf"(?P<time>\d\d:\d\d(?::\d\d)?){_ZONE}", re.IGNORECASE | re.ASCII)
AT_EXAMPLES = '"2026-11-24 02:10", 2026-11-24T02:10+01:00, 09:14 or "2h ago"'


def parse_duration(text: str, option: str, least_s: int, most_s: int, examples: str) -> int:
    """Return a duration such as 90m, 3h, 1h30m, 2d or "2 hours" in seconds; UsageError for all else.

    Every character must belong to it, the larger unit comes first, and least_s <= it <= most_s.
    """
    seconds = _seconds(text.strip())
    if seconds is None:
        raise UsageError(f'{option}: expected a duration such as {examples}, got "{_short(text)}"')
    if not least_s <= seconds <= most_s:
        from opskit.render.figures import duration

        bounds = f"from {duration(least_s)} to {duration(most_s)}"
        raise UsageError(f'{option}: expected {bounds}, such as {examples}, got "{_short(text)}"')
    return seconds


def since_seconds(text: str) -> int:
    """Return --since in seconds, one minute to 15 days."""
    return parse_duration(text, "--since", MINUTE_S, KEPT_S, "90m, 3h, 1h30m or 2d")


def deadline_seconds(text: str) -> int:
    """Return --deadline in seconds, one second to 15 minutes."""
    return parse_duration(text, "--deadline", 1, DEADLINE_MAX_S, "30s, 60s or 2m")


def parse_moment(text: str, option: str, now: float) -> int:
    """Return a past moment in epoch seconds; UsageError for what is none, or lies ahead.

    ISO 8601, a date and a time, a time alone (the last time the clock said so), or "2h ago", which may be
    written -2h. A time without a zone is UTC, as everything that is shown.
    """
    moment = _moment(" ".join(text.split()), now)
    if moment is None:
        raise UsageError(f'{option}: expected a time (UTC) such as {AT_EXAMPLES}, got "{_short(text)}"')
    if moment > now:
        from opskit.render.figures import iso

        raise UsageError(f"{option}: {iso(moment)} is in the future; it is {iso(int(now))}")
    return moment


def at_seconds(text: str, now: float, since_s: int) -> int:
    """Return --at in epoch seconds; UsageError if CloudWatch has forgotten the window that ends there."""
    moment = parse_moment(text, "--at", now)
    if moment - since_s < now - KEPT_S:
        from opskit.render.figures import duration, iso

        raise UsageError(
            f"--at: the window of {duration(since_s)} up to {iso(moment)} is too old",
            f"CloudWatch keeps datapoints of one minute for 15 days, back to {iso(int(now - KEPT_S))}",
        )
    return moment


def _seconds(text: str) -> int | None:
    match = _DURATION.fullmatch(text)
    parts = {unit: value for unit, value in match.groupdict().items() if value} if match else {}
    return sum(int(value) * _UNITS[unit] for unit, value in parts.items()) if parts else None


def _moment(text: str, now: float) -> int | None:
    if ago := _AGO.fullmatch(text):
        seconds = _seconds(ago["minus"] or ago["ago"])
        return None if seconds is None else int(now) - seconds
    if clock := _CLOCK.fullmatch(text):
        return _last(clock, now)
    found = _MOMENT.fullmatch(text)
    return _epoch(found["date"], found["time"], found["zone"]) if found else None


def _last(clock: re.Match[str], now: float) -> int | None:
    """Return the last moment before `now` at which a clock in that zone said so."""
    for ahead_d in (1, 0, -1, -2):
        day = datetime.fromtimestamp(now + ahead_d * DAY_S, UTC).date().isoformat()
        moment = _epoch(day, clock["time"], clock["zone"])
        if moment is None or moment <= now:
            return moment
    return None


def _epoch(date: str, time: str, zone: str | None) -> int | None:
    offset = "+00:00" if (zone or "Z").upper() in ("Z", "UTC") else zone
    try:
        return int(datetime.fromisoformat(f"{date}T{time}{offset}").timestamp())
    except ValueError:  # such as the 30th of February
        return None


def _short(text: str) -> str:
    from opskit.render.safe import clean

    return clean(text if len(text) <= 40 else f"{text[:40]}...")  # noqa: PLR2004 - a line stays one line
