"""Log groups, streams and their events: groups in memory, events as columns of one DuckDB table."""

# ruff: noqa: S608 - SQL is made of our own names and numbers

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock, RLock
from typing import Any

from duckdb import DuckDBPyConnection

from opskit.insights import discover
from opskit.sandbox.front import ACCOUNT, RefusedError

DAY_MS = 86_400_000


@dataclass(slots=True)
class Stream:
    """A log stream; times are epoch ms, None before the first event."""

    name: str
    created_ms: int
    first_ms: int | None = None
    last_ms: int | None = None
    ingested_ms: int | None = None
    size: int = 0

    def took(self, first_ms: int, last_ms: int, ingested_ms: int, size: int) -> None:
        """Count events in."""
        self.first_ms = first_ms if self.first_ms is None else min(self.first_ms, first_ms)
        self.last_ms = last_ms if self.last_ms is None else max(self.last_ms, last_ms)
        self.ingested_ms = ingested_ms
        self.size += size

    def shift(self, ms: int) -> None:
        """Move its times `ms` further into the past."""
        self.created_ms -= ms
        self.first_ms = None if self.first_ms is None else self.first_ms - ms
        self.last_ms = None if self.last_ms is None else self.last_ms - ms
        self.ingested_ms = None if self.ingested_ms is None else self.ingested_ms - ms


@dataclass(slots=True)
class Group:
    """A log group. `retention_days` None keeps events for ever."""

    key: int
    region: str
    name: str
    created_ms: int
    log_class: str = "STANDARD"
    retention_days: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)
    source: "Source | None" = None
    since_ms: int | None = None
    """What the source is asked for next: events from this time on; None for all."""

    @property
    def arn(self) -> str:
        """The group's ARN, without the trailing `:*`."""
        return f"arn:aws:logs:{self.region}:{ACCOUNT}:log-group:{self.name}"

    def oldest_ms(self, now_ms: int) -> int:
        """Return the oldest time that retention still keeps."""
        return 0 if self.retention_days is None else now_ms - self.retention_days * DAY_MS

    def shift(self, ms: int) -> None:
        """Move its times and its streams' `ms` further into the past."""
        self.created_ms -= ms
        self.since_ms = None if self.since_ms is None else self.since_ms - ms
        for stream in self.streams.values():
            stream.shift(ms)


Line = tuple[str, int, str]
"""Log stream, epoch ms, message."""

Source = Callable[[int | None], Iterable[Line]]
"""Yields a group's events from a time on (epoch ms; None for all): newer than all it yielded before."""

CHUNK = 50_000
"""Events in one statement: DuckDB takes several such lists faster than a single long one."""


class Store:
    """All groups of all regions. Every method may be called from any thread.

    `world` is held while a group's source is asked.
    """

    def __init__(self, connection: DuckDBPyConnection, world: AbstractContextManager[Any]) -> None:
        self._connection = connection
        self._world = world
        self._writing = Lock()
        self._lock = RLock()
        self._groups: dict[tuple[str, str], Group] = {}
        self._next_group = 1
        self._next_event = 1
        connection.execute(f"CREATE TABLE log_events (group_key INTEGER, {discover.COLUMNS})")

    def cursor(self) -> DuckDBPyConnection:
        """Return a connection of its own to the same data, for one thread."""
        with self._lock:
            return self._connection.cursor()

    def snapshot(self) -> DuckDBPyConnection:
        """Return a connection, for one thread, that sees the events as they are now until it is closed."""
        cursor = self.cursor().begin()
        # A transaction's view begins with its first statement.
        return cursor.execute("FROM log_events LIMIT 0")

    def groups(self, region: str) -> list[Group]:
        """Return a region's groups by name."""
        with self._lock:
            found = [group for (where, _), group in self._groups.items() if where == region]
        return sorted(found, key=lambda group: group.name)

    def group(self, region: str, name: str) -> Group:
        """Return a group; refused as AWS refuses it if it does not exist."""
        found = self._groups.get((region, name))
        if found is None:
            raise RefusedError("ResourceNotFoundException", "The specified log group does not exist.")
        return found

    def stream(self, group: Group, name: str) -> Stream:
        """Return a stream of a group; refused as AWS refuses it if it does not exist."""
        found = group.streams.get(name)
        if found is None:
            raise RefusedError("ResourceNotFoundException", "The specified log stream does not exist.")
        return found

    def create(self, region: str, name: str, now_ms: int, log_class: str) -> Group:
        """Create a group; refused if there is one of that name."""
        with self._lock:
            if (region, name) in self._groups:
                raise RefusedError("ResourceAlreadyExistsException", "The specified log group already exists")
            group = Group(self._next_group, region, name, now_ms, log_class)
            self._next_group += 1
            self._groups[region, name] = group
            return group

    def drop(self, group: Group) -> None:
        """Delete a group with its events."""
        with self._lock:
            del self._groups[group.region, group.name]
        self._delete("group_key = ?", group.key)

    def drop_stream(self, group: Group, stream: Stream) -> None:
        """Delete a stream with its events."""
        with self._lock:
            del group.streams[stream.name]
        self._delete("group_key = ? AND stream = ?", group.key, stream.name)

    def _delete(self, where: str, *values: Any) -> None:
        """Delete events; DuckDB refuses two that change the same ones at once."""
        with self._writing:
            self.cursor().execute(f"DELETE FROM log_events WHERE {where}", values)

    def add_stream(self, group: Group, name: str, now_ms: int) -> Stream:
        """Create a stream; refused if there is one of that name."""
        with self._lock:
            if name in group.streams:
                raise RefusedError(
                    "ResourceAlreadyExistsException", "The specified log stream already exists"
                )
            group.streams[name] = Stream(name, now_ms)
            return group.streams[name]

    def append(self, group: Group, lines: Iterable[Line], ingested_ms: int | None = None) -> int | None:
        """Store events, all or none, and return the newest one's time; missing streams are created.

        `ingested_ms` None means as they happened.
        """
        with self._writing, self.cursor() as cursor:
            first = self._next_event
            rest = iter(lines)
            cursor.begin()
            while chunk := list(islice(rest, CHUNK)):
                self._insert(cursor, group, chunk, ingested_ms)
            newest_ms = self._count(cursor, group, first) if self._next_event > first else None
            cursor.commit()
        return newest_ms

    def _insert(
        self, cursor: DuckDBPyConnection, group: Group, lines: Sequence[Line], ingested_ms: int | None
    ) -> None:
        streams, times, messages = (list(column) for column in zip(*lines, strict=True))
        first = self._next_event
        self._next_event += len(lines)
        events = (
            "(SELECT unnest($streams) AS stream, unnest($times) AS ts, unnest($messages) AS message, "
            "unnest(range($first, $last)) AS id, $group_key AS group_key, $log AS log, "
            "coalesce($ingested, ts) AS ingested)"
        )
        cursor.execute(
            f"INSERT INTO log_events BY NAME {discover.extract(events)}",
            {
                "streams": streams,
                "times": times,
                "messages": messages,
                "first": first,
                "last": first + len(lines),
                "group_key": group.key,
                "log": f"{ACCOUNT}:{group.name}",
                "ingested": ingested_ms,
            },
        )

    def _count(self, cursor: DuckDBPyConnection, group: Group, first: int) -> int:
        """Tell the streams of the events from number `first` on; return the newest one's time."""
        sql = (
            "SELECT stream, min(ts), max(ts), max(ingested), sum(size) FROM log_events "
            "WHERE id >= ? GROUP BY stream ORDER BY stream"
        )
        rows = cursor.execute(sql, [first]).fetchall()
        with self._lock:
            for name, first_ms, last_ms, ingested_ms, size in rows:
                stream = group.streams.setdefault(name, Stream(name, first_ms))
                stream.took(first_ms, last_ms, ingested_ms, int(size))
        return int(max(last_ms for _, _, last_ms, _, _ in rows))

    def fresh(self, group: Group) -> Group:
        """Return a group when it has all that its source knows by now."""
        if group.source is not None:
            with self._world:
                newest_ms = self.append(group, group.source(group.since_ms))
                group.since_ms = group.since_ms if newest_ms is None else newest_ms + 1
        return group

    def shift(self, ms: int) -> None:
        """Move every time `ms` further into the past."""
        with self._writing, self._lock:
            for group in self._groups.values():
                group.shift(ms)
            sql = "UPDATE log_events SET ts = ts - $ms, ingested = ingested - $ms"
            self.cursor().execute(sql, {"ms": ms})

    def relation(self, groups: Sequence[Group], start_ms: int, end_ms: int, now_ms: int) -> str:
        """Return SQL for the events of `groups` with start <= time <= end that retention still keeps."""
        wanted = " OR ".join(
            f"(group_key = {group.key} AND ts >= {max(start_ms, group.oldest_ms(now_ms))})"
            for group in groups
        )
        return f"(SELECT * FROM log_events WHERE ({wanted}) AND ts <= {end_ms}) AS events"


def pages(names: Sequence[str], token: str | None, limit: int) -> tuple[list[str], str | None]:
    """Return the page of sorted `names` after `token` (the last name seen), and the next token."""
    rest = [name for name in names if token is None or name > token]
    page = rest[:limit]
    return page, page[-1] if len(rest) > limit else None


def utf8(text: str) -> str:
    """Return a client's text as UTF-8 can hold it: JSON may carry half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
