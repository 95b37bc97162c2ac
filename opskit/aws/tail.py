"""Lines as they come, by live tail and by polling: none is lost between polls, none told twice by them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.eventstream import ParserError
from botocore.exceptions import ConnectionClosedError
from urllib3.exceptions import HTTPError

from opskit.aws.events import PAGE, Pace, line
from opskit.aws.session import Aws
from opskit.logs.line import Line

NEAR_MS = 20_000
"""How far back each poll looks again: a line is stamped when it is written and can be read seconds later."""
FAR_MS = 120_000
"""How far back one looks every NEAR_MS; to read that much of a busy group each time would take too long."""
MANY_PAGES, QUIET_MS = 10, 900_000
"""A poll of more pages than that sifts a busy group. It must not read all that was written since the last
line that its pattern found again and again: the next one begins QUIET_MS before now."""
LIVE_GROUPS = 10
"""Groups that one live tail session takes (StartLiveTail in botocore's model)."""


@dataclass
class Poll:
    """Polls one group. `page` raises what botocore raises, and may be called again after that."""

    group: str
    from_ms: int
    pattern: str = ""
    _seen: dict[str, int] = field(default_factory=dict)
    _token: str | None = None
    _newest_ms: int = 0
    _floor_ms: int = 0
    _far_at_ms: int = 0
    _pages: int = 0

    def __post_init__(self) -> None:
        self._floor_ms = self.from_ms

    @property
    def behind(self) -> bool:
        """Whether the last page was not the last one."""
        return self._token is not None

    def page(self, aws: Aws, now_ms: int, pace: Pace) -> list[Line]:
        """Return the lines of the next page that no page had before, oldest first."""
        pace()
        answer = aws.client("logs").filter_log_events(**self._params())
        self._token = answer.get("nextToken")
        self._pages += 1
        new = [
            one
            for one in (line(self.group, event) for event in answer.get("events", ()))
            if self._is_new(one)
        ]
        self._newest_ms = max([self._newest_ms, *(one.at_ms for one in new)])
        if self._token is None:
            self._advance(now_ms)
        return new

    def restart(self) -> None:
        """Ask for the first page again: a token may not outlive what went wrong."""
        self._token, self._pages = None, 0

    def _params(self) -> dict[str, Any]:
        pattern = {"filterPattern": self.pattern} if self.pattern else {}
        token = {"nextToken": self._token} if self._token else {}
        return {"logGroupName": self.group, "startTime": self.from_ms, "limit": PAGE, **pattern, **token}

    def _is_new(self, one: Line) -> bool:
        # AWS gives every event an id; an endpoint that gives none must not make all lines look alike.
        name = one.event_id or f"{one.at_ms} {one.stream} {one.text}"
        if name in self._seen:
            return False
        self._seen[name] = one.at_ms
        return True

    def _advance(self, now_ms: int) -> None:
        """Look back from the newest line, or from now where one is stamped in the future."""
        reached_ms = min(self._newest_ms, now_ms)
        if self.pattern and self._pages > MANY_PAGES:
            reached_ms = max(reached_ms, now_ms - QUIET_MS)
        self._pages = 0
        far = now_ms - self._far_at_ms >= NEAR_MS
        self._far_at_ms = now_ms if far else self._far_at_ms
        self._floor_ms = max(self._floor_ms, reached_ms - FAR_MS)
        self.from_ms = max(self._floor_ms, reached_ms - (FAR_MS if far else NEAR_MS))
        self._seen = {name: at_ms for name, at_ms in self._seen.items() if at_ms >= self._floor_ms}


@contextmanager
def _as_faults(url: str) -> Iterator[None]:
    """Raise what a broken stream raises below botocore as botocore's own exception."""
    try:
        yield
    except (HTTPError, ParserError) as error:
        raise ConnectionClosedError(endpoint_url=url) from error


@dataclass(frozen=True, slots=True)
class Update:
    """What live tail says in a second. `sampled`: there were more than the 500 lines that it sends."""

    lines: tuple[Line, ...] = ()
    sampled: bool = False


class LiveTail:
    """One live tail session: at most LIVE_GROUPS groups, and three hours. Raises what botocore raises."""

    def __init__(self, aws: Aws, groups: Mapping[str, str], pattern: str = "") -> None:
        """Start a session for `groups`: their ARNs by name."""
        self._names = {arn: name for name, arn in groups.items()}
        filtered = {"logEventFilterPattern": pattern} if pattern else {}
        self._url = aws.client("logs").meta.endpoint_url
        with _as_faults(self._url):
            answer = aws.client("logs").start_live_tail(logGroupIdentifiers=list(groups.values()), **filtered)
        self._stream = answer["responseStream"]

    def updates(self) -> Iterator[Update]:
        """Yield an update a second until the session ends: Update() also when nothing was written."""
        with _as_faults(self._url):
            for event in self._stream:
                if "sessionUpdate" in event:
                    yield self._update(event["sessionUpdate"])
                elif "sessionStart" in event:
                    yield Update()

    def close(self) -> None:
        """End the session."""
        self._stream.close()

    def _update(self, update: Mapping[str, Any]) -> Update:
        results: Sequence[Mapping[str, Any]] = update.get("sessionResults", ())
        lines = tuple(line(self._name(one.get("logGroupIdentifier", "")), one) for one in results)
        return Update(lines, bool(update.get("sessionMetadata", {}).get("sampled")))

    def _name(self, identifier: str) -> str:
        """Return the name of a group that AWS calls by name, ARN, or account and name."""
        return self._names.get(identifier) or identifier.rpartition(":")[2]
