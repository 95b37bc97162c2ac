"""GetMetricData of 500 series of 3 hours at 60 s: the plane beside hand-written SQL, and through boto3."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import duckdb
import pytest
from botocore.config import Config
from werkzeug.serving import make_server

from opskit.sandbox.front import Call, Front
from opskit.sandbox.metrics import Metrics, SeriesBatch

SERIES, POINTS, ROUNDS = 1000, 180, 7
END = int(time.time()) // 3600 * 3600
START = END - POINTS * 60
BY_HAND = """
SELECT series, list(slot ORDER BY slot), list(value ORDER BY slot) FROM (
    SELECT series, t // 60 * 60 AS slot, sum(s) AS value FROM metric_points
    WHERE series < $count AND t >= $start AND t < $end GROUP BY series, slot
) GROUP BY series
"""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def metrics(connection: duckdb.DuckDBPyConnection) -> Metrics:
    """1,000 series, of which half are asked: a third single values, sets and raw samples each."""
    metrics = Metrics(connection)
    batches = [batch(number) for number in range(SERIES)]
    began = time.perf_counter()
    metrics.load(batches)
    load_ms = (time.perf_counter() - began) * 1000
    print(f"\nload of {SERIES:,} series x {POINTS} datapoints: {load_ms:.0f} ms")
    return metrics


def batch(number: int) -> SeriesBatch:
    times = range(START, END, 60)
    shapes = [
        {"values": [float(number + n) for n in range(POINTS)]},
        {name: [float(n + 1) for n in range(POINTS)] for name in ("counts", "sums", "mins", "maxs")},
        {"samples": [[float(n), float(number), n + 0.5] for n in range(POINTS)]},
    ]
    return SeriesBatch("Bench", "m", (("number", str(number)),), times, **shapes[number % 3])


def queries(count: int, stat: str = "Sum") -> list[dict[str, Any]]:
    pairs = [[{"Name": "number", "Value": str(number)}] for number in range(count)]
    metric = {"Namespace": "Bench", "MetricName": "m"}
    return [
        {"Id": f"q{n}", "MetricStat": {"Metric": {**metric, "Dimensions": each}, "Period": 60, "Stat": stat}}
        for n, each in enumerate(pairs)
    ]


@pytest.fixture(scope="module")
def client(metrics: Metrics) -> Iterator[Any]:
    server = make_server("127.0.0.1", 0, Front(metrics.handlers(), lambda *_: []), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    credentials = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    config = Config(retries={"total_max_attempts": 1})
    yield boto3.client(
        "cloudwatch", endpoint_url=f"http://127.0.0.1:{server.port}", config=config, **credentials
    )
    server.shutdown()
    thread.join()
    server.server_close()


def best_ms(work: Callable[[], Any]) -> float:
    """Run once to warm up, then take the best: others may be busy on this machine."""
    work()
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return min(took)


def test_get_metric_data(metrics: Metrics, client: Any, connection: duckdb.DuckDBPyConnection) -> None:
    handler = metrics.handlers()["cloudwatch", "GetMetricData"]

    def plane(count: int, stat: str = "Sum") -> dict[str, Any]:
        params = {"MetricDataQueries": queries(count, stat), "StartTime": START, "EndTime": END}
        return dict(handler(Call("cloudwatch", "GetMetricData", params, "us-east-1", "localhost")) or {})

    def through_boto3(count: int) -> dict[str, Any]:
        return client.get_metric_data(MetricDataQueries=queries(count), StartTime=START, EndTime=END)

    def unparsed(count: int) -> bytes:
        """The same answer over HTTP, not taken apart by botocore."""
        body = json.dumps({"MetricDataQueries": queries(count), "StartTime": START, "EndTime": END})
        headers = {
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/monitoring/aws4_request",
            "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
            "Content-Type": "application/x-amz-json-1.0",
        }
        request = urllib.request.Request(client.meta.endpoint_url, body.encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def by_hand(count: int) -> list[tuple]:
        return connection.execute(BY_HAND, {"count": count, "start": START, "end": END}).fetchall()

    assert sum(len(result["Values"]) for result in plane(500)["MetricDataResults"]) == 500 * POINTS
    assert sum(len(result["Values"]) for result in through_boto3(500)["MetricDataResults"]) == 500 * POINTS
    assert sum(len(slots) for _, slots, _ in by_hand(500)) == 500 * POINTS

    rows: dict[str, tuple[float, float]] = {
        "hand-written SQL": (best_ms(lambda: by_hand(250)), best_ms(lambda: by_hand(500))),
        "plane, Sum": (best_ms(lambda: plane(250)), best_ms(lambda: plane(500))),
        "plane, p99": (best_ms(lambda: plane(250, "p99")), best_ms(lambda: plane(500, "p99"))),
        "HTTP, Sum": (best_ms(lambda: unparsed(250)), best_ms(lambda: unparsed(500))),
        "boto3, Sum": (best_ms(lambda: through_boto3(250)), best_ms(lambda: through_boto3(500))),
    }
    heads = ("250 series", "500 series", "500/250", "/ by hand")
    print(f"\n{'GetMetricData, 180 points':<26}", *(f"{head:>12}" for head in heads), sep="")
    for name, (half, whole) in rows.items():
        ratio = whole / rows["hand-written SQL"][1]
        print(f"{name:<26}{half:>9.1f} ms{whole:>9.1f} ms{whole / half:>12.2f}{ratio:>12.2f}")
