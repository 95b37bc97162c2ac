"""CloudWatch Logs of the embedded AWS: groups, events, filter patterns and Insights queries on DuckDB."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from threading import RLock
from typing import Any

from duckdb import DuckDBPyConnection
from moto.core.utils import get_service_model

from opskit.sandbox.front import Call, Handler, Handlers, RefusedError
from opskit.sandbox.logs.events import Events
from opskit.sandbox.logs.groups import Groups
from opskit.sandbox.logs.queries import Queries
from opskit.sandbox.logs.store import Line, Source, Store

__all__ = ["Logs"]

REGION = "us-east-1"


class Logs:
    """The logs plane on one DuckDB connection, which it never closes; `now` yields epoch seconds.

    `world` is a lock that is held while a lazy group's source is asked.
    """

    def __init__(
        self,
        connection: DuckDBPyConnection,
        now: Callable[[], float] = time.time,
        world: AbstractContextManager[Any] | None = None,
    ) -> None:
        self._now = now
        self._store = Store(connection, world or RLock())
        self._queries = Queries(self._store, now)

    def handlers(self) -> Handlers:
        """Return a handler for every operation of the logs API; what is not answered is refused by name."""
        ours: dict[str, Handler] = {
            **Groups(self._store, self._now).handlers(),
            **Events(self._store, self._now).handlers(),
            **self._queries.handlers(),
        }
        names = get_service_model("logs").operation_names
        return {("logs", name): ours.get(name, _not_here) for name in names}

    def create_group(
        self,
        name: str,
        retention_days: int | None = None,
        log_class: str = "STANDARD",
        region: str = REGION,
    ) -> None:
        """Create a log group; RefusedError if there is one of that name."""
        now_ms = round(self._now() * 1000)
        self._store.create(region, name, now_ms, log_class).retention_days = retention_days

    def has_group(self, name: str, region: str = REGION) -> bool:
        """Whether there is a log group of that name."""
        return any(group.name == name for group in self._store.groups(region))

    def load(self, group: str, stream: str, events: Sequence[tuple[int, str]], region: str = REGION) -> None:
        """Store events (epoch ms, message) of any age in one stream, ingested as they happened."""
        self.load_lines(group, [(stream, ts, message) for ts, message in events], region)

    def load_lines(self, group: str, lines: Iterable[Line], region: str = REGION) -> None:
        """Store events (stream, epoch ms, message) of many streams; missing streams are created."""
        self._store.append(self._store.group(region, group), lines)

    def lazy(self, group: str, source: Source, region: str = REGION) -> None:
        """Let a group's events come from `source` when somebody reads them, and what came since later.

        `source(since_ms)` yields (stream, epoch ms, message): all events at first (None), then those from
        `since_ms` on, which is just after the newest it yielded. RefusedError if there is no such group.
        """
        self._store.group(region, group).source = source

    def shift(self, seconds: int) -> None:
        """Move all groups, streams and events `seconds` further into the past.

        A query that was started before sees them where they were.
        """
        self._store.shift(seconds * 1000)

    def close(self) -> None:
        """Stop running queries and their workers."""
        self._queries.close()


def _not_here(call: Call) -> None:
    raise RefusedError("NotImplemented", f"The embedded AWS does not answer logs:{call.action}.", 501)
