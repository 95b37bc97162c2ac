"""PutMetricData keeps what it was given, or refuses all of it as AWS does."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_plane import NOW, Plane, dims, stat

from opskit.sandbox.front import RefusedError

DAY = 86_400
FIVE = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
AT = NOW - 600

VALUES = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
SEEN = st.lists(st.tuples(VALUES, st.integers(1, 20)), min_size=1, max_size=8)


def five(plane: Plane, name: str) -> list[float]:
    found = plane.points(*[stat(name, each, id=each.lower()) for each in FIVE])
    return [found[each.lower()][0][1] for each in FIVE]


@settings(max_examples=30, deadline=None)
@given(SEEN)
def test_values_with_counts_are_worth_their_expansion(seen: list[tuple[float, int]]) -> None:
    plane = Plane()
    plane.put(
        "packed", {"Values": [v for v, _ in seen], "Counts": [float(c) for _, c in seen], "Timestamp": AT}
    )
    expanded = [value for value, count in seen for _ in range(count)]
    plane.put("single", *({"Value": value, "Timestamp": AT} for value in expanded))
    wanted = [
        len(expanded),
        math.fsum(expanded) / len(expanded),
        math.fsum(expanded),
        min(expanded),
        max(expanded),
    ]
    for name in ("packed", "single"):
        assert five(plane, name) == pytest.approx(wanted, rel=1e-9, abs=1e-6)


def test_statistic_sets_add_up() -> None:
    plane = Plane()
    sets = [(3, 30, 5, 15), (1, 2, 2, 2)]
    names = ("SampleCount", "Sum", "Minimum", "Maximum")
    plane.put("m", *({"StatisticValues": dict(zip(names, s, strict=True)), "Timestamp": AT} for s in sets))
    assert five(plane, "m") == [4, 8, 32, 2, 15]


def test_a_datum_without_time_is_of_now_and_stands_at_its_minute() -> None:
    plane = Plane(NOW + 42.5)
    plane.put("m", {"Value": 1})
    assert plane.points(stat("m"), end=NOW + 60) == {"m": [(NOW, 1.0)]}


def test_high_resolution_keeps_the_second() -> None:
    plane = Plane()
    plane.put(
        "m", {"Value": 1, "Timestamp": NOW - 55}, {"Value": 2, "Timestamp": NOW - 54}, StorageResolution=1
    )
    assert plane.points(stat("m", period=1)) == {"m": [(NOW - 55, 1.0), (NOW - 54, 2.0)]}


def test_datetimes_are_utc_whether_they_say_so_or_not() -> None:
    plane = Plane()
    aware = datetime.fromtimestamp(AT, UTC)
    plane.put("m", {"Value": 1, "Timestamp": aware}, {"Value": 2, "Timestamp": aware.replace(tzinfo=None)})
    assert plane.points(stat("m")) == {"m": [(AT, 3.0)]}


def test_namespaces_of_aws_are_taken() -> None:
    plane = Plane()
    plane.put("Errors", {"Value": 1, "Timestamp": AT}, space="AWS/Lambda")
    assert plane.points(stat("Errors", space="AWS/Lambda", id="e")) == {"e": [(AT, 1.0)]}


def test_data_of_an_entity_count_like_any_other() -> None:
    plane = Plane()
    entity = {"Entity": {}, "MetricData": [{"MetricName": "m", "Value": 3, "Timestamp": AT}]}
    plane.call("PutMetricData", Namespace="App", EntityMetricData=[entity])
    assert plane.points(stat("m")) == {"m": [(AT, 3.0)]}


SET = {"SampleCount": 2, "Sum": 3, "Minimum": 1, "Maximum": 2}
REFUSED = [
    ({}, "MissingParameter", "MetricData.member.1.Value is required"),
    ({"Value": math.nan}, "InvalidParameterValue", "The value nan for parameter MetricData.member.1.Value"),
    ({"Value": math.inf}, "InvalidParameterValue", "is invalid"),
    ({"Value": 2.0**361}, "InvalidParameterValue", "is invalid"),
    ({"Value": 1, "Values": [1]}, "InvalidParameterCombination", "mutually exclusive"),
    ({"Value": 1, "StatisticValues": SET}, "InvalidParameterCombination", "mutually exclusive"),
    ({"Value": 1, "Counts": [1]}, "InvalidParameterCombination", "Counts goes with"),
    ({"Values": [1, 2], "Counts": [1]}, "InvalidParameterValue", "must be of the same size"),
    ({"Values": [1], "Counts": [0]}, "InvalidParameterValue", "must be greater than 0"),
    ({"Values": [1.0] * 151}, "InvalidParameterValue", "must not have a size greater than 150"),
    ({"StatisticValues": {**SET, "SampleCount": 0}}, "InvalidParameterValue", "greater than 0"),
    ({"StatisticValues": {**SET, "Minimum": 9}}, "InvalidParameterValue", "Maximum must be greater"),
    ({"StatisticValues": {"Sum": 1}}, "MissingParameter", "StatisticValues.SampleCount is required"),
    ({"Value": 1, "Unit": "Parsecs"}, "InvalidParameterValue", "Unit must be a value in the set"),
    ({"Value": 1, "StorageResolution": 5}, "InvalidParameterValue", "must be 1 or 60"),
    ({"Value": 1, "Timestamp": NOW - 14 * DAY - 1}, "InvalidParameterValue", "past two weeks"),
    ({"Value": 1, "Timestamp": NOW + 7201}, "InvalidParameterValue", "two hours in the future"),
    ({"Value": 1, "Dimensions": dims(a="")}, "MissingParameter", "Dimensions.member.1.Value is required"),
    ({"Value": 1, "Dimensions": dims(a="x" * 1025)}, "InvalidParameterValue", "is invalid"),
    ({"Value": 1, "Dimensions": dims(a="1") * 2}, "InvalidParameterValue", "two dimensions of one name"),
    (
        {"Value": 1, "Dimensions": dims(**{f"d{n}": "x" for n in range(31)})},
        "InvalidParameterValue",
        "than 30",
    ),
    ({"Value": 1, "MetricName": "x" * 256}, "InvalidParameterValue", "MetricName is invalid"),
    ({"Value": 1, "MetricName": ""}, "MissingParameter", "MetricName is required"),
]


@pytest.mark.parametrize(("datum", "code", "words"), REFUSED)
def test_a_wrong_datum_refuses_the_whole_request(datum: dict, code: str, words: str) -> None:
    plane = Plane()
    with pytest.raises(RefusedError) as refusal:
        plane.put("m", datum, {"Value": 1, "Timestamp": AT})
    assert refusal.value.code == code
    assert words in refusal.value.message
    assert plane.points(stat("m")) == {"m": []}


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"MetricData": [{"MetricName": "m", "Value": 1}]}, "MissingParameter"),
        ({"Namespace": "App"}, "MissingParameter"),
        ({"Namespace": ":App", "MetricData": [{"MetricName": "m", "Value": 1}]}, "InvalidParameterValue"),
        (
            {"Namespace": "App", "MetricData": [{"MetricName": "m", "Value": 1}] * 1001},
            "InvalidParameterValue",
        ),
    ],
)
def test_a_wrong_request_is_refused(params: dict, code: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        Plane().call("PutMetricData", **params)
    assert refusal.value.code == code


def test_a_full_request_is_taken() -> None:
    plane = Plane()
    plane.put("m", *[{"Value": 1, "Timestamp": AT}] * 1000)
    assert plane.points(stat("m")) == {"m": [(AT, 1000.0)]}


def test_times_at_both_ends_are_taken() -> None:
    plane = Plane()
    plane.put("m", {"Value": 1, "Timestamp": NOW - 14 * DAY}, {"Value": 2, "Timestamp": NOW + 7200})
    assert plane.points(stat("m"), start=NOW - 15 * DAY, end=NOW + 2 * DAY) == {
        "m": [(NOW - 14 * DAY, 1.0), (NOW + 7200, 2.0)]
    }
