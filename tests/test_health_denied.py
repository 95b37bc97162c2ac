"""Each call that a look sends, denied: what depends on it is unknown and says which right it takes."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.client import BaseClient
from faults import FaultProxy, denied, throttled
from health_looks import Played, cells, standing

from opskit.aws.faults import iam_action
from opskit.cli.fleet import exit_code
from opskit.exits import Exit
from opskit.health import judging
from opskit.health.indicators import RULES
from opskit.health.model import Place, Row, State
from opskit.inventory.worker import Worker
from opskit.judge import attempt
from opskit.model import Describe, Metric, Readings, Severity, Signal

pytestmark = pytest.mark.timeout(600)
Call = tuple[str, str]
METRICS = ("cloudwatch", "GetMetricData")
OF_FUNCTIONS = ("lambda", "GetFunction")
NOT_NEEDED = (("sts", "GetCallerIdentity"), ("lambda", "GetAccountSettings"))
"""Whose account it is a function's ARN tells as well, and its limit is of functions that reserve nothing."""


ADDRESSED = {("apigateway", "GetRestApis"): {"validateToken endpoint"}}
"""An API's address has its id in it."""


@pytest.fixture(scope="module")
def healthy() -> Iterator[Played]:
    with standing() as aws:
        aws.play("healthy")
        yield aws


@pytest.fixture(scope="module")
def proxy(healthy: Played) -> Iterator[FaultProxy]:
    with FaultProxy(healthy.endpoint) as made:
        yield made


def _call(signal: Signal) -> Call | None:
    if isinstance(signal, Metric):
        return METRICS
    return (signal.service, signal.operation) if isinstance(signal, Describe) else None


@pytest.fixture(scope="module")
def depends(healthy: Played) -> dict[Call, set[str]]:
    """By each call that a look sends, the cells that read its answer; what else is asked has none."""
    sent: dict[Call, set[str]] = {}
    send, judge = BaseClient._make_api_call, judging.row

    def sending(self: Any, operation: str, params: dict[str, Any]) -> Any:
        sent.setdefault((self.meta.service_model.service_name, operation), set())
        return send(self, operation, params)

    def judged(worker: Worker, place: Place, readings: Readings) -> Row:
        for name, rule in RULES.items():
            run = attempt(name, rule, worker, readings)
            for key in run.read:
                if call := _call(readings.named[key]):
                    sent.setdefault(call, set()).add(f"{worker.name} {name}")
        return judge(worker, place, readings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", sending)
        patch.setattr(judging, "row", judged)
        assert healthy.look().verdict.value == "ok"
    return sent


def test_a_look_sends_what_it_is_known_to_need(depends: dict[Call, set[str]]) -> None:
    workers = ("scoreUsers", "publishScores", "handleEvent", "validateToken")
    assert depends[OF_FUNCTIONS] == {
        f"{w} {i}" for w in workers for i in ("duration", "concurrency", "exists")
    }
    assert depends["kinesis", "DescribeStreamSummary"] == {"scoreUsers lost", "scoreUsers exists"}
    assert len(depends) > 10


def test_each_call_that_is_denied_leaves_its_cells_unknown_and_no_others(
    healthy: Played, proxy: FaultProxy, depends: dict[Call, set[str]]
) -> None:
    for call, expected in depends.items():
        proxy.set_rules(denied(*call))
        before = len(proxy.fired)
        health = healthy.look(proxy.endpoint)
        assert len(proxy.fired) > before, call
        assert cells(health, State.WARN, State.CRIT) == set(), call
        assert cells(health, State.UNKNOWN) == expected | ADDRESSED.get(call, set()), call
        if call in NOT_NEEDED:
            assert (health.gaps, exit_code(health, Severity.LOW)) == ((), Exit.CLEAN)
            continue
        reasons = {gap.reason for gap in health.gaps}
        assert reasons, call
        assert all(f"denied: needs {iam_action(*call)}" in reason for reason in reasons), (call, reasons)
        assert exit_code(health, Severity.MEDIUM) is Exit.UNDETERMINED, call


def test_metrics_that_are_throttled_every_other_time_are_asked_again(
    healthy: Played, proxy: FaultProxy
) -> None:
    proxy.set_rules(throttled(*METRICS, every=2))
    health = healthy.look(proxy.endpoint)
    assert proxy.fired
    assert cells(health, State.WARN, State.CRIT) == set()
    assert bool(cells(health, State.UNKNOWN)) == bool(health.gaps)


def test_metrics_that_are_always_throttled_are_unknown(
    healthy: Played, proxy: FaultProxy, depends: dict[Call, set[str]]
) -> None:
    proxy.set_rules(throttled(*METRICS, every=1))
    health = healthy.look(proxy.endpoint)
    assert cells(health, State.UNKNOWN) == depends[METRICS]
    assert all(gap.reason.startswith("throttled after") for gap in health.gaps)
