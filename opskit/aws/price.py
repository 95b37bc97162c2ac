"""What a look costs at AWS list prices, counted as it happens.

Prices are us-east-1's, free tiers left out, so the figure is an upper bound for most accounts.
"""

import threading
from collections import Counter
from typing import Any

from opskit.model import Cost

METRIC_USD = 0.01 / 1_000
"""Per metric requested from GetMetricData (aws.amazon.com/cloudwatch/pricing); it has no free tier."""
SCANNED_BYTE_USD = 0.005 / 1_000_000_000
"""Per byte that Logs Insights scans: $0.005 per GB (aws.amazon.com/cloudwatch/pricing)."""
CALL_USD = {"sqs": 0.40 / 1_000_000}
"""Per request of a service that bills its describe calls too (aws.amazon.com/sqs/pricing)."""


class Meter:
    """Adds up the cost of a run; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        self._metrics = 0
        self._bytes = 0

    @property
    def cost(self) -> Cost:
        """What has been spent so far."""
        with self._lock:
            usd = self._metrics * METRIC_USD + self._bytes * SCANNED_BYTE_USD
            usd += sum(price * self._calls[service] for service, price in CALL_USD.items())
            return Cost(self._calls.total(), self._metrics, self._bytes, usd)

    def called(self, service: str) -> None:
        """Count one logical call: all pages of a describe call, a metric batch or a whole log query."""
        with self._lock:
            self._calls[service] += 1

    def count_calls(self, client: Any, service: str) -> None:
        """Count every call that a botocore client makes from now on; its retries are the same call."""

        def called(**_: Any) -> None:
            self.called(service)

        client.meta.events.register(f"before-call.{service}", called)

    def billed_metrics(self, count: int) -> None:
        """Count `count` metrics requested; each page of an answer is a request of its own."""
        with self._lock:
            self._metrics += count

    def scanned(self, count: int) -> None:
        """Count `count` more bytes scanned by a log query, finished or not."""
        with self._lock:
            self._bytes += count
