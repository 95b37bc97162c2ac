"""ListMetrics names each metric once."""

import pytest
from metrics_plane import NOW, Plane, dims

from opskit.sandbox.front import RefusedError
from opskit.sandbox.metrics import SeriesBatch

DAY = 86_400


@pytest.fixture
def plane() -> Plane:
    plane = Plane()
    for unit in ("Count", "None"):
        plane.put(
            "Errors", {"Value": 1, "Unit": unit, "Dimensions": dims(FunctionName="f")}, space="AWS/Lambda"
        )
    plane.put(
        "Errors", {"Value": 1, "Dimensions": dims(Resource="f:1", FunctionName="f")}, space="AWS/Lambda"
    )
    plane.put("Errors", {"Value": 1})
    return plane


def listed(plane: Plane, **params: object) -> list[tuple]:
    metrics = plane.call("ListMetrics", **params)["Metrics"]
    return [
        (m["Namespace"], m["MetricName"], *(f"{d['Name']}={d['Value']}" for d in m["Dimensions"]))
        for m in metrics
    ]


PLAIN, FUNCTION, VERSION = (
    ("App", "Errors"),
    ("AWS/Lambda", "Errors", "FunctionName=f"),
    ("AWS/Lambda", "Errors", "FunctionName=f", "Resource=f:1"),
)


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, [FUNCTION, VERSION, PLAIN]),
        ({"Namespace": "App"}, [PLAIN]),
        ({"Namespace": "AWS/Lambda", "MetricName": "Errors"}, [FUNCTION, VERSION]),
        ({"MetricName": "Nothing"}, []),
        ({"Dimensions": [{"Name": "FunctionName"}]}, [FUNCTION, VERSION]),
        ({"Dimensions": dims(FunctionName="f", Resource="f:1")}, [VERSION]),
        ({"Dimensions": dims(FunctionName="g")}, []),
        ({"RecentlyActive": "PT3H"}, [FUNCTION, VERSION, PLAIN]),
    ],
)
def test_filters(plane: Plane, params: dict, wanted: list) -> None:
    assert listed(plane, **params) == wanted


def test_other_regions_have_their_own(plane: Plane) -> None:
    assert plane.call("ListMetrics", region="us-west-2")["Metrics"] == []


def test_what_is_old_is_not_listed(plane: Plane) -> None:
    ages = {"now": 0, "older": 4 * 3600, "gone": 15 * DAY}
    plane.metrics.load([SeriesBatch("Aged", name, (), [NOW - age], values=[1]) for name, age in ages.items()])
    assert [row[1] for row in listed(plane, Namespace="Aged")] == ["now", "older"]
    assert [row[1] for row in listed(plane, Namespace="Aged", RecentlyActive="PT3H")] == ["now"]


def test_500_a_page(plane: Plane) -> None:
    names = [f"n{number:04}" for number in range(1001)]
    plane.metrics.load([SeriesBatch("Many", name, (), [NOW], values=[1]) for name in names])
    pages, token = [], {}
    while not pages or token:
        answer = plane.call("ListMetrics", Namespace="Many", **token)
        pages.append([metric["MetricName"] for metric in answer["Metrics"]])
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert [len(page) for page in pages] == [500, 500, 1]
    assert [name for page in pages for name in page] == names


@pytest.mark.parametrize(
    "params",
    [{"NextToken": "x"}, {"RecentlyActive": "PT1H"}, {"Dimensions": [{"Name": "a"}] * 11}],
)
def test_wrong_calls_are_refused(plane: Plane, params: dict) -> None:
    with pytest.raises(RefusedError, match="InvalidParameterValue"):
        plane.call("ListMetrics", **params)
