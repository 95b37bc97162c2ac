"""The metrics plane: its store and the CloudWatch calls that it answers."""

import time
from collections.abc import Callable, Sequence
from functools import partial

import duckdb

from opskit.sandbox.front import Call, Handlers
from opskit.sandbox.metrics.alarm_states import AlarmStates
from opskit.sandbox.metrics.alarms import Alarms, HistoryItem, put_composite_alarm
from opskit.sandbox.metrics.batch import SeriesBatch
from opskit.sandbox.metrics.checks import MINUTE
from opskit.sandbox.metrics.data import get_metric_data
from opskit.sandbox.metrics.listing import list_metrics
from opskit.sandbox.metrics.mutes import Mutes
from opskit.sandbox.metrics.put import put_metric_data
from opskit.sandbox.metrics.statistics_call import get_metric_statistics
from opskit.sandbox.metrics.store import Store


class Metrics:
    """CloudWatch's metrics and alarm history on one DuckDB connection; safe to use from many threads.

    `now` tells epoch seconds. Alarms themselves (PutMetricAlarm, DescribeAlarms) stay moto's;
    their states come from `evaluate`.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._store = Store(connection)
        self._alarms = Alarms(connection, now)
        self._states = AlarmStates(self._store, self._alarms, now)
        self._mutes = Mutes(now)

    def load(self, batches: Sequence[SeriesBatch]) -> None:
        """Insert whole series in one pass; unlike PutMetricData any time is taken."""
        self._store.load(batches)

    def publish(self, batches: Sequence[SeriesBatch], since: int | Sequence[int]) -> None:
        """Replace the batches' series from a time on (epoch s; one for all, or one for each batch).

        Datapoints of these series at or after it are gone, also where the batch has none; a reader sees
        all of the change or nothing.
        """
        self._store.publish(batches, [since] * len(batches) if isinstance(since, int) else since)

    def record_history(self, item: HistoryItem) -> None:
        """Add one item to an alarm's history; ValueError for a type that AWS does not know."""
        self._alarms.record(item)

    def shift(self, seconds: int) -> None:
        """Move all datapoints and alarms `seconds` further into the past; ValueError unless whole minutes."""
        if seconds % MINUTE:
            raise ValueError(f"datapoints lie on whole minutes: they cannot be moved by {seconds} s")
        self._store.shift(seconds)
        self._alarms.shift(seconds)
        self._states.shift(seconds)

    def evaluate(self) -> None:
        """Evaluate all metric alarms at the periods that have ended since the last time."""
        self._states.evaluate()

    def evaluate_past(self, since: float) -> None:
        """Evaluate all metric alarms from `since` (epoch s) on: states and history as if they had watched.

        A new alarm begins with INSUFFICIENT_DATA. What was recorded before stays in the history.
        """
        self._states.evaluate(since)

    def _set_alarm_state(self, call: Call) -> None:
        self._states.stands(call.region, self._alarms.set_alarm_state(call))

    def handlers(self) -> Handlers:
        """Return the calls that this plane answers."""
        calls = {
            "PutMetricData": put_metric_data,
            "GetMetricData": get_metric_data,
            "GetMetricStatistics": get_metric_statistics,
            "ListMetrics": list_metrics,
        }
        return {
            **{
                ("cloudwatch", action): partial(call, self._store, self._now)
                for action, call in calls.items()
            },
            ("cloudwatch", "DescribeAlarmHistory"): self._alarms.describe_alarm_history,
            ("cloudwatch", "SetAlarmState"): self._set_alarm_state,
            ("cloudwatch", "PutCompositeAlarm"): put_composite_alarm,
            **self._mutes.handlers(),
        }
