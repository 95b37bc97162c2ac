"""Follows lines as they come: live tail with a poll now and then for what it left out, or polling alone."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from urllib.parse import urlsplit

from opskit.aws.events import FILTERS_PER_S
from opskit.aws.faults import FAULTS, explain
from opskit.aws.loggroups import DELIVERY
from opskit.aws.tail import FAR_MS, LIVE_GROUPS, LiveTail, Poll
from opskit.lines.reader import NOT_FOUND, Read, Reader, at_once
from opskit.logs.line import Event, Line
from opskit.logs.shown import Shown
from opskit.logs.sieve import Sieve
from opskit.render.figures import number

POLL_S = 2.0
SWEEP_S = 30.0
"""How often polling adds to live tail: it samples above 500 lines a second, and drops what is read slowly."""
LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class Batch:
    """What is new, oldest first, and what is to be known of it. Both may be empty: time has passed."""

    events: Sequence[Event] = ()
    notes: Sequence[str] = ()


@dataclass
class _Watched:
    """A group that is polled, and how it went."""

    poll: Poll
    failures: int = 0
    due: float = 0.0
    said: str = ""
    """The fault that was told last; "" if it is well."""


class Follower:
    """Yields what is new from what `read` has shown on; `clock` and `wait` are seconds."""

    def __init__(
        self,
        reader: Reader,
        read: Read,
        sieve: Sieve,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reader = reader
        self._sieve = sieve
        self._clock = clock
        self._wait = wait
        self._shown = Shown()
        for line in read.lines:
            self._shown.is_new(line, "read")
        start_ms = int(clock() * 1000) - FAR_MS
        self._oldest_ms = read.lines[0].at_ms if read.more and read.lines else 0
        self._read_to_ms = max((line.ingested_ms for line in read.lines), default=0)
        self._described = read.described
        self._watched = [
            _Watched(Poll(group, start_ms, sieve.pattern), said=NOT_FOUND if group in read.unread else "")
            for group in reader.sources.by_group
            if getattr(read.described.get(group), "log_class", "") != DELIVERY
        ]
        self._period_s = max(POLL_S, len(self._watched) / (FILTERS_PER_S / 2))

    def batches(self) -> Iterator[Batch]:
        """Yield for ever; faults are notes."""
        reason = self._no_live_tail()
        if not reason:
            reason = yield from self._live()
        yield Batch(notes=[f"{reason}: polling every {number(self._period_s)} s"])
        while True:
            yield self._round()
            behind = any(one.poll.behind for one in self._watched)
            if not behind:
                self._wait(self._period_s)

    def _no_live_tail(self) -> str:
        """Return why live tail is not tried; "" if it is."""
        if len(self._watched) > LIVE_GROUPS:
            return f"live tail takes {LIVE_GROUPS} log groups, these are {len(self._watched)}"
        if len(self._arns()) < len(self._watched):
            return "no live tail without the log groups' ARNs"
        try:
            endpoint = self._reader.aws.endpoint()
        except FAULTS as error:
            return explain(error).text
        return "no live tail at an endpoint on this machine" if _is_loopback(endpoint) else ""

    def _arns(self) -> dict[str, str]:
        named = {
            one.poll.group: getattr(self._described.get(one.poll.group), "arn", "") for one in self._watched
        }
        return {group: arn for group, arn in named.items() if arn}

    def _live(self) -> Generator[Batch, None, str]:
        """Yield from one session after the other; return why there is none any more."""
        while True:
            try:
                session = LiveTail(self._reader.aws, self._arns(), self._sieve.pattern)
            except FAULTS as error:
                return f"no live tail: {explain(error, 'logs', 'StartLiveTail').text}"
            try:
                yield from self._session(session)
                ended = "live tail ended"
            except FAULTS as error:
                ended = f"live tail broke off: {explain(error, 'logs', 'StartLiveTail').text}"
            finally:
                session.close()
            yield Batch(notes=[f"{ended}; starting it again"])
            self._wait(POLL_S)

    def _session(self, session: LiveTail) -> Iterator[Batch]:
        """Yield a session's lines, and now and then those that it left out.

        The first sweep comes when the session runs: what was written before it is found by polling.
        """
        swept, sampled = 0.0, False
        for update in session.updates():
            told = update.sampled and not sampled
            sampled = sampled or update.sampled
            yield Batch(self._new(update.lines, "live"), [_SAMPLED] if told else [])
            if self._clock() - swept >= SWEEP_S:
                yield from self._sweep()
                swept = self._clock()

    def _sweep(self) -> Iterator[Batch]:
        yield self._round()
        while any(one.poll.behind for one in self._watched):
            yield self._round()

    def _round(self) -> Batch:
        """Read one page of every group that is due."""
        now = self._clock()
        due = {one.poll.group: one for one in self._watched if one.due <= now}
        pages = at_once({group: partial(self._page, one) for group, one in due.items()})
        notes = [note for _, note in pages.values() if note]
        return Batch(self._new([line for lines, _ in pages.values() for line in lines], "poll"), notes)

    def _page(self, one: _Watched) -> tuple[list[Line], str]:
        try:
            lines = one.poll.page(self._reader.aws, int(self._clock() * 1000), self._reader.pace)
        except FAULTS as error:
            return [], self._failed(one, explain(error, "logs", "FilterLogEvents").text)
        recovered = f"{self._named(one)}: reading again, from where it broke off" if one.said else ""
        one.failures, one.due, one.said = 0, 0.0, ""
        return lines, recovered

    def _failed(self, one: _Watched, reason: str) -> str:
        one.poll.restart()
        one.failures += 1
        one.due = self._clock() + min(POLL_S * 2**one.failures, LONGEST_PAUSE_S)
        if one.said:
            return ""
        one.said = reason
        return f"{self._named(one)}: {reason}; trying again"

    def _named(self, one: _Watched) -> str:
        return self._reader.sources.named(one.poll.group)

    def _new(self, lines: Iterable[Line], source: str) -> list[Event]:
        wanted = (
            line
            for line in lines
            if not self._left_out(line) and self._reader.sources.owner(line) and self._sieve.keeps(line)
        )
        return self._reader.events(line for line in wanted if self._shown.is_new(line, source))

    def _left_out(self, line: Line) -> bool:
        """Tell a line that was there when the newest were read, at most as new as the oldest of them."""
        return line.at_ms <= self._oldest_ms and line.ingested_ms <= self._read_to_ms


_SAMPLED = (
    "more than 500 lines a second: live tail sends a sample, and the rest follows within half a minute; "
    "--grep TEXT narrows it"
)


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
