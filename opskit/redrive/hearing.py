"""The lines of consumers' logs that tell of letters: those that name one, and those of what failed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from opskit.aws.events import Pace
from opskit.aws.session import Aws
from opskit.lines.reader import Read, Reader, Span
from opskit.lines.stories import MOST_STREAMS
from opskit.logs import ids
from opskit.logs.levels import NAMES, Level
from opskit.logs.line import Event
from opskit.logs.sources import Sources

SKEW_S = 60
"""How much the clock of a consumer may differ from ours."""
NO_LOG = "no consumer is known whose log could be read"
MOST_MATCHES = 1_000
MOST_LINES = 5_000
"""Lines that are read of a group, at most, the newest ones."""

_NAMES = [name for name, level in NAMES.items() if level is Level.ERROR]
_WORDS = (
    *(form for name in _NAMES for form in (name, name.lower(), name.capitalize())),
    *("Traceback", "timeout", "failure", "fault"),
)
_PHRASES = ("timed out", "Process exited", r"\"level\":50", r"\"level\":60")
ERRORS = " ".join([f"?{word}" for word in _WORDS] + [f'?"{phrase}"' for phrase in _PHRASES])
"""The filter pattern that keeps every line which `opskit.logs` takes for an error, and some others."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Stretches of log streams; `gap` says what could not be read, `blind` that it was everything."""

    events: tuple[Event, ...] = ()
    gap: str = ""
    blind: bool = False


class Hearing:
    """Reads the log groups of consumers; what is denied or missing is a gap."""

    def __init__(self, aws: Aws, sources: Sources, pace: Pace | None = None) -> None:
        self._aws = aws
        self._sources = sources
        self._pace = pace or Pace()

    def naming(self, message_id: str, since_s: float, now_s: float) -> Heard:
        """Return the lines that name an id and all lines of their streams, from `since_s` on."""
        span = _span(since_s, now_s)
        read = self._reader(now_s).matching(span, MOST_MATCHES, ids.pattern([message_id]))
        return self._around(read, read.events, span, now_s)

    def failing(self, since_s: float, from_s: float, now_s: float) -> Heard:
        """Return the lines from `from_s` on of the streams that have an error line from `since_s` on."""
        read = self._reader(now_s).matching(_span(since_s, now_s), MOST_MATCHES, ERRORS)
        wrong = [event for event in read.events if event.level is Level.ERROR]
        return self._around(read, wrong, _span(from_s, now_s), now_s)

    def _reader(self, now_s: float) -> Reader:
        return Reader(self._aws, self._sources, now_s, self._pace)

    def _around(self, read: Read, events: Sequence[Event], span: Span, now_s: float) -> Heard:
        """Return whole stretches of the streams that events are of."""
        groups = set(self._sources.by_group)
        if not groups:
            return Heard(gap=NO_LOG, blind=True)
        heard = Heard(tuple(events), "; ".join(read.gaps), blind=not events and read.unread >= groups)
        if not events:
            return heard
        wanted = {
            group: (span, _streams(event for event in events if event.group == group))
            for group in {event.group for event in events}
        }
        more = self._reader(now_s).streams(wanted, MOST_LINES)
        there = {(event.group, event.stream) for event in more.events}
        rest = (event for event in events if (event.group, event.stream) not in there)
        gap = "; ".join(dict.fromkeys([*read.gaps, *more.gaps]))
        return replace(heard, events=(*more.events, *rest), gap=gap)


def _span(since_s: float, now_s: float) -> Span:
    return Span(int(since_s) - SKEW_S, int(now_s) + SKEW_S)


def _streams(events: Iterable[Event]) -> tuple[str, ...]:
    """Return the streams of the newest events."""
    newest = sorted(events, key=lambda event: -event.at_ms)
    return tuple(dict.fromkeys(event.stream for event in newest))[:MOST_STREAMS]
