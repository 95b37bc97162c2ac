"""Durations and moments on the command line: every character belongs to them, or they are refused."""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

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
_CLOCK = re.compile(
    r"(?:(?P<day>today|yesterday|mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?"
    r"|sat(?:urday)?|sun(?:day)?)\s+)?"
    rf"(?P<time>\d\d:\d\d(?::\d\d)?){_ZONE}",
    re.IGNORECASE | re.ASCII,
)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST_RETENTION_S = 3653 * DAY_S
"""The longest retention that a log group can be given (PutRetentionPolicy): ten years."""
AT_EXAMPLES = '"2026-11-24 02:10", 2026-11-24T02:10+01:00, 09:14, "tue 09:14" or "2h ago"'


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


def parse_moment(text: str, option: str, now: float, zone: tzinfo = UTC) -> int:
    """Return a past moment in epoch seconds; UsageError for what is none, or lies ahead.

    ISO 8601, a date and a time, a time alone (the last time the clock said so) or with a day ("yesterday
    14:00", "tue 09:14": the last one), or "2h ago", which may be written -2h. A time without a zone is one
    of `zone`; one that its clock showed twice or never, when it was put forward or back, is refused.
    """
    moment = _moment(" ".join(text.split()), now, zone, option)
    if moment is None:
        named = "UTC" if zone is UTC else "local"
        raise UsageError(f'{option}: expected a time ({named}) such as {AT_EXAMPLES}, got "{_short(text)}"')
    if moment > now:
        from opskit.render.figures import iso

        raise UsageError(f"{option}: {iso(moment)} is in the future; it is {iso(int(now))}")
    return moment


def start_seconds(text: str, now: float, end: int, zone: tzinfo = UTC) -> int:
    """Return --since of a window up to `end` in epoch seconds: so long before it (2h), or a moment (-2h)."""
    if _seconds(text.strip()) is None:
        start = parse_moment(text, "--since", now, zone)
    else:
        start = end - parse_duration(text, "--since", 1, LONGEST_RETENTION_S, "30s, 15m, 2h or 1d")
    if start >= end:
        from opskit.render.figures import iso

        raise UsageError(f"--since: {iso(start)} is not before the window's end, {iso(end)}")
    return start


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


def local_zone() -> tzinfo:
    """Return this machine's zone with its changes over the year; UTC if it has none."""
    from dateutil.tz import gettz

    return gettz() or UTC


def _seconds(text: str) -> int | None:
    match = _DURATION.fullmatch(text)
    parts = {unit: value for unit, value in match.groupdict().items() if value} if match else {}
    return sum(int(value) * _UNITS[unit] for unit, value in parts.items()) if parts else None


def _moment(text: str, now: float, zone: tzinfo, option: str) -> int | None:
    if ago := _AGO.fullmatch(text):
        seconds = _seconds(ago["minus"] or ago["ago"])
        return None if seconds is None else int(now) - seconds
    found = _CLOCK.fullmatch(text) or _MOMENT.fullmatch(text)
    if found is None:
        return None
    try:
        within = _zone(found["zone"], zone)
        if found.re is _CLOCK:
            return _last(found, now, within, option)
        return _epoch(date.fromisoformat(found["date"]), found["time"], within, option)
    except (ValueError, OverflowError):  # such as the 30th of February, or a zone of 25 hours
        return None


def _zone(written: str | None, default: tzinfo) -> tzinfo:
    if not written:
        return default
    if written.upper() in ("Z", "UTC"):
        return UTC
    hours, minutes = int(written[1:3]), int(written[-2:])
    if minutes >= 60:  # noqa: PLR2004 - an hour has as many
        raise ValueError(written)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if written[0] == "-" else offset)


def _last(clock: re.Match[str], now: float, zone: tzinfo, option: str) -> int | None:
    """Return the last moment before `now` at which a clock in that zone said so, on that day if one is named.

    Only "today" may lie ahead, for the caller to refuse.
    """
    today = datetime.fromtimestamp(now, zone).date()
    day = (clock["day"] or "").lower()
    if day in ("today", "yesterday"):
        return _epoch(today - timedelta(days=day == "yesterday"), clock["time"], zone, option)
    for back_d in range(8):
        on = today - timedelta(days=back_d)
        if day and _WEEKDAYS[on.weekday()] != day[:3]:
            continue
        moment = _epoch(on, clock["time"], zone, option)
        if moment <= now:
            return moment
    return None


def _epoch(day: date, time: str, zone: tzinfo, option: str) -> int:
    """Return that moment; ValueError if there is none, UsageError if the clock showed it twice or never."""
    written = datetime.fromisoformat(f"{day.isoformat()}T{time}").replace(microsecond=0)
    first, second = (written.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    # Back again, since dateutil's zones have one moment for both folds of a time that there was not.
    never = datetime.fromtimestamp(first, zone).replace(tzinfo=None) != written
    if never or first != second:
        times = "never" if never else "twice"
        raise UsageError(
            f"{option}: this zone's clock showed {written:%Y-%m-%d %H:%M} {times}",
            "write the time with its zone, such as 02:30Z or 02:30+01:00",
        )
    return int(first)


def _short(text: str) -> str:
    from opskit.render.safe import clean

    return clean(text if len(text) <= 40 else f"{text[:40]}...")  # noqa: PLR2004 - a line stays one line
