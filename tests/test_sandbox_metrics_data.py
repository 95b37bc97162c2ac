"""GetMetricData's time, order, pages and limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_plane import NOW, Plane, math, stat

from opskit.sandbox.front import RefusedError
from opskit.sandbox.metrics import SeriesBatch

DAY = 86_400
POINTS = 30


def loaded(series: int = 3, points: int = POINTS) -> Plane:
    plane = Plane()
    times = [NOW - 60 * (points - n) for n in range(points)]
    batches = [
        SeriesBatch("App", f"m{n}", (), times, values=[n * 100.0 + i for i in range(points)])
        for n in range(series)
    ]
    plane.metrics.load(batches)
    return plane


def test_the_newest_datapoint_comes_first_unless_asked_otherwise() -> None:
    plane = loaded()
    newest = plane.data(stat("m0"))["MetricDataResults"][0]
    oldest = plane.data(stat("m0"), ScanBy="TimestampAscending")["MetricDataResults"][0]
    assert newest["Timestamps"][0] == NOW - 60
    assert (newest["Timestamps"][::-1], newest["Values"][::-1]) == (oldest["Timestamps"], oldest["Values"])
    assert newest["StatusCode"] == "Complete"


def test_periods_start_at_multiples_of_their_length() -> None:
    plane = loaded()
    found = plane.points(stat("m0", period=600), start=NOW - 1000, end=NOW - 30)
    assert found == {"m0": [(NOW - 1200, sum(range(10, 20))), (NOW - 600, sum(range(20, 30)))]}


def test_start_is_inside_and_end_is_not() -> None:
    found = loaded().points(stat("m0"), start=NOW - 300.5, end=NOW - 120)["m0"]
    assert [t for t, _ in found] == [NOW - 360, NOW - 300, NOW - 240, NOW - 180]


def test_labels_are_the_name_or_what_was_asked_for() -> None:
    queries = [stat("m0"), stat("m1", Label="mine"), math("e", "m0 + m1"), math("f", "m0", Label="yours")]
    answer = loaded().data(*queries)
    assert [each["Label"] for each in answer["MetricDataResults"]] == ["m0", "mine", "e", "yours"]


def test_what_is_not_to_be_returned_is_not() -> None:
    found = loaded().points(stat("m0", ReturnData=False), math("e", "m0 * 2"))
    assert list(found) == ["e"]
    assert found["e"][1][1] == 2.0


def test_an_unknown_metric_is_complete_and_empty() -> None:
    answer = Plane().data(stat("nothing"))["MetricDataResults"]
    assert [(r["Values"], r["StatusCode"]) for r in answer] == [([], "Complete")]


@pytest.mark.parametrize(("period", "age_s", "seen"), [
    (60, 14 * DAY, True), (60, 16 * DAY, False), (120, 16 * DAY, False), (300, 16 * DAY, True),
    (300, 64 * DAY, False), (3600, 64 * DAY, True), (3600, 456 * DAY, False), (10, 3 * 3600 + 60, False),
])  # fmt: skip
def test_fine_datapoints_are_forgotten(period: int, age_s: int, seen: bool) -> None:
    plane = Plane()
    plane.metrics.load([SeriesBatch("App", "m", (), [NOW - age_s], values=[1])])
    found = plane.points(stat("m", period=period), start=NOW - age_s - 3600, end=NOW - age_s + 3600)["m"]
    assert [value for _, value in found] == ([1.0] if seen else [])


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 3 * POINTS + 1),
    st.sampled_from(["TimestampAscending", "TimestampDescending"]),
    st.booleans(),
)
def test_pages_make_up_the_whole(limit: int, scan: str, expressions: bool) -> None:
    plane = loaded()
    queries = [stat("m0"), stat("none"), stat("m1"), stat("m2")]
    queries += [math("e", "METRICS() + 1")] if expressions else []
    whole = plane.data(*queries, ScanBy=scan)["MetricDataResults"]
    pages, token = [], {}
    while not pages or token:
        answer = plane.data(*queries, ScanBy=scan, MaxDatapoints=limit, **token)
        assert sum(len(r["Values"]) for r in answer["MetricDataResults"]) <= limit
        pages.append(answer["MetricDataResults"])
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    points = [
        (r["Id"], r["Label"], p)
        for page in pages
        for r in page
        for p in zip(r["Timestamps"], r["Values"], strict=True)
    ]
    assert points == [
        (r["Id"], r["Label"], p) for r in whole for p in zip(r["Timestamps"], r["Values"], strict=True)
    ]
    assert {r["Id"] for page in pages for r in page} == {r["Id"] for r in whole}
    assert all(r["StatusCode"] == "Complete" for page in pages for r in page[:-1])
    assert pages[-1][-1]["StatusCode"] == "Complete"


def test_a_page_holds_100_800_datapoints() -> None:
    plane = loaded(series=8, points=15 * 1440)
    queries = [stat(f"m{n}") for n in range(8)]
    sizes, token = [], {}
    while not sizes or token:
        answer = plane.data(*queries, start=NOW - 15 * DAY, **token)
        sizes.append(sum(len(r["Values"]) for r in answer["MetricDataResults"]))
        token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else {}
    assert sizes == [100_800, 8 * 15 * 1440 - 100_800]


def test_new_datapoints_do_not_shift_the_next_page() -> None:
    plane = loaded(series=1)
    first = plane.data(stat("m0"), MaxDatapoints=10, end=NOW + 600)
    plane.put("m0", {"Value": 7, "Timestamp": NOW + 60})
    rest = plane.data(stat("m0"), NextToken=first["NextToken"], end=NOW + 600)["MetricDataResults"][0]
    assert rest["Timestamps"] == [NOW - 60 * n for n in range(11, POINTS + 1)]


@pytest.mark.parametrize("token", ["nonsense", "W10=", "WyJ4IiwgMCwgMF0=", "é"])
def test_a_token_of_another_request_is_refused(token: str) -> None:
    with pytest.raises(RefusedError, match="InvalidNextToken"):
        loaded().data(stat("m0"), NextToken=token)


def test_500_queries_are_answered_and_501_refused() -> None:
    plane = Plane()
    queries = [stat("m", id=f"q{n}") for n in range(501)]
    assert len(plane.data(*queries[:500])["MetricDataResults"]) == 500
    with pytest.raises(RefusedError, match=r"ValidationError: .*size greater than 500"):
        plane.data(*queries)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (stat("m", id="Upper"), "expected pattern"),
        (stat("m", id="a-b"), "expected pattern"),
        (stat("m", period=61), "Period must be"),
        (stat("m", period=0), "Period must be"),
        (stat("m", period=45), "Period must be"),
        (stat("m", unit="Parsecs"), "Unit must be"),
        (stat("m", space=""), "Namespace is required"),
        ({"Id": "m"}, "Exactly one"),
        ({**stat("m"), "Expression": "m"}, "Exactly one"),
    ],
)
def test_a_wrong_query_is_refused(query: dict, words: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        Plane().data(query)
    assert refusal.value.code == "ValidationError"
    assert words in refusal.value.message


def test_ids_are_used_once() -> None:
    with pytest.raises(RefusedError, match="not unique"):
        Plane().data(stat("m"), stat("m"))


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"start": NOW, "end": NOW}, "ValidationError"),
        ({"MaxDatapoints": 100_801}, "ValidationError"),
        ({"MaxDatapoints": -1}, "ValidationError"),
        ({"ScanBy": "Sideways"}, "ValidationError"),
    ],
)
def test_a_wrong_request_is_refused(params: dict, code: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        Plane().data(stat("m"), **params)
    assert refusal.value.code == code


def test_a_request_without_queries_is_refused() -> None:
    with pytest.raises(RefusedError, match="MetricDataQueries is required"):
        Plane().data()
