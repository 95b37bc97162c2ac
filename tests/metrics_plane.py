"""A metrics plane with a standing clock, called without a server."""

from typing import Any

import duckdb

from opskit.sandbox.front import Call
from opskit.sandbox.metrics import Metrics

NOW = 1_800_000_000 // 3600 * 3600
"""On the hour."""
REGION = "us-east-1"


class Plane:
    """The plane's calls by name, with their answers as dicts."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now
        self.metrics = Metrics(duckdb.connect(), lambda: self.now)
        self.handlers = self.metrics.handlers()

    def call(self, action: str, region: str = REGION, **params: Any) -> dict[str, Any]:
        return dict(
            self.handlers["cloudwatch", action](Call("cloudwatch", action, params, region, "localhost")) or {}
        )

    def put(self, name: str, *data: dict[str, Any], space: str = "App", **common: Any) -> None:
        self.call(
            "PutMetricData",
            Namespace=space,
            MetricData=[{"MetricName": name, **common, **each} for each in data],
        )

    def data(
        self, *queries: dict[str, Any], start: float = NOW - 3600, end: float = NOW, **params: Any
    ) -> dict[str, Any]:
        return self.call(
            "GetMetricData", MetricDataQueries=list(queries), StartTime=start, EndTime=end, **params
        )

    def points(self, *queries: dict[str, Any], **params: Any) -> dict[str, list[tuple[int, float]]]:
        """Return each result's datapoints, ascending, by Id."""
        answer = self.data(*queries, **{"ScanBy": "TimestampAscending", **params})
        return {
            each["Id"]: list(zip(each["Timestamps"], each["Values"], strict=True))
            for each in answer["MetricDataResults"]
        }


def dims(**pairs: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in pairs.items()]


def stat(
    name: str, statistic: str = "Sum", period: int = 60, space: str = "App", **more: Any
) -> dict[str, Any]:
    """One query, its Id the metric's name unless `id` says otherwise."""
    key = more.pop("id", name)
    unit = {"Unit": more.pop("unit")} if "unit" in more else {}
    metric = {"Namespace": space, "MetricName": name, "Dimensions": more.pop("dimensions", [])}
    return {"Id": key, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic, **unit}, **more}


def math(key: str, expression: str, **more: Any) -> dict[str, Any]:
    return {"Id": key, "Expression": expression, **more}
