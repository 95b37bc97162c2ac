"""Gather against one call per signal, with warm clients and every logical call answered after one second.

A log query counts as one call from its start to its last poll.
"""

import time
from collections.abc import Callable, Iterator

import pytest
from scripted import scripted_aws

from opskit.aws.session import Aws
from opskit.gather import Gatherer
from opskit.model import Describe, LogQuery, Metric, Signal, Status, Window
from opskit.sandbox.front import Call, Handler, Handlers

ANSWER_S = 1.0
GOAL_S = 1.3
END = int(time.time()) // 60 * 60 - 120
WINDOW = Window(END - 3 * 3_600, END)
DIMENSIONS = (("FunctionName", "scoreUsers"),)

METRICS = tuple(Metric("AWS/Lambda", f"Metric{i}", DIMENSIONS, "Sum") for i in range(20))
DESCRIBES = (
    Describe("lambda", "GetFunction", (("FunctionName", "scoreUsers"),)),
    Describe("lambda", "GetFunctionConcurrency", (("FunctionName", "scoreUsers"),)),
    Describe("lambda", "ListEventSourceMappings", (("FunctionName", "scoreUsers"),)),
    Describe("lambda", "GetAccountSettings"),
    Describe("kinesis", "DescribeStreamSummary", (("StreamName", "scores"),)),
    Describe("sts", "GetCallerIdentity"),
)
QUERIES = tuple(LogQuery(("/aws/lambda/scoreUsers",), f"fields @message | limit {i}", ()) for i in (1, 2, 3))
SIGNALS: tuple[Signal, ...] = METRICS + DESCRIBES + QUERIES


def _after_a_second(answer: dict[str, object]) -> Handler:
    def handle(_: Call) -> dict[str, object]:
        time.sleep(ANSWER_S)
        return answer

    return handle


def _metric_data(call: Call) -> dict[str, object]:
    time.sleep(ANSWER_S)
    times = list(range(WINDOW.start, WINDOW.end, 60))
    return {
        "MetricDataResults": [
            {"Id": q["Id"], "StatusCode": "Complete", "Timestamps": times, "Values": [1.0] * len(times)}
            for q in call.params["MetricDataQueries"]
        ]
    }


def _handlers() -> Handlers:
    started: dict[str, float] = {}

    def start_query(_: Call) -> dict[str, object]:
        query_id = f"q{len(started)}"
        started[query_id] = time.monotonic()
        return {"queryId": query_id}

    def results(call: Call) -> dict[str, object]:
        done = time.monotonic() - started[call.params["queryId"]] >= ANSWER_S
        row = [{"field": "@message", "value": "hello"}]
        return {"status": "Complete" if done else "Running", "results": [row], "statistics": {}}

    function = {"Configuration": {"FunctionName": "scoreUsers"}}
    return {
        ("cloudwatch", "GetMetricData"): _metric_data,
        ("logs", "StartQuery"): start_query,
        ("logs", "GetQueryResults"): results,
        ("lambda", "GetFunction"): _after_a_second(function),
        ("lambda", "GetFunctionConcurrency"): _after_a_second({"ReservedConcurrentExecutions": 5}),
        ("lambda", "ListEventSourceMappings"): _after_a_second({"EventSourceMappings": []}),
        ("lambda", "GetAccountSettings"): _after_a_second({}),
        ("kinesis", "DescribeStreamSummary"): _after_a_second({}),
        ("sts", "GetCallerIdentity"): _after_a_second({"Account": "123456789012"}),
    }


@pytest.fixture
def aws() -> Iterator[Aws]:
    with scripted_aws(_handlers()) as aws:
        for service in ("cloudwatch", "logs", "lambda", "kinesis", "sts"):
            aws.client(service)
        yield aws


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _one_gather(aws: Aws) -> None:
    answers = Gatherer(aws, WINDOW).gather(SIGNALS)
    assert {reading.status for reading in answers.values()} == {Status.OK}


def _one_call_per_signal(aws: Aws) -> None:
    for signal in SIGNALS:
        assert Gatherer(aws, WINDOW).gather([signal])[signal].status is Status.OK


def test_one_round_waits_hardly_longer_than_its_slowest_call(aws: Aws) -> None:
    rounds = sorted(_seconds(lambda: _one_gather(aws)) for _ in range(5))
    naive = _seconds(lambda: _one_call_per_signal(aws))
    asked = f"{len(METRICS)} metrics, {len(DESCRIBES)} describes, {len(QUERIES)} log queries"
    print(f"\ngather: {asked}, every call answered after {ANSWER_S:g} s")
    print(f"  one round      {rounds[2]:6.2f} s median, {rounds[-1]:.2f} s worst (goal {GOAL_S} s)")
    print(f"  call by call   {naive:6.2f} s")
