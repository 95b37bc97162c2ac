"""The embedded AWS's metrics: CloudWatch's data calls on DuckDB, answered as AWS answers them."""

from opskit.sandbox.metrics.alarms import HistoryItem
from opskit.sandbox.metrics.api import Metrics
from opskit.sandbox.metrics.batch import SeriesBatch

__all__ = ["HistoryItem", "Metrics", "SeriesBatch"]
