"""GetMetricStatistics: one metric's datapoints with several statistics each."""

from typing import Any

import pytest
from metrics_plane import NOW, Plane

from opskit.sandbox.front import RefusedError

AT = NOW - 600
ALL = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]


def ask(plane: Plane, **params: Any) -> dict[str, Any]:
    asked = {"Namespace": "App", "MetricName": "m", "StartTime": NOW - 3600, "EndTime": NOW, "Period": 60}
    stats = {} if "ExtendedStatistics" in params else {"Statistics": ["Sum"]}
    return plane.call("GetMetricStatistics", **{**asked, **stats, **params})


def test_all_statistics_stand_in_one_datapoint() -> None:
    plane = Plane()
    plane.put("m", {"Values": [1.0, 3.0], "Counts": [3.0, 1.0], "Unit": "Seconds", "Timestamp": AT})
    shared = {"Timestamp": AT, "Unit": "Seconds"}
    plain = dict(zip(ALL, [4, 1.5, 6, 1, 3], strict=True))
    assert ask(plane, Statistics=ALL) == {"Label": "m", "Datapoints": [shared | plain]}
    extended = {"ExtendedStatistics": {"p50": 1, "p99.9": 3}}
    answer = ask(plane, ExtendedStatistics=["p50", "p99.9"])
    assert answer == {"Label": "m", "Datapoints": [shared | extended]}


def test_datapoints_ascend_and_follow_the_period() -> None:
    plane = Plane()
    plane.put("m", *({"Value": n, "Timestamp": NOW - 60 * n} for n in range(1, 11)))
    found = [(point["Timestamp"], point["Sum"]) for point in ask(plane, Period=300)["Datapoints"]]
    assert found == [(NOW - 600, 40.0), (NOW - 300, 15.0)]


def test_a_percentile_that_is_not_known_is_left_out() -> None:
    plane = Plane()
    plane.put(
        "m", {"StatisticValues": {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}, "Timestamp": AT}
    )
    answer = ask(plane, ExtendedStatistics=["p50"])
    assert answer["Datapoints"] == []


def test_an_unknown_metric_has_no_datapoints() -> None:
    assert ask(Plane()) == {"Label": "m", "Datapoints": []}


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"Statistics": []}, "InvalidParameterCombination", "Must specify either"),
        (
            {"Statistics": ["Sum"], "ExtendedStatistics": ["p99"]},
            "InvalidParameterCombination",
            "but not both",
        ),
        ({"StartTime": NOW}, "InvalidParameterValue", "StartTime must be less"),
        ({"StartTime": NOW - 1441 * 60}, "InvalidParameterCombination", "up to 1,441 datapoints"),
        ({"Period": 90}, "InvalidParameterValue", "Period must be"),
        ({"Period": None}, "MissingParameter", "Period is required"),
        ({"Namespace": ""}, "MissingParameter", "Namespace is required"),
        ({"Statistics": ["p50"]}, "InvalidParameterValue", "Statistics.member.1 is not supported"),
        (
            {"ExtendedStatistics": ["Sum"]},
            "InvalidParameterValue",
            "ExtendedStatistics.member.1 is not supported",
        ),
        ({"ExtendedStatistics": [f"p{n}" for n in range(11)]}, "InvalidParameterValue", "greater than 10"),
        ({"Unit": "Parsecs"}, "InvalidParameterValue", "Unit must be"),
    ],
)
def test_wrong_calls_are_refused(params: dict, code: str, words: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        ask(Plane(), **params)
    assert refusal.value.code == code
    assert words in refusal.value.message


def test_1440_datapoints_are_answered() -> None:
    assert ask(Plane(), StartTime=NOW - 1440 * 60) == {"Label": "m", "Datapoints": []}
