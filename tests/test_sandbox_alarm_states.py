"""Alarms are evaluated when somebody describes them, and for the past when an incident is played."""

import json
import time
from typing import Any

import pytest
from conftest import EmbeddedAws

from opskit.sandbox.metrics import SeriesBatch

FN = (("FunctionName", "f"),)


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    return embedded_aws


def minute(aws: EmbeddedAws, ago: int) -> int:
    return int(aws.clock()) // 60 * 60 - ago * 60


def alarm(aws: EmbeddedAws, name: str = "errors", **more: Any) -> None:
    asked = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 2,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **more,
    }
    kept = {key: value for key, value in asked.items() if value is not None}
    aws.client("cloudwatch").put_metric_alarm(AlarmName=name, **kept)


def publish(aws: EmbeddedAws, values: dict[int, float]) -> None:
    """Datapoints by how many minutes ago their minute began."""
    times = [minute(aws, ago) for ago in values]
    batch = SeriesBatch("AWS/Lambda", "Errors", FN, times, values=list(values.values()), unit="Count")
    aws.planes.metrics.load([batch])


def described(aws: EmbeddedAws, name: str = "errors") -> dict[str, Any]:
    return aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def history(aws: EmbeddedAws, name: str = "errors") -> list[tuple[float, str]]:
    items = aws.client("cloudwatch").describe_alarm_history(AlarmName=name, ScanBy="TimestampAscending")
    return [(item["Timestamp"].timestamp(), item["HistorySummary"]) for item in items["AlarmHistoryItems"]]


@pytest.fixture
def settled_minute() -> None:
    """No test begins just before a minute ends, which would be another evaluation."""
    left_s = 60 - time.time() % 60
    if left_s < 5:
        time.sleep(left_s)


pytestmark = pytest.mark.usefixtures("settled_minute")


def test_a_breached_threshold_is_an_alarm(aws: EmbeddedAws) -> None:
    publish(aws, {2: 9.0, 1: 8.0})
    alarm(aws)
    found = described(aws)
    assert found["StateValue"] == "ALARM"
    assert found["StateReason"].startswith("Threshold Crossed: 2 datapoints [8.0 (")
    assert json.loads(found["StateReasonData"])["recentDatapoints"] == [9.0, 8.0]
    assert found["StateUpdatedTimestamp"].timestamp() == minute(aws, 0)
    assert history(aws) == [(minute(aws, 0), "Alarm updated from INSUFFICIENT_DATA to ALARM")]


def test_percentiles_and_another_unit(aws: EmbeddedAws) -> None:
    times = [minute(aws, 1)]
    batch = SeriesBatch("App", "ms", (), times, samples=[[1.0] * 98 + [700.0] * 2], unit="Milliseconds")
    aws.planes.metrics.load([batch])
    about = {"Namespace": "App", "MetricName": "ms", "Dimensions": [], "EvaluationPeriods": 1}
    alarm(aws, "p99", Statistic=None, ExtendedStatistic="p99", Unit="Milliseconds", **about)
    alarm(aws, "bytes", Statistic="Maximum", Unit="Bytes", **about)
    assert described(aws, "p99")["StateValue"] == "ALARM"
    assert described(aws, "bytes")["StateValue"] == "OK"


def test_a_new_alarm_without_data_has_insufficient_data(aws: EmbeddedAws) -> None:
    alarm(aws, TreatMissingData="missing")
    found = described(aws)
    assert (found["StateValue"], found["StateReason"]) == (
        "INSUFFICIENT_DATA",
        "Unchecked: Initial alarm creation",
    )
    metric = {"Namespace": "AWS/Lambda", "MetricName": "Errors"}
    for_metric = aws.client("cloudwatch").describe_alarms_for_metric(**metric)["MetricAlarms"]
    assert [each["StateValue"] for each in for_metric] == ["INSUFFICIENT_DATA"]


def test_a_state_that_was_set_stands_until_the_next_period_ends(aws: EmbeddedAws) -> None:
    alarm(aws)
    assert described(aws)["StateValue"] == "OK"
    aws.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="a drill")
    assert described(aws)["StateReason"] == "a drill"
    aws.clock.advance(60)
    assert described(aws)["StateValue"] == "OK"
    assert [summary for _, summary in history(aws)][-2:] == [
        "Alarm updated from OK to ALARM",
        "Alarm updated from ALARM to OK",
    ]


def test_an_updated_alarm_keeps_its_state(aws: EmbeddedAws) -> None:
    publish(aws, {2: 9.0, 1: 8.0})
    alarm(aws)
    before = described(aws)
    alarm(aws, AlarmDescription="new words")
    after = described(aws)
    assert after["AlarmDescription"] == "new words"
    kept = ("StateValue", "StateReason", "StateUpdatedTimestamp")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert len(history(aws)) == 1


def test_the_past_is_evaluated_so_that_the_first_crossing_has_its_time(aws: EmbeddedAws) -> None:
    publish(aws, {ago: 9.0 if 20 <= ago <= 30 else 0.0 for ago in range(60, 0, -1)})
    alarm(aws)
    aws.planes.metrics.evaluate_past(minute(aws, 58))
    assert history(aws) == [
        (minute(aws, 58), "Alarm updated from INSUFFICIENT_DATA to OK"),
        (minute(aws, 28), "Alarm updated from OK to ALARM"),
        (minute(aws, 18), "Alarm updated from ALARM to OK"),
    ]
    assert described(aws)["StateUpdatedTimestamp"].timestamp() == minute(aws, 18)


def test_what_happens_in_time_that_passed_is_evaluated_minute_by_minute(aws: EmbeddedAws) -> None:
    alarm(aws)
    described(aws)
    aws.planes.shift(600)
    publish(aws, {6: 9.0, 5: 9.0, 4: 0.0, 3: 0.0})
    assert described(aws)["StateValue"] == "OK"
    assert history(aws)[1:] == [
        (minute(aws, 4), "Alarm updated from OK to ALARM"),
        (minute(aws, 3), "Alarm updated from ALARM to OK"),
    ]


def test_alarms_on_metric_math_are_left_alone(aws: EmbeddedAws) -> None:
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="math",
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[{"Id": "e", "Expression": "TIME_SERIES(9)", "Period": 60, "ReturnData": True}],
    )
    assert described(aws, "math")["StateReason"] == "Unchecked: Initial alarm creation"
