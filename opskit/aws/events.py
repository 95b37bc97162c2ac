"""Log events of one group: the newest that are wanted, with a bound on the pages that are read for them."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opskit.aws.faults import FAULTS, explain
from opskit.aws.session import Aws
from opskit.logs.line import Line

PAGE = 10_000
"""FilterLogEvents returns at most so many events a page, or 1 MB of them (its documentation)."""
MOST_PAGES = 100
FILTERS_PER_S = 5
"""FilterLogEvents allows 5 calls per second, account and region, more in some regions (AWS's article "How do
I identify throttling in CloudWatch Logs", and its table of quotas)."""
NEWEST_FIRST_FROM_MS = 1_704_067_200_000
"""FilterLogEvents reads backwards from 2024 on only (`startFromHead` in its documentation)."""


class Pace:
    """Spreads calls of any threads over time: a first `per_s` at once, then so many a second."""

    def __init__(
        self,
        per_s: float = FILTERS_PER_S,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._step_s = 1 / per_s
        self._clock = clock
        self._wait = wait
        self._lock = threading.Lock()
        self._next = clock() - 1.0

    def __call__(self) -> None:
        """Return when the next call may be made."""
        with self._lock:
            now = self._clock()
            due = max(self._next, now - 1.0) + self._step_s
            self._next = due
        if due > now:
            self._wait(due - now)


@dataclass(frozen=True, slots=True)
class Ask:
    """What to read of a group: from `start_ms` to `end_ms`, both included, at most the newest `most` lines.

    `pattern` is a filter pattern; `streams` are at most 100 log streams, none for all.
    """

    group: str
    start_ms: int
    end_ms: int
    most: int
    pattern: str = ""
    streams: tuple[str, ...] = ()

    def params(self, limit: int) -> dict[str, Any]:
        """Return the call's parameters."""
        asked: dict[str, Any] = {
            "logGroupName": self.group,
            "startTime": self.start_ms,
            "endTime": self.end_ms,
            "limit": limit,
            "startFromHead": self.start_ms < NEWEST_FIRST_FROM_MS,
        }
        if self.pattern:
            asked["filterPattern"] = self.pattern
        return asked | ({"logStreamNames": list(self.streams)} if self.streams else {})


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of it, oldest first. `more`: there are older lines; `gap`: why not all could be read."""

    lines: tuple[Line, ...] = ()
    more: bool = False
    gap: str = ""
    code: str = ""
    """AWS's error code, where the gap is a fault."""


Wanted = Callable[[Line], bool]


def read(aws: Aws, ask: Ask, wanted: Wanted | None, pace: Pace) -> Heard:
    """Return the newest lines that are `wanted` (None: all); what AWS refuses becomes a gap."""
    newest = _Newest(ask.most)
    # One more than is wanted tells whether there are more.
    limit = PAGE if wanted else min(PAGE, ask.most + 1)
    try:
        for page in _pages(aws, ask.params(limit), pace):
            lines = [line(ask.group, event) for event in page.get("events", ())]
            newest.took(lines, [one for one in lines if wanted is None or wanted(one)])
            newest.unfinished = bool(page.get("nextToken"))
            if newest.enough:
                return newest.heard()
    except FAULTS as error:
        fault = explain(error, "logs", "FilterLogEvents")
        return newest.heard(f"{fault.text}; {newest.said()}" if newest.read else fault.text, fault.code)
    if newest.unfinished:
        return newest.heard(f"stopped after {MOST_PAGES} pages; {newest.said()}: ask for a shorter window")
    return newest.heard()


def _pages(aws: Aws, params: Mapping[str, Any], pace: Pace) -> Iterator[Mapping[str, Any]]:
    token: str | None = None
    for _ in range(MOST_PAGES):
        pace()
        page = aws.client("logs").filter_log_events(**params, **({"nextToken": token} if token else {}))
        token = page.get("nextToken")
        yield page
        if not token:
            return


def line(group: str, event: Mapping[str, Any]) -> Line:
    """Return an event of an answer as a line."""
    return Line(
        group=group,
        stream=event.get("logStreamName", ""),
        at_ms=int(event.get("timestamp", 0)),
        text=event.get("message", ""),
        event_id=event.get("eventId", ""),
        ingested_ms=int(event.get("ingestionTime", 0)),
    )


@dataclass
class _Newest:
    """The newest `most` wanted lines of the pages so far, whichever way these go.

    An endpoint that does not know `startFromHead` answers oldest first, and then all pages must be read.
    """

    most: int
    kept: list[Line] = field(default_factory=list)
    cut: bool = False
    read: int = 0
    first_ms: int = 0
    last_ms: int = 0
    backwards: bool = False
    unfinished: bool = False

    def took(self, lines: Sequence[Line], wanted: Sequence[Line]) -> None:
        if lines:
            self.first_ms = self.first_ms if self.read else lines[0].at_ms
            self.last_ms = lines[-1].at_ms
            self.read += len(lines)
            self.backwards = self.first_ms > self.last_ms
        self.kept += wanted
        if len(self.kept) > 2 * self.most + PAGE:
            self._trim()

    def _trim(self) -> None:
        self.kept.sort(key=lambda one: (one.at_ms, one.ingested_ms, one.event_id))
        self.cut = self.cut or len(self.kept) > self.most
        self.kept = self.kept[-self.most :]

    @property
    def enough(self) -> bool:
        return self.backwards and len(self.kept) > self.most

    def said(self) -> str:
        """Return how far was read."""
        from opskit.render.figures import iso  # noqa: PLC0415 - only where something went wrong

        if not self.read:
            return "no line was found by then"
        side = "older" if self.backwards else "newer"
        return f"nothing {side} than {iso(self.last_ms // 1000)} was read"

    def heard(self, gap: str = "", code: str = "") -> Heard:
        self._trim()
        return Heard(tuple(self.kept), self.cut, gap, code)
