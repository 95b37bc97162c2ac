"""The handbook's four log levels, and what runtimes and loggers call them."""

from enum import StrEnum

from opskit.model import Json


class Level(StrEnum):
    """A line's level; a line that names none counts as INFO where levels are compared."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"

    @property
    def rank(self) -> int:
        """0 for DEBUG, 3 for ERROR."""
        return list(Level).index(self)


NAMES = {
    **dict.fromkeys(("TRACE", "DEBUG", "VERBOSE"), Level.DEBUG),
    **dict.fromkeys(("INFO", "NOTICE"), Level.INFO),
    **dict.fromkeys(("WARN", "WARNING"), Level.WARN),
    **dict.fromkeys(("ERROR", "CRITICAL", "FATAL"), Level.ERROR),
    **dict.fromkeys(("ERR", "CRIT", "ALERT", "EMERG", "EMERGENCY", "SEVERE", "PANIC", "DPANIC"), Level.ERROR),
}
"""The last ones are of syslog (RFC 5424), Java's own loggers, and Go's."""
_NUMBERS = (Level.DEBUG, Level.DEBUG, Level.INFO, Level.WARN, Level.ERROR, Level.ERROR)
"""pino's and bunyan's 10 (trace) to 60 (fatal)."""


def level_of(value: Json) -> Level | None:
    """Return the level that a logger's word or number stands for; None if it is none."""
    if isinstance(value, str):
        return NAMES.get(value.strip().upper())
    if isinstance(value, int) and not isinstance(value, bool) and value in range(10, 70, 10):
        return _NUMBERS[value // 10 - 1]
    return None


def status_level(status: Json) -> Level:
    """Return the level of a line of Lambda's platform whose execution ended with this status."""
    return Level.ERROR if status in ("timeout", "error", "failure") else Level.INFO


def reaches(level: Level | None, least: Level) -> bool:
    """Tell whether a line's level is `least` or above."""
    return (level or Level.INFO).rank >= least.rank
