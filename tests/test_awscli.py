"""The AWS CLI, a client nobody here wrote, against `opskit sandbox start --empty`."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

AWS = Path(sys.executable).parent / "aws"
Aws = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """`aws(*words)` runs the AWS CLI with only what `sandbox start` told to export."""
    folder = tmp_path_factory.mktemp("awscli")
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "OPSKIT_STATE_DIR": str(folder / "state")}
    opskit = [sys.executable, "-m", "opskit", "sandbox"]
    started = subprocess.run(
        [*opskit, "start", "--empty", "--port", "0"],
        env=base,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    exports = dict(re.findall(r"^export (\w+)=(\S+)$", started.stdout, re.MULTILINE))
    port = exports["AWS_ENDPOINT_URL"].rpartition(":")[2]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        # Version 1 of the AWS CLI sends SQS to queue.amazonaws.com whatever AWS_ENDPOINT_URL says.
        endpoint = ["--endpoint-url", exports["AWS_ENDPOINT_URL"]] if words[0] == "sqs" else []
        command = [AWS, *words, *endpoint]
        return subprocess.run(
            command, env=base | exports, capture_output=True, text=True, timeout=60, check=False
        )

    yield run
    subprocess.run([*opskit, "stop", "--port", port], env=base, capture_output=True, timeout=60, check=True)


def answer(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def metric_query(stat: str, dimensions: list[dict[str, str]]) -> str:
    metric = {"Namespace": "Fans", "MetricName": "Latency", "Dimensions": dimensions}
    return json.dumps([{"Id": "a", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}])


def test_metrics_and_their_exact_dimensions(aws: Aws) -> None:
    """p99 comes back by get-metric-data; a metric asked without its dimensions gives nothing."""
    minute = int(time.time()) // 60 * 60 - 300
    values, counts = list(range(1, 101)), [1] * 100
    data = [
        {
            "MetricName": "Latency",
            "Dimensions": [{"Name": "Worker", "Value": "scoreUsers"}],
            "Timestamp": minute,
            "Values": values,
            "Counts": counts,
        }
    ]
    answer(aws("cloudwatch", "put-metric-data", "--namespace", "Fans", "--metric-data", json.dumps(data)))

    def read(stat: str, dimensions: list[dict[str, str]]) -> list[float]:
        span = ["--start-time", str(minute - 60), "--end-time", str(minute + 120)]
        got = answer(
            aws(
                "cloudwatch",
                "get-metric-data",
                "--metric-data-queries",
                metric_query(stat, dimensions),
                *span,
            )
        )
        return got["MetricDataResults"][0]["Values"]

    worker = [{"Name": "Worker", "Value": "scoreUsers"}]
    (p99,) = read("p99", worker)
    assert 98.5 <= p99 <= 100
    assert read("Sum", worker) == [5050.0]
    assert read("Sum", []) == []


def test_logs_and_insights(aws: Aws) -> None:
    """Put lines, count them by five minutes, and be refused a malformed query with its position."""
    now_ms = int(time.time() * 1000)
    answer(aws("logs", "create-log-group", "--log-group-name", "fans"))
    answer(aws("logs", "create-log-stream", "--log-group-name", "fans", "--log-stream-name", "one"))
    events = [
        {"timestamp": now_ms - 700_000 + i * 1000, "message": f"line {i} {'ERROR' if i % 2 else 'INFO'}"}
        for i in range(600)
    ]
    stream = ["--log-group-name", "fans", "--log-stream-name", "one"]
    answer(aws("logs", "put-log-events", *stream, "--log-events", json.dumps(events)))

    def start(query: str) -> subprocess.CompletedProcess[str]:
        span = ["--start-time", str(now_ms // 1000 - 3600), "--end-time", str(now_ms // 1000 + 60)]
        return aws("logs", "start-query", "--log-group-name", "fans", *span, "--query-string", query)

    query = "filter @message like /ERROR/ | stats count(*) as n by bin(5m) as t | sort t asc"
    query_id = answer(start(query))["queryId"]
    for _ in range(20):
        results = answer(aws("logs", "get-query-results", "--query-id", query_id))
        if results["status"] == "Complete":
            break
        time.sleep(0.2)
    rows = [{f["field"]: f["value"] for f in row} for row in results["results"]]
    assert sum(int(row["n"]) for row in rows) == 300
    assert all(row["t"].endswith(("0:00.000", "5:00.000")) for row in rows)
    assert results["statistics"]["recordsScanned"] == 600
    assert results["statistics"]["recordsMatched"] == 300

    refused = start("filter @message lik /ERROR/ | stats count(*)")
    assert refused.returncode != 0
    assert "MalformedQueryException" in refused.stderr


def test_a_dead_letter_queue_is_moved_back(aws: Aws) -> None:
    """start-message-move-task returns what was dead-lettered to its source."""
    dead_url = answer(aws("sqs", "create-queue", "--queue-name", "fans-dlq"))["QueueUrl"]
    attributes = ["--attribute-names", "QueueArn"]
    dead = answer(aws("sqs", "get-queue-attributes", "--queue-url", dead_url, *attributes))["Attributes"][
        "QueueArn"
    ]
    policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 1})
    settings = json.dumps({"RedrivePolicy": policy, "VisibilityTimeout": "0"})
    created = aws("sqs", "create-queue", "--queue-name", "fans", "--attributes", settings)
    source_url = answer(created)["QueueUrl"]
    answer(aws("sqs", "send-message", "--queue-url", source_url, "--message-body", "hello"))
    for _ in range(2):  # the second receive is one too many
        aws("sqs", "receive-message", "--queue-url", source_url)

    def visible(url: str) -> int:
        names = ["--attribute-names", "ApproximateNumberOfMessages"]
        got = answer(aws("sqs", "get-queue-attributes", "--queue-url", url, *names))
        return int(got["Attributes"]["ApproximateNumberOfMessages"])

    assert (visible(dead_url), visible(source_url)) == (1, 0)
    assert answer(aws("sqs", "start-message-move-task", "--source-arn", dead))["TaskHandle"]
    for _ in range(20):
        (task,) = answer(aws("sqs", "list-message-move-tasks", "--source-arn", dead))["Results"]
        if task["Status"] != "RUNNING":
            break
        time.sleep(0.2)
    assert task["Status"] == "COMPLETED"
    assert task["ApproximateNumberOfMessagesMoved"] == 1
    assert (visible(dead_url), visible(source_url)) == (0, 1)
