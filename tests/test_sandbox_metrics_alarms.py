"""Alarm history: filled by SetAlarmState and by record_history, read by DescribeAlarmHistory."""

import json
from typing import Any

import pytest
from metrics_plane import NOW, Plane

from opskit.sandbox.front import RefusedError
from opskit.sandbox.metrics import HistoryItem


def told(plane: Plane, *items: tuple[str, int], **more: Any) -> None:
    for alarm, at in items:
        plane.metrics.record_history(HistoryItem(alarm, at, f"{alarm} {at}", {"version": "1.0"}, **more))


def summaries(plane: Plane, **params: Any) -> list[str]:
    answer = plane.call("DescribeAlarmHistory", **params)
    return [item["HistorySummary"] for item in answer["AlarmHistoryItems"]]


@pytest.fixture
def plane() -> Plane:
    plane = Plane()
    told(plane, ("lag", 10), ("lag", 30), ("errors", 20))
    told(plane, ("lag", 40), item_type="ConfigurationUpdate")
    told(plane, ("whole", 50), alarm_type="CompositeAlarm")
    told(plane, ("lag", 60), region="us-west-2")
    return plane


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, ["lag 40", "lag 30", "errors 20", "lag 10"]),
        ({"ScanBy": "TimestampAscending"}, ["lag 10", "errors 20", "lag 30", "lag 40"]),
        ({"AlarmName": "lag", "HistoryItemType": "StateUpdate"}, ["lag 30", "lag 10"]),
        ({"StartDate": 20, "EndDate": 30}, ["lag 30", "errors 20"]),
        ({"AlarmTypes": ["CompositeAlarm"]}, ["whole 50"]),
        ({"AlarmName": "none"}, []),
        ({"region": "us-west-2"}, ["lag 60"]),
    ],
)
def test_filters_and_order(plane: Plane, params: dict, wanted: list[str]) -> None:
    assert summaries(plane, **params) == wanted


def test_an_item_says_what_happened_and_when(plane: Plane) -> None:
    item = plane.call("DescribeAlarmHistory", AlarmName="errors")["AlarmHistoryItems"][0]
    assert item.pop("Timestamp").timestamp() == 20
    assert json.loads(item.pop("HistoryData")) == {"version": "1.0"}
    assert item == {
        "AlarmName": "errors",
        "AlarmType": "MetricAlarm",
        "HistoryItemType": "StateUpdate",
        "HistorySummary": "errors 20",
    }


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_make_up_the_whole(plane: Plane, limit: int) -> None:
    found, token = [], {"NextToken": None}
    while token:
        answer = plane.call("DescribeAlarmHistory", MaxRecords=limit, **token)
        found += [item["HistorySummary"] for item in answer["AlarmHistoryItems"]]
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert found == summaries(plane)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"MaxRecords": 101}, "ValidationError"),
        ({"ScanBy": "Sideways"}, "ValidationError"),
        ({"HistoryItemType": "Rumour"}, "ValidationError"),
        ({"AlarmTypes": ["Bell"]}, "ValidationError"),
        ({"NextToken": "x"}, "InvalidNextToken"),
    ],
)
def test_wrong_calls_are_refused(plane: Plane, params: dict, code: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        plane.call("DescribeAlarmHistory", **params)
    assert refusal.value.code == code


def test_history_that_aws_has_not_is_no_history(plane: Plane) -> None:
    with pytest.raises(ValueError, match="no such history"):
        told(plane, ("lag", NOW), item_type="Rumour")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"AlarmName": "nobody", "StateValue": "OK"}, "ResourceNotFound"),
        ({"AlarmName": "nobody", "StateValue": "FINE"}, "ValidationError"),
        ({"StateValue": "OK"}, "MissingParameter"),
    ],
)
def test_a_state_that_cannot_be_set_is_refused(params: dict, code: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        Plane().call("SetAlarmState", region="eu-north-1", **params)
    assert refusal.value.code == code
