"""The logs API's operations on events: put, get, filter."""

# ruff: noqa: S608 - SQL is made of our own names, numbers and bound parameters

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb

from opskit.insights.sql import Binder, used
from opskit.sandbox.front import Call, Handler
from opskit.sandbox.logs import pattern
from opskit.sandbox.logs.groups import group_of, invalid, limit_of
from opskit.sandbox.logs.store import DAY_MS, Group, Store, utf8

MOST_EVENTS = 10_000
MOST_BYTES = 1_048_576
OVERHEAD_BYTES = 26
"""What AWS counts for each event besides its text."""
FUTURE_MS = 2 * 3_600_000
PAST_MS = 14 * DAY_MS
FOREVER_MS = 2**53
BACKWARDS_FROM_MS = 1_704_067_200_000
"""2024-01-01 UTC."""


class Events:
    """Handlers for events; `now` yields epoch seconds."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """Return operation -> handler."""
        return {"PutLogEvents": self._put, "GetLogEvents": self._get, "FilterLogEvents": self._filter}

    def _now_ms(self) -> int:
        return round(self._now() * 1000)

    def _put(self, call: Call) -> dict[str, Any]:
        group = self._store.group(call.region, call.params["logGroupName"])
        stream = self._store.stream(group, call.params["logStreamName"])
        now_ms = self._now_ms()
        events = [(int(e["timestamp"]), utf8(e["message"])) for e in call.params["logEvents"]]
        _check(events)
        rejected, kept = _sift(events, now_ms, group)
        self._store.append(group, [(stream.name, ts, text) for ts, text in kept], now_ms)
        answer: dict[str, Any] = {"nextSequenceToken": f"{now_ms:056d}"}
        return answer | ({"rejectedLogEventsInfo": rejected} if rejected else {})

    def _get(self, call: Call) -> dict[str, Any]:
        group = group_of(self._store, call)
        stream = self._store.stream(group, call.params["logStreamName"])
        forward = bool(call.params.get("startFromHead"))
        where = ["stream = $stream"]
        token = call.params.get("nextToken")
        if token:
            forward, ts, key = _cursor(token)
            where.append(f"(ts, id) {'>' if forward else '<'} ({ts}, {key})")
        relation = self._relation(call, [group], inclusive=False)
        order = "ts, id" if forward else "ts DESC, id DESC"
        sql = (
            f"SELECT ts, id, message, ingested, size, stream FROM {relation} "
            f"WHERE {' AND '.join(where)} ORDER BY {order} LIMIT {limit_of(call, 'limit', MOST_EVENTS)}"
        )
        rows = _within(self._store.cursor().execute(sql, {"stream": stream.name}).fetchall())
        rows.sort()
        marks = {"f": rows[-1][:2], "b": rows[0][:2]} if rows else {}
        return {
            "events": [_event(row) for row in rows],
            "nextForwardToken": _token("f", marks, token),
            "nextBackwardToken": _token("b", marks, token),
        }

    def _filter(self, call: Call) -> dict[str, Any]:
        group = group_of(self._store, call)
        binder = Binder()
        where = [pattern.condition(utf8(call.params.get("filterPattern") or ""), binder)]
        where += _streams(call, binder)
        forward = _forward(call)
        token = call.params.get("nextToken")
        if token:
            forward, ts, key = _cursor(token)
            where.append(f"(ts, id) {'>' if forward else '<'} ({ts}, {key})")
        limit = limit_of(call, "limit", MOST_EVENTS)
        order = "ts, id" if forward else "ts DESC, id DESC"
        sql = (
            "SELECT ts, id, message, ingested, size, stream "
            f"FROM {self._relation(call, [group], inclusive=True)} "
            f"WHERE {' AND '.join(where)} ORDER BY {order} LIMIT {limit + 1}"
        )
        try:
            found = self._store.cursor().execute(sql, used(sql, binder.values)).fetchall()
        except duckdb.InvalidInputException as error:
            raise invalid(f"Invalid filter pattern: {error}") from None
        rows = _within(found[:limit])
        named = [_event(row) | {"logStreamName": row[5], "eventId": f"{row[1]:056d}"} for row in rows]
        answer: dict[str, Any] = {"events": named, "searchedLogStreams": []}
        more = len(rows) < len(found)
        way = "f" if forward else "b"
        return answer | ({"nextToken": f"{way}/{rows[-1][0]}:{rows[-1][1]}"} if more else {})

    def _relation(self, call: Call, groups: Sequence[Group], *, inclusive: bool) -> str:
        start = int(call.params.get("startTime") or 0)
        end = call.params.get("endTime")
        last = FOREVER_MS if end is None else int(end) - (0 if inclusive else 1)
        return self._store.relation(groups, start, last, self._now_ms())


def _forward(call: Call) -> bool:
    """Return whether the earliest events come first; backwards FilterLogEvents reads from 2024 on only."""
    forward = call.params.get("startFromHead") is not False
    if not forward and int(call.params.get("startTime") or 0) < BACKWARDS_FROM_MS:
        raise invalid("startFromHead may be false only if startTime is on or after 2024-01-01.")
    return forward


def _check(events: Sequence[tuple[int, str]]) -> None:
    """Refuse a batch that breaks PutLogEvents' limits."""
    if not 1 <= len(events) <= MOST_EVENTS:
        raise invalid(f"A batch has from 1 to {MOST_EVENTS} log events.")
    size = sum(len(text.encode()) + OVERHEAD_BYTES for _, text in events)
    if size > MOST_BYTES:
        raise invalid(f"Upload too large: {size} bytes exceeds limit of {MOST_BYTES}")
    if any(not text for _, text in events):
        raise invalid("Log event message must not be empty.")
    times = [ts for ts, _ in events]
    if times != sorted(times):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")


def _sift(
    events: Sequence[tuple[int, str]], now_ms: int, group: Group
) -> tuple[dict[str, int], list[tuple[int, str]]]:
    """Return what is rejected, in AWS's words, and the events that are kept."""
    old = sum(ts < now_ms - PAST_MS for ts, _ in events)
    expired = sum(ts < group.oldest_ms(now_ms) for ts, _ in events)
    new = sum(ts > now_ms + FUTURE_MS for ts, _ in events)
    kept = list(events[max(old, expired) : len(events) - new])
    if kept and kept[-1][0] - kept[0][0] > DAY_MS:
        raise invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
        )
    rejected = {"tooOldLogEventEndIndex": old} if old else {}
    if expired > old:
        rejected["expiredLogEventEndIndex"] = expired
    if new:
        rejected["tooNewLogEventStartIndex"] = len(events) - new
    return rejected, kept


def _within(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the first rows up to the size of one answer, at least one."""
    total = 0
    for n, row in enumerate(rows):
        total += row[4] + OVERHEAD_BYTES
        if total > MOST_BYTES and n:
            return rows[:n]
    return rows


def _event(row: tuple[Any, ...]) -> dict[str, Any]:
    return {"timestamp": row[0], "message": row[2], "ingestionTime": row[3]}


def _cursor(token: str) -> tuple[bool, int, int]:
    """Return a token's direction (forward?), time and event."""
    match = re.fullmatch(r"([fb])/(\d+):(\d+)", token)
    if match is None:
        raise invalid("The specified nextToken is invalid.")
    return match.group(1) == "f", int(match.group(2)), int(match.group(3))


def _token(direction: str, marks: Mapping[str, Sequence[int]], before: str | None) -> str:
    """Return the token for going on; at the end AWS returns the one it was given."""
    if direction in marks:
        ts, key = marks[direction]
        return f"{direction}/{ts}:{key}"
    if before:
        return f"{direction}/{before.partition('/')[2]}"
    return f"{direction}/0:0"


def _streams(call: Call, binder: Binder) -> list[str]:
    names, prefix = call.params.get("logStreamNames"), call.params.get("logStreamNamePrefix")
    if names and prefix:
        raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive.")
    if names:
        return [f"stream IN ({', '.join(binder.bind(utf8(name)) for name in names)})"]
    return [f"starts_with(stream, {binder.bind(prefix)})"] if prefix else []
