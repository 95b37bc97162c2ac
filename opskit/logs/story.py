"""The story of one request: the executions that it led to in every worker, each with how it ended."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opskit.logs import ids
from opskit.logs.levels import Level
from opskit.logs.line import Event, interleaved
from opskit.logs.said import Kind

_ONCE = (Kind.START, Kind.REPORT)
"""The lines that an execution has once."""
LONGEST_MS = 15 * 60_000
"""No execution lasts longer: Lambda's longest timeout. Its lines are this near to any one of them."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """One execution of one worker: its lines in order of time, at least one."""

    worker: str
    request_id: str
    """"" where no line says."""
    events: tuple[Event, ...]

    @property
    def start_ms(self) -> int:
        """When it began, as its first line says; epoch milliseconds."""
        return self.events[0].at_ms

    @property
    def end_ms(self) -> int:
        """When it ended, as its last line says; epoch milliseconds."""
        return self.events[-1].at_ms

    @property
    def report(self) -> Event | None:
        """The platform's report; None where there is none."""
        return next((event for event in self.events if event.kind is Kind.REPORT), None)

    @property
    def has_start(self) -> bool:
        """Whether its first lines are there."""
        return any(event.kind is Kind.START for event in self.events)

    @property
    def error(self) -> str:
        """The first line of what went wrong as the worker said it; "" if it said nothing."""
        wrong = (e for e in self.events if e.level is Level.ERROR and e.kind is Kind.SAID and e.message)
        first = next(wrong, None)
        return first.message.splitlines()[0] if first else ""


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of a request; `linked` are the ids by which its executions were found."""

    request_id: str
    linked: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    silent: tuple[str, ...] = ()
    """The workers that were searched and have no line of it."""


def chapters(events: Iterable[Event], wanted: Sequence[str]) -> list[Chapter]:
    """Return the executions in which a line carries one of the `wanted` ids, by their start.

    `events` are whole stretches of log streams, each event once.
    """
    told = [one for one in executions(events) if any(ids.mentions(event, wanted) for event in one.events)]
    return sorted(told, key=lambda chapter: chapter.start_ms)


def executions(events: Iterable[Event]) -> list[Chapter]:
    """Return every execution that whole stretches of log streams tell of, stream by stream."""
    streams: dict[tuple[str, str], list[Event]] = {}
    for event in interleaved(events):
        streams.setdefault((event.group, event.stream), []).append(event)
    return [chapter for stream in streams.values() for chapter in _executions(stream)]


def _executions(stream: Iterable[Event]) -> list[Chapter]:
    """Split a stream, in order of time, into executions.

    A line with a request id is that request's; one without (printed text, a stack trace) belongs to the
    execution under way. Before the first and after an end there is none. A request that starts again is a
    retry, and an execution of its own: Lambda retries an asynchronous invocation under the same id.
    """
    found: dict[tuple[str, int], list[Event]] = {}
    tries: Counter[str] = Counter()
    running = ""
    for number, event in enumerate(stream):
        if event.request_id:
            running = "" if event.kind is Kind.REPORT else event.request_id
        key = event.request_id or running or f"line {number}"
        if event.kind is Kind.START and any(one.kind in _ONCE for one in found.get((key, tries[key]), ())):
            tries[key] += 1
        found.setdefault((key, tries[key]), []).append(event)
    return [
        Chapter(events[0].worker, next((e.request_id for e in events if e.request_id), ""), tuple(events))
        for events in found.values()
    ]
