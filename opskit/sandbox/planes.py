"""The embedded AWS's stores, together: an incident is played into them, the server answers from them."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import duckdb

from opskit.sandbox.control import Control
from opskit.sandbox.front import Call, Handlers, Wsgi
from opskit.sandbox.logs import Logs
from opskit.sandbox.metrics import Metrics
from opskit.sandbox.queues import Queues
from opskit.sandbox.watch import NOBODY, Live, Watch

_ALARM_READS = frozenset({"DescribeAlarms", "DescribeAlarmsForMetric", "DescribeAlarmHistory"})


class Planes:
    """One embedded AWS's stores; `now` is epoch seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self.endpoint = ""
        """Where they are served, once they are."""
        self.app: Wsgi = _not_served
        """The front that serves them, once it does."""
        self.world = threading.RLock()
        """Held by whoever plays or moves the past; lazy logs are made with it held."""
        self.watch: Watch = NOBODY
        """Is told of calls."""
        self.live: Live | None = None
        """What was played, if it goes on."""
        self._connection = duckdb.connect(":memory:")
        self.metrics = Metrics(self._connection, now)
        self.logs = Logs(self._connection, now, self.world)
        self.queues = Queues(now)
        self.control = Control(now, self.queues)

    def handlers(self) -> Handlers:
        """Return every operation that is answered here and not by moto."""
        parts = (self.metrics, self.logs, self.queues, self.control)
        return {key: handler for part in parts for key, handler in part.handlers().items()}

    def changed(self, call: Call) -> None:
        """Note a call that has changed something."""
        self.control.trail.changed(call)
        self.watch.changed(call)

    def coming(self, call: Call) -> None:
        """Note a call that is about to read telemetry or settings, or to change something."""
        self.watch.coming(call)
        if call.service == "cloudwatch" and call.action in _ALARM_READS:
            self.metrics.evaluate()

    def shift(self, seconds: int) -> None:
        """Let all that has happened be `seconds` longer ago; ValueError unless whole minutes."""
        with self.world:
            self.metrics.shift(seconds)
            for plane in (self.logs, self.queues, self.control):
                plane.shift(seconds)

    def close(self) -> None:
        """Let waiting receives and log queries go; the stores are freed with the last call in them.

        A played world is some hundred megabytes: a circle would keep it until the next collection.
        """
        self.queues.close()
        self.logs.close()
        self.watch, self.live, self.app = NOBODY, None, _not_served


def _not_served(*_: Any) -> Iterable[bytes]:
    raise RuntimeError("these stores are not served yet")
