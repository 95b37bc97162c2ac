"""The control plane's parts, put together."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from opskit.sandbox.control import ages
from opskit.sandbox.control.account import Concurrency
from opskit.sandbox.control.functions import Functions
from opskit.sandbox.control.invoke import Invocations
from opskit.sandbox.control.mappings import Mappings
from opskit.sandbox.control.quotas import Quotas
from opskit.sandbox.control.scaling import Activities, ContributorInsights
from opskit.sandbox.control.sources import Sources
from opskit.sandbox.control.streams import Streams
from opskit.sandbox.control.table_streams import TableStreams
from opskit.sandbox.control.tables import Tables
from opskit.sandbox.control.trail import Trail
from opskit.sandbox.front import Call, Handler, Handlers
from opskit.sandbox.queues import Queues


class Control:
    """moto's control plane, mended; `queues` are where a mapping's queue is looked up."""

    def __init__(self, now: Callable[[], float], queues: Queues) -> None:
        self._lock = threading.Lock()
        self.functions = Functions(now)
        self.concurrency = Concurrency(now, self.functions)
        self.mappings = Mappings(now, self.functions, Sources(queues))
        self.activities = Activities(now)
        self.trail = Trail(now)
        self.tables = Tables()
        self.table_streams = TableStreams()
        self._parts = (
            self.functions,
            self.concurrency,
            self.mappings,
            self.activities,
            self.trail,
            self.table_streams,
            Invocations(self.functions),
            Quotas(self.concurrency),
            Streams(),
            ContributorInsights(),
        )

    def handlers(self) -> Handlers:
        """Return every mended operation, one at a time: moto's objects and ours are no threads' matter."""
        return {key: self._alone(handler) for part in self._parts for key, handler in part.handlers().items()}

    def shift(self, seconds: float) -> None:
        """Let all that has happened be `seconds` longer ago, also what moto keeps."""
        with self._lock:
            for part in (self.concurrency, self.mappings, self.activities, self.trail):
                part.shift(seconds)
            ages.shift(seconds)

    def _alone(self, handler: Handler) -> Handler:
        def alone(call: Call) -> Mapping[str, Any] | None:
            with self._lock:
                return handler(call)

        return alone
