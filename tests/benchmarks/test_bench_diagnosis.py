"""A whole diagnosis round by round, with warm clients and every logical call answered after one second.

The embedded AWS is a process of its own. A paginated call, or a log query from its start to its last poll,
counts as one call: only the first request of a query waits.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from opskit import inventory
from opskit.aws.session import Aws
from opskit.diagnose import look
from opskit.gather import Gatherer, window
from opskit.model import Cost, Reading, Signal, Window
from opskit.sandbox import process
from opskit.settings import Settings
from runbooks import ALL

ANSWER_S = 1.0
GOAL_S = 1.3
SERVICES = ("sts", "lambda", "kinesis", "cloudwatch", "logs", "dynamodb")


@pytest.fixture
def endpoint() -> Iterator[str]:
    running = process.start(0)
    try:
        played = httpx.post(
            f"{running.endpoint}/_opskit/play", json={"incident": "poison-record"}, timeout=60
        )
        played.raise_for_status()
        yield running.endpoint
    finally:
        process.stop(running.port)


def _warm(endpoint: str) -> Aws:
    aws = Aws("us-east-1", endpoint_url=endpoint)
    for service in SERVICES:
        aws.client(service)
    return aws


def _delay(aws: Aws) -> None:
    """Let every logical call's first request wait."""

    def wait(request: Any, operation_name: str = "", **_: Any) -> None:
        time.sleep(ANSWER_S)

    for service in SERVICES:
        for name in (
            "GetCallerIdentity",
            "GetFunction",
            "ListEventSourceMappings",
            "GetAccountSettings",
            "DescribeStreamSummary",
            "ListShards",
            "DescribeTable",
            "GetMetricData",
            "StartQuery",
        ):
            aws.client(service).meta.events.register(f"before-send.{service}.{name}", wait)


class Timed:
    """A gatherer that notes how long each round took and what it asked; `naive` asks signal by signal."""

    def __init__(self, inner: Gatherer, *, naive: bool) -> None:
        self._inner = inner
        self._naive = naive
        self.rounds: list[tuple[float, int]] = []

    window: Window = property(lambda self: self._inner.window)  # type: ignore[assignment]
    cost: Cost = property(lambda self: self._inner.cost)  # type: ignore[assignment]
    blocked: str = property(lambda self: self._inner.blocked)  # type: ignore[assignment]

    def gather(self, signals: Iterable[Signal]) -> Mapping[Signal, Reading]:
        asked = list(signals)
        batches = [[signal] for signal in asked] if self._naive else [asked]
        before, begin = self._inner.cost.api_calls, time.perf_counter()
        answers = {s: r for batch in batches for s, r in self._inner.gather(batch).items()}
        self.rounds.append((time.perf_counter() - begin, self._inner.cost.api_calls - before))
        return answers

    def close(self) -> None:
        self._inner.close()


def _rounds(aws: Aws, *, naive: bool) -> list[tuple[float, int]]:
    gatherer = Timed(Gatherer(aws, window(time.time(), 3 * 3600)), naive=naive)
    lookup = inventory.load(Settings()).find("scoreUsers")
    look(ALL["stream-lag"], lookup, gatherer)
    gatherer.close()
    return gatherer.rounds


def test_rounds_of_a_diagnosis(endpoint: str) -> None:
    aws = _warm(endpoint)
    _rounds(aws, naive=False)
    _delay(aws)
    ours, naive = _rounds(aws, naive=False), _rounds(aws, naive=True)
    print(f"\na diagnosis, every call answered after {ANSWER_S:g} s (goal: {GOAL_S} s a round, 3 rounds)")
    for number, (seconds, calls) in enumerate(ours):
        print(f"  round {number}        {seconds:6.2f} s   {calls} calls")
    total, slow = sum(s for s, _ in ours), sum(s for s, _ in naive)
    print(f"  all together   {total:6.2f} s   signal by signal {slow:.2f} s   ratio {slow / total:.1f}")
