"""Values as Logs Insights prints them: always text, a missing one not at all."""

import math
from datetime import UTC, datetime
from typing import Any

from opskit.insights.sql import Kind

DECIMALS = 4
WHOLE_BELOW = 1e15


def show(value: Any, kind: Kind) -> str | None:
    """Return a result's value as text; None where there is none."""
    if value is None:
        return None
    match kind:
        case Kind.TIME:
            return show_time(int(value))
        case Kind.NUMBER:
            return show_number(value)
        case Kind.TRUTH:
            return "1" if value else "0"
    return str(value)


def show_time(ms: int) -> str:
    """Return epoch milliseconds as `YYYY-MM-DD HH:MM:SS.mmm` in UTC."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:03d}"


def show_number(value: float) -> str | None:
    """Return a number without needless digits: whole ones bare, others with up to four decimals."""
    if not math.isfinite(value):
        return None
    if value == int(value) and abs(value) < WHOLE_BELOW:
        return str(int(value))
    if abs(value) >= WHOLE_BELOW:
        return repr(value).upper()
    places = DECIMALS if abs(value) >= 1 else DECIMALS - math.floor(math.log10(abs(value))) - 1
    return f"{value:.{places}f}".rstrip("0").rstrip(".")
