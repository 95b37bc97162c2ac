"""The metrics plane through its server: boto3, the AWS CLI, and the query protocol of older clients."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from botocore.exceptions import ClientError

FN = [{"Name": "FunctionName", "Value": "scoreUsers"}]


@pytest.fixture(scope="module")
def minute() -> datetime:
    """The start of a minute ten minutes ago."""
    return datetime.fromtimestamp(int(time.time()) // 60 * 60 - 600, UTC)


@pytest.fixture(scope="module")
def cloudwatch(shared_aws: Any) -> Any:
    return shared_aws.client("cloudwatch")


def put(cloudwatch: Any, space: str, minute: datetime, **datum: Any) -> None:
    cloudwatch.put_metric_data(
        Namespace=space, MetricData=[{"MetricName": "Duration", "Timestamp": minute, **datum}]
    )


def query(space: str, stat: str, dimensions: list) -> dict[str, Any]:
    metric = {"Namespace": space, "MetricName": "Duration", "Dimensions": dimensions}
    return {"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}}


def test_boto3_reads_what_it_put(cloudwatch: Any, minute: datetime) -> None:
    put(
        cloudwatch,
        "Boto",
        minute,
        Values=[10.0, 20.0],
        Counts=[99.0, 1.0],
        Dimensions=FN,
        Unit="Milliseconds",
    )
    window = {"StartTime": minute - timedelta(hours=1), "EndTime": minute + timedelta(minutes=5)}
    asked = [
        query("Boto", "p99", FN),
        {**query("Boto", "Sum", FN), "Id": "s"},
        {**query("Boto", "Sum", []), "Id": "n"},
    ]
    expression = {"Id": "e", "Expression": "s / 2"}
    paginator = cloudwatch.get_paginator("get_metric_data")
    pages = paginator.paginate(MetricDataQueries=[*asked, expression], MaxDatapoints=2, **window)
    found = {
        r["Id"]: (r["Timestamps"], r["Values"])
        for page in pages
        for r in page["MetricDataResults"]
        if r["Values"]
    }
    assert found == {"q": ([minute], [10.0]), "s": ([minute], [1010.0]), "e": ([minute], [505.0])}
    asked_one = {"Namespace": "Boto", "MetricName": "Duration", "Dimensions": FN, "Period": 60, **window}
    points = cloudwatch.get_metric_statistics(**asked_one, ExtendedStatistics=["p50"])
    point = {"Timestamp": minute, "Unit": "Milliseconds", "ExtendedStatistics": {"p50": 10.0}}
    assert points["Datapoints"] == [point]
    listed = (
        cloudwatch.get_paginator("list_metrics").paginate(Namespace="Boto").build_full_result()["Metrics"]
    )
    assert listed == [{"Namespace": "Boto", "MetricName": "Duration", "Dimensions": FN}]


def test_a_large_request_comes_compressed_and_is_read(cloudwatch: Any, minute: datetime) -> None:
    data = [{"MetricName": "Duration", "Timestamp": minute, "Value": 1.0, "Dimensions": FN}] * 500
    cloudwatch.put_metric_data(Namespace="Large", MetricData=data)
    asked = {"StartTime": minute, "EndTime": minute + timedelta(minutes=1)}
    answer = cloudwatch.get_metric_data(MetricDataQueries=[query("Large", "SampleCount", FN)], **asked)
    assert answer["MetricDataResults"][0]["Values"] == [500.0]


def test_boto3_raises_the_errors_of_aws(cloudwatch: Any, minute: datetime) -> None:
    with pytest.raises(cloudwatch.exceptions.InvalidParameterCombinationException):
        put(cloudwatch, "Boto", minute, Value=1.0, Values=[1.0])
    with pytest.raises(cloudwatch.exceptions.InvalidParameterValueException, match="two weeks"):
        put(cloudwatch, "Boto", minute - timedelta(days=15), Value=1.0)
    with pytest.raises(cloudwatch.exceptions.MissingRequiredParameterException):
        put(cloudwatch, "Boto", minute)
    search = {"Id": "e", "Expression": "SEARCH('x', 'Sum')"}
    with pytest.raises(ClientError, match="ValidationError") as refusal:
        cloudwatch.get_metric_data(
            MetricDataQueries=[search], StartTime=minute, EndTime=minute + timedelta(hours=1)
        )
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_set_alarm_state_reaches_moto_and_the_history(cloudwatch: Any) -> None:
    metric = {"Namespace": "Boto", "MetricName": "Duration", "Statistic": "Sum", "Period": 60}
    rule = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName="lag", **metric, **rule)
    cloudwatch.set_alarm_state(
        AlarmName="lag", StateValue="ALARM", StateReason="drill", StateReasonData='{"a": 1}'
    )
    cloudwatch.set_alarm_state(AlarmName="lag", StateValue="OK", StateReason="over")
    alarm = cloudwatch.describe_alarms(AlarmNames=["lag"])["MetricAlarms"][0]
    assert (alarm["StateValue"], alarm["StateReason"]) == ("OK", "over")
    items = cloudwatch.describe_alarm_history(AlarmName="lag", ScanBy="TimestampAscending")[
        "AlarmHistoryItems"
    ]
    assert [item["HistorySummary"] for item in items] == [
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]
    assert abs(items[0]["Timestamp"] - datetime.now(UTC)) < timedelta(minutes=1)
    change = json.loads(items[1]["HistoryData"])
    assert change["oldState"] == {"stateValue": "ALARM", "stateReason": "drill", "stateReasonData": {"a": 1}}
    assert change["newState"] == {"stateValue": "OK", "stateReason": "over"}


def test_a_state_reason_that_is_no_json_is_refused(cloudwatch: Any) -> None:
    rule = {"EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(
        AlarmName="json", Namespace="B", MetricName="m", Statistic="Sum", Period=60, **rule
    )
    with pytest.raises(cloudwatch.exceptions.InvalidFormatFault):
        cloudwatch.set_alarm_state(AlarmName="json", StateValue="OK", StateReason="", StateReasonData="{")


def test_composite_alarms_are_refused_not_pretended(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="UnsupportedOperation"):
        cloudwatch.put_composite_alarm(AlarmName="all", AlarmRule="ALARM(lag)")


def test_the_query_protocol_is_spoken_too(shared_aws: Any, minute: datetime) -> None:
    at = minute.strftime("%Y-%m-%dT%H:%M:%SZ")
    datum = {"MetricData.member.1.MetricName": "Duration", "MetricData.member.1.Timestamp": at}
    many = {f"MetricData.member.1.Values.member.{n}": f"{n}.5" for n in (1, 2, 3)}
    post(shared_aws, "PutMetricData", Namespace="Query", **datum, **many)
    window = {"StartTime": at, "EndTime": (minute + timedelta(minutes=1)).isoformat()}
    metric = {"Metric.Namespace": "Query", "Metric.MetricName": "Duration", "Period": "60", "Stat": "p50"}
    asked = {f"MetricDataQueries.member.1.MetricStat.{name}": value for name, value in metric.items()}
    answer = post(shared_aws, "GetMetricData", **{"MetricDataQueries.member.1.Id": "q"}, **asked, **window)
    assert texts(answer, "Values/{*}member", "Timestamps/{*}member", "StatusCode") == ["2.5", at, "Complete"]
    statistics = {
        "Namespace": "Query",
        "MetricName": "Duration",
        "Period": "60",
        "Statistics.member.1": "Sum",
    }
    answer = post(shared_aws, "GetMetricStatistics", **statistics, **window)
    assert texts(answer, "member/{*}Sum", "member/{*}Timestamp") == ["7.5", at]
    answer = post(shared_aws, "ListMetrics", Namespace="Query")
    assert texts(answer, "member/{*}MetricName") == ["Duration"]


def test_a_refusal_in_the_query_protocol(shared_aws: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        post(shared_aws, "PutMetricData", Namespace="Query", **{"MetricData.member.1.MetricName": "m"})
    with refusal.value as answer:
        assert answer.status == 400
        assert texts(ET.fromstring(answer.read()), "Code") == ["MissingParameter"]


def post(aws: Any, action: str, **params: str) -> ET.Element:
    scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/monitoring/aws4_request"
    body = urllib.parse.urlencode({"Action": action, "Version": "2010-08-01", **params}).encode()
    request = urllib.request.Request(aws.endpoint, body, {"Authorization": scope})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return ET.fromstring(answer.read() or b"<none/>")


def texts(answer: ET.Element, *paths: str) -> list[str | None]:
    """The texts of the first element at each path, at any depth, whatever its XML namespace."""
    found = (answer.find(f".//{{*}}{path}") for path in paths)
    return [None if element is None else element.text for element in found]


def test_the_aws_cli_puts_and_reads(shared_aws: Any, minute: datetime) -> None:
    at = minute.strftime("%Y-%m-%dT%H:%M:%SZ")
    datum = {"MetricName": "Duration", "Dimensions": FN, "Timestamp": at, "Values": [1, 2], "Counts": [99, 1]}
    cli(shared_aws, "put-metric-data", "--namespace", "Cli", "--metric-data", json.dumps([datum]))
    window = ["--start-time", at, "--end-time", (minute + timedelta(minutes=1)).isoformat()]
    asked = [query("Cli", "p99", FN), {**query("Cli", "p99", []), "Id": "none"}]
    answer = json.loads(
        cli(shared_aws, "get-metric-data", "--metric-data-queries", json.dumps(asked), *window)
    )
    assert [(r["Id"], r["Values"]) for r in answer["MetricDataResults"]] == [("q", [1.0]), ("none", [])]


def cli(aws: Any, *words: str) -> str:
    command = [sys.executable, "-m", "awscli", "cloudwatch", *words, "--output", "json"]
    done = subprocess.run(
        [*command, "--endpoint-url", aws.endpoint], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
