"""Which lines are wanted, by a regular expression and by level, and what CloudWatch Logs can sift of them."""

import re
from dataclasses import dataclass

from opskit.errors import UsageError
from opskit.logs.levels import Level, reaches
from opskit.logs.line import Line, understood
from opskit.render.safe import clean

_LITERAL = re.compile(r"[A-Za-z0-9_#=@/;,:-]{1,200}", re.ASCII)
"""The characters that stand for themselves in a filter pattern's regular expressions (Logs user guide,
"Filter pattern syntax") and in Python's: a pattern of these alone means the same to both."""


@dataclass(frozen=True, slots=True)
class Sieve:
    """What --grep and --level ask for; it looks at a line as it was written, before anything is hidden."""

    grep: re.Pattern[str] | None = None
    level: Level | None = None

    @property
    def pattern(self) -> str:
        """The filter pattern that keeps every line that this sieve keeps; "" keeps all."""
        if self.grep is None or self.grep.flags & re.IGNORECASE or not _LITERAL.fullmatch(self.grep.pattern):
            return ""
        return f"%{self.grep.pattern}%"

    def keeps(self, line: Line) -> bool:
        """Tell whether a line is wanted."""
        if self.grep is not None and not self.grep.search(line.text):
            return False
        return self.level is None or reaches(understood(line.text).level, self.level)

    def __bool__(self) -> bool:
        return self.grep is not None or self.level is not None

    def __str__(self) -> str:
        """Return how it was asked for: --grep timeout --level ERROR."""
        grep = "" if self.grep is None else f"--grep {clean(self.grep.pattern)}"
        return " ".join(filter(None, (grep, "" if self.level is None else f"--level {self.level}")))


def compiled(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    """Return --grep's regular expression; UsageError with where it is wrong."""
    if not pattern:
        raise UsageError("--grep: expected a regular expression, got nothing")
    try:
        return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f'--grep: "{clean(pattern[:60])}" is no regular expression: {error}', "escape a character with \\"
        ) from error
