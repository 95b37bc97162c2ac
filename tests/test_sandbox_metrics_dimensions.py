"""A metric is its namespace, name and exact set of dimensions: nothing less finds it."""

import pytest
from metrics_plane import NOW, Plane, dims, stat

AT = NOW - 600


@pytest.fixture
def plane() -> Plane:
    plane = Plane()
    both = dims(TableName="users", Operation="Query")
    plane.put("m", {"Value": 1, "Dimensions": both, "Timestamp": AT})
    plane.put("m", {"Value": 10, "Dimensions": dims(TableName="users"), "Timestamp": AT}, space="Other")
    return plane


def found(plane: Plane, *pairs: dict, space: str = "App") -> list:
    return plane.points(stat("m", dimensions=list(pairs), space=space))["m"]


def statistics(plane: Plane, *pairs: dict, space: str = "App", region: str = "us-east-1") -> list:
    times = {"StartTime": NOW - 3600, "EndTime": NOW, "Period": 60, "Statistics": ["Sum"]}
    asked = {"Namespace": space, "MetricName": "m", "Dimensions": list(pairs), **times}
    return plane.call("GetMetricStatistics", region=region, **asked)["Datapoints"]


TABLE, QUERY = dims(TableName="users")[0], dims(Operation="Query")[0]


@pytest.mark.parametrize("pairs", [(TABLE, QUERY), (QUERY, TABLE)])
def test_the_whole_set_in_any_order_finds_it(plane: Plane, pairs: tuple) -> None:
    assert found(plane, *pairs) == [(AT, 1.0)]
    assert [point["Sum"] for point in statistics(plane, *pairs)] == [1.0]


@pytest.mark.parametrize(
    "pairs",
    [
        (),
        (TABLE,),
        (QUERY,),
        (TABLE, QUERY, {"Name": "x", "Value": "y"}),
        (TABLE, {"Name": "Operation", "Value": "query"}),
    ],
)
def test_a_subset_a_superset_or_another_case_finds_nothing(plane: Plane, pairs: tuple) -> None:
    assert found(plane, *pairs) == []
    assert statistics(plane, *pairs) == []


def test_the_namespace_counts(plane: Plane) -> None:
    assert found(plane, TABLE, space="Other") == [(AT, 10.0)]
    assert found(plane, TABLE, QUERY, space="Other") == []


def test_a_metric_published_without_dimensions_is_found_without(plane: Plane) -> None:
    plane.put("m", {"Value": 5, "Timestamp": AT})
    assert found(plane) == [(AT, 5.0)]


def test_regions_are_apart(plane: Plane) -> None:
    assert statistics(plane, TABLE, QUERY, region="us-west-2") == []


def test_units_are_kept_apart_and_taken_together_when_none_is_asked() -> None:
    plane = Plane()
    plane.put("m", {"Value": 1, "Unit": "Seconds", "Timestamp": AT}, {"Value": 2, "Timestamp": AT})
    asked = [stat("m", id="all"), stat("m", id="s", unit="Seconds"), stat("m", id="none", unit="None")]
    assert plane.points(*asked, stat("m", id="ms", unit="Milliseconds")) == {
        "all": [(AT, 3.0)],
        "s": [(AT, 1.0)],
        "none": [(AT, 2.0)],
        "ms": [],
    }
    assert [(p["Unit"], p["Sum"]) for p in statistics(plane)] == [("None", 2.0), ("Seconds", 1.0)]
