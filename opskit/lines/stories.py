"""Finds the story of one request: by its id, by the ids that its lines carry, then by whole executions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from opskit.lines.reader import Reader, Span
from opskit.logs import ids
from opskit.logs.line import Event, is_lambda
from opskit.logs.story import LONGEST_MS, Story, chapters

MOST_MATCHES = 2_000
"""Lines with an id, per group."""
MOST_LINES = 20_000
"""Lines around them, per group."""
MOST_STREAMS = 100
"""Streams that one FilterLogEvents call takes (InputLogStreamNames in its model)."""
MOST_LINKED = 20
"""Ids that are followed, as far as one filter pattern has room for them."""


@dataclass(frozen=True, slots=True)
class Told:
    """A story, what could not be read for it, and what was left out of it."""

    story: Story
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def tell(asked: Reader, everywhere: Reader, request_id: str, span: Span) -> Told:
    """Return the story of a request that `asked` has lines of; linked lines are looked for `everywhere`.

    A story without chapters is one of which no line was found.
    """
    search = _Search(everywhere, span)
    matched = search.matching(asked, [request_id])
    if not matched:
        return search.told(asked, Story(request_id, (), ()))
    around = search.around(matched)
    own = chapters(around, [request_id])
    carried = [one for one in ids.carried(e for c in own for e in c.events) if one != request_id]
    linked = ids.fitting(request_id, carried[:MOST_LINKED])
    if len(carried) > len(linked):
        search.notes.append(
            f"its lines carry {len(carried)} correlation and trace ids; {len(linked)} were followed"
        )
    wanted = [request_id, *linked]
    if linked or asked.sources != everywhere.sources:
        around = search.around([*matched, *search.matching(everywhere, wanted)])
    found = chapters(around, wanted)
    return search.told(everywhere, Story(request_id, linked, tuple(found)))


class _Search:
    """The calls of one story, and what they left open."""

    def __init__(self, reader: Reader, span: Span) -> None:
        self._reader = reader
        self._span = span
        self.gaps: list[str] = []
        self.notes: list[str] = []
        self._unread: set[str] = set()

    def told(self, reader: Reader, story: Story) -> Told:
        """Return a story with the workers that were searched, and read, and have no line of it."""
        there = {chapter.worker for chapter in story.chapters}
        groups = [group for group in reader.sources.by_group if group not in self._unread]
        silent = tuple(worker for worker in reader.sources.in_groups(groups) if worker not in there)
        gaps, notes = (tuple(dict.fromkeys(said)) for said in (self.gaps, self.notes))
        return Told(replace(story, silent=silent), gaps, notes)

    def matching(self, reader: Reader, wanted: Sequence[str]) -> list[Event]:
        read = reader.matching(self._span, MOST_MATCHES, ids.pattern(wanted))
        self.gaps += read.gaps
        self._unread |= read.unread
        if read.more:
            self.notes.append(f"a log group has more than {MOST_MATCHES:,} lines of it: the newest are told")
        return [event for event in read.events if ids.mentions(event, wanted)]

    def around(self, matched: Sequence[Event]) -> list[Event]:
        """Return the matched lines and all lines of the executions they may be of."""
        wanted = {}
        for group in dict.fromkeys(event.group for event in matched if is_lambda(event.stream)):
            mine = [event for event in matched if event.group == group and is_lambda(event.stream)]
            wanted[group] = (self._near(mine), self._streams(mine))
        read = self._reader.streams(wanted, MOST_LINES)
        self.gaps += read.gaps
        if read.more:
            self.gaps.append(f"there are more than {MOST_LINES:,} lines around it: older ones were not read")
        seen = {(event.group, event.stream) for event in read.events}
        return [*read.events, *(one for one in matched if (one.group, one.stream) not in seen)]

    def _streams(self, events: Iterable[Event]) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(event.stream for event in events))
        if len(names) > MOST_STREAMS:
            self.gaps.append(f"it is in {len(names)} log streams of a group: {MOST_STREAMS} were read")
        return names[:MOST_STREAMS]

    @staticmethod
    def _near(events: Sequence[Event]) -> Span:
        first, last = min(e.at_ms for e in events), max(e.at_ms for e in events)
        return Span((first - LONGEST_MS) // 1000, -(-(last + LONGEST_MS) // 1000))
