"""Log lines of many workers, read at once: what was read, what could not be, and what silence means."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from opskit import lanes
from opskit.aws import events, loggroups
from opskit.aws.events import Ask, Heard, Pace
from opskit.aws.faults import Fault
from opskit.aws.loggroups import Group
from opskit.aws.session import Aws
from opskit.logs.line import Event, Line, event, interleaved
from opskit.logs.sieve import Sieve
from opskit.logs.sources import Sources
from opskit.render.figures import clock, counted

T = TypeVar("T")
GROUPS = lanes.Lane("log groups", 16)
DAY_S = 86_400
NO_SUCH_GROUP = "there is no such log group: its worker has not run yet, or it was deleted"
NOT_FOUND = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True)
class Span:
    """A time from `start` to `end`, epoch seconds."""

    start: int
    end: int

    def ask(self, group: str, most: int, pattern: str = "", streams: tuple[str, ...] = ()) -> Ask:
        """Return the question for a group's lines in this time."""
        return Ask(group, self.start * 1000, self.end * 1000, most, pattern, streams)


@dataclass(frozen=True, slots=True)
class Read:
    """Events oldest first. `more`: older ones were left out; `gaps`: what could not be read, a line each."""

    events: tuple[Event, ...]
    more: bool = False
    gaps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    """The events as CloudWatch Logs has them."""
    unread: frozenset[str] = frozenset()
    """The groups that could not be read, or not to the end."""
    described: Mapping[str, Group | Fault] = field(default_factory=dict)
    """What is known of each group, where it was asked."""


def at_once(tasks: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """Run tasks side by side and return what each returned."""
    futures = lanes.run((GROUPS, task) for task in tasks.values())
    return {name: future.result() for name, future in zip(tasks, futures, strict=True)}


@dataclass(frozen=True)
class Reader:
    """Reads the lines of `sources`; `now` is epoch seconds."""

    aws: Aws
    sources: Sources
    now: float
    pace: Pace

    def recent(self, span: Span, most: int, sieve: Sieve) -> Read:
        """Return the newest `most` lines of all groups together that pass the sieve."""
        described = at_once({g: partial(loggroups.describe, self.aws, g) for g in self.sources.by_group})
        closed = {name: why for name, group in described.items() if (why := closed_because(group))}
        open_groups = [name for name in described if name not in closed]
        heard = self._heard(open_groups, lambda group: span.ask(group, most, sieve.pattern), sieve)
        found = sorted((line for one in heard.values() for line in one.lines), key=lambda line: line.at_ms)
        gaps = [f"{self.sources.named(name)}: {why}" for name, why in closed.items()]
        gaps += self._gaps({name: _with_class(one, described[name]) for name, one in heard.items()})
        expired, notes = self._retention(described, span)
        unread = frozenset([*closed, *(name for name, one in heard.items() if one.gap)])
        if not found:
            notes += self._silence([name for name in open_groups if name not in unread], span, sieve)
        return Read(
            events=tuple(self.events(found[-most:])),
            more=len(found) > most or any(one.more for one in heard.values()),
            gaps=tuple(dict.fromkeys([*gaps, *expired])),
            notes=tuple(notes),
            lines=tuple(found[-most:]),
            unread=unread,
            described=described,
        )

    def matching(self, span: Span, most: int, pattern: str) -> Read:
        """Return the lines that a filter pattern keeps in all groups."""
        return self._joined(
            self._heard(self.sources.by_group, lambda group: span.ask(group, most, pattern), Sieve())
        )

    def _joined(self, heard: Mapping[str, Heard]) -> Read:
        found = self.events(line for one in heard.values() for line in one.lines)
        return Read(
            events=tuple(found),
            more=any(one.more for one in heard.values()),
            gaps=self._gaps(heard),
            unread=frozenset(name for name, one in heard.items() if one.gap),
        )

    def streams(self, wanted: Mapping[str, tuple[Span, tuple[str, ...]]], most: int) -> Read:
        """Return all lines of some streams of each group, in a time of its own."""
        asks = {group: span.ask(group, most, streams=streams) for group, (span, streams) in wanted.items()}
        heard = self._heard(asks, asks.__getitem__, Sieve())
        return self._joined(heard)

    def events(self, lines: Iterable[Line]) -> list[Event]:
        """Return lines as events of their workers, oldest first; those of nobody asked for are left out."""
        owned = ((self.sources.owner(line), line) for line in lines)
        return interleaved(event(line, owner) for owner, line in owned if owner)

    def _heard(self, groups: Iterable[str], ask: Callable[[str], Ask], sieve: Sieve) -> dict[str, Heard]:
        return at_once({group: partial(self._read, ask(group), sieve) for group in groups})

    def _read(self, ask: Ask, sieve: Sieve) -> Heard:
        shared = any(one.function for one in self.sources.by_group[ask.group])

        def wanted(line: Line) -> bool:
            return (not shared or bool(self.sources.owner(line))) and sieve.keeps(line)

        return events.read(self.aws, ask, wanted if shared or sieve else None, self.pace)

    def _gaps(self, heard: Mapping[str, Heard]) -> tuple[str, ...]:
        said = (
            (g, NO_SUCH_GROUP if one.code == NOT_FOUND else one.gap) for g, one in heard.items() if one.gap
        )
        return tuple(f"{self.sources.named(group)}: {gap}" for group, gap in said)

    def _retention(self, described: Mapping[str, Group | Fault], span: Span) -> tuple[list[str], list[str]]:
        """Return the groups whose retention has deleted all of the window, and those where a part of it."""
        all_of_it, a_part = [], []
        for name, group in described.items():
            if isinstance(group, Fault) or group.retention_days is None:
                continue
            kept_from = int(self.now) - group.retention_days * DAY_S
            keeps = f"{counted(group.retention_days, 'day', 'days')}, back to {clock(kept_from, 0)}"
            named = self.sources.named(name)
            if span.end < kept_from:
                all_of_it.append(f"{named}: the window is older than what it keeps, {keeps}")
            elif span.start < kept_from:
                a_part.append(f"{named}: the window begins before what it keeps, {keeps}")
        return all_of_it, a_part

    def _silence(self, groups: Sequence[str], span: Span, sieve: Sieve) -> list[str]:
        """Return what each group without a wanted line holds instead."""
        return list(at_once({group: partial(self._holds, group, span, sieve) for group in groups}).values())

    def _holds(self, group: str, span: Span, sieve: Sieve) -> str:
        named = self.sources.named(group)
        wanted = f"no line with {sieve}" if sieve else "no line"
        others = loggroups.holds_any(self.aws, span.ask(group, 1), self.pace)
        if others is None:
            return f"{named}: {wanted} in this window; whether it holds others could not be told"
        if others:
            return f"{named}: {wanted} in this window, but others"
        last_ms = loggroups.last_event_ms(self.aws, group)
        since = f"; its last one is of {clock(last_ms // 1000, int(self.now))}" if last_ms else ""
        return f"{named}: no line at all in this window{since}"


def _with_class(heard: Heard, group: Group | Fault) -> Heard:
    """Name the class of a group that could not be read: not every class can do everything."""
    if not heard.gap or isinstance(group, Fault) or group.log_class == loggroups.STANDARD:
        return heard
    return replace(heard, gap=f"{heard.gap}; its class is {group.log_class}, which may not allow it")


def closed_because(group: Group | Fault) -> str:
    """Return why a group cannot be read at all; "" where it may be."""
    if isinstance(group, Fault):
        return NO_SUCH_GROUP if group.code == NOT_FOUND else ""
    if group.log_class == loggroups.DELIVERY:
        return "its class DELIVERY only passes logs on; read them in the S3 bucket or Firehose it delivers to"
    return ""
