"""The bulk path and the store behind it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest
from metrics_plane import NOW, Plane, dims, stat

from opskit.sandbox.metrics import Metrics, SeriesBatch

AT = NOW - 600
TIMES = (AT, AT + 60)
FN = (("FunctionName", "f"),)


def shown(plane: Plane, statistic: str, **more: object) -> list[float]:
    query = stat("m", statistic, dimensions=dims(FunctionName="f"), **more)
    return [value for _, value in plane.points(query)["m"]]


def test_values_are_one_sample_each() -> None:
    plane = Plane()
    plane.metrics.load([SeriesBatch("App", "m", FN, TIMES, values=[3, 4.5])])
    assert shown(plane, "Sum") == shown(plane, "p99") == [3, 4.5]
    assert shown(plane, "SampleCount") == [1, 1]


def test_statistic_sets_keep_all_four() -> None:
    plane = Plane()
    batch = SeriesBatch("App", "m", FN, TIMES, counts=[2, 4], sums=[10, 8], mins=[1, 2], maxs=[9, 2])
    plane.metrics.load([batch])
    found = [shown(plane, name) for name in ("SampleCount", "Sum", "Minimum", "Maximum", "Average", "p50")]
    assert found == [[2, 4], [10, 8], [1, 2], [9, 2], [5, 2], [2]]


def test_samples_have_percentiles_and_empty_minutes_no_datapoint() -> None:
    plane = Plane()
    samples = [[5.0, 1.0, 9.0], []]
    plane.metrics.load([SeriesBatch("App", "m", FN, TIMES, samples=samples, unit="Milliseconds")])
    found = [
        shown(plane, name, unit="Milliseconds") for name in ("p50", "p100", "Sum", "SampleCount", "Minimum")
    ]
    assert found == [[5], [9], [15], [3], [1]]


def test_samples_seen_often_are_told_once() -> None:
    plane = Plane()
    samples, counts = [[5.0, 1.0], []], [[5000, 15_000], []]
    plane.metrics.load([SeriesBatch("App", "m", FN, TIMES, samples=samples, sample_counts=counts)])
    found = [shown(plane, name) for name in ("SampleCount", "Sum", "p75", "p76", "Average", "Maximum")]
    assert found == [[20_000], [40_000], [1], [5], [2], [5]]


def test_publishing_replaces_a_series_from_a_time_on() -> None:
    plane = Plane()
    other = SeriesBatch("App", "m", (), TIMES, values=[8, 9])
    plane.metrics.load([SeriesBatch("App", "m", FN, TIMES, values=[1, 2]), other])
    plane.metrics.publish([SeriesBatch("App", "m", FN, [AT + 60, AT + 120], values=[5, 6])], AT + 60)
    assert shown(plane, "Sum") == [1, 5, 6]
    assert [value for _, value in plane.points(stat("m", "Sum"))["m"]] == [8, 9]
    plane.metrics.publish([SeriesBatch("App", "m", FN, [], values=[])], AT + 120)
    assert shown(plane, "Sum") == [1, 5]


def test_publishing_may_begin_at_another_time_for_each_series() -> None:
    plane = Plane()
    plane.metrics.load([SeriesBatch("App", "m", FN, TIMES, values=[1, 2], unit=u) for u in ("None", "Count")])
    batches = [SeriesBatch("App", "m", FN, [AT + 60], values=[7], unit=u) for u in ("None", "Count")]
    plane.metrics.publish(batches, [AT, AT + 60])
    assert [shown(plane, "Sum", unit=unit) for unit in ("None", "Count")] == [[7], [1, 7]]


def test_a_series_cut_back_is_as_recent_as_what_is_left() -> None:
    plane = Plane()
    early = NOW - 4 * 3600
    plane.metrics.load([SeriesBatch("App", "m", FN, [early, AT], values=[1, 2])])
    plane.metrics.publish([SeriesBatch("App", "m", FN, [], values=[])], early + 60)
    assert plane.call("ListMetrics", RecentlyActive="PT3H")["Metrics"] == []


def test_a_refused_publication_changes_nothing() -> None:
    plane = Plane()
    plane.metrics.load([SeriesBatch("App", "m", FN, TIMES, values=[1, 2])])
    with pytest.raises(TypeError, match="JSON"):
        plane.metrics.publish([SeriesBatch("App", "m", FN, [AT], values=[object()])], AT)  # type: ignore[list-item]
    assert shown(plane, "Sum") == [1, 2]


def test_loads_add_up_in_any_order_of_time() -> None:
    plane = Plane()
    for times in (TIMES, TIMES[::-1]):
        plane.metrics.load([SeriesBatch("App", "m", FN, times, values=[1, 2])])
    assert shown(plane, "Sum") == [3, 3]


def test_nothing_to_load_is_no_matter() -> None:
    plane = Plane()
    plane.metrics.load([])
    plane.metrics.load([SeriesBatch("App", "m", FN, [], values=[])])
    assert plane.call("ListMetrics")["Metrics"] == []


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"values": [1]},
        {"values": [1, 2], "samples": [[1], [2]]},
        {"counts": [1, 1], "sums": [1, 1]},
        {"samples": [[1]]},
        {"samples": [[1], [2]], "sample_counts": [[1], [2, 3]]},
        {"values": [1, 2], "sample_counts": [[1], [1]]},
    ],
)
def test_a_batch_of_no_clear_shape_is_refused(columns: dict) -> None:
    with pytest.raises(ValueError, match="m: "):
        SeriesBatch("App", "m", (), TIMES, **columns)


def test_a_store_on_disk_is_remembered(tmp_path: Path) -> None:
    first, second = Plane(), Plane()
    for plane in (first, second):
        with duckdb.connect(str(tmp_path / "aws.duckdb")) as connection:
            plane.metrics = Metrics(connection, lambda: NOW)
            plane.handlers = plane.metrics.handlers()
            plane.metrics.load([SeriesBatch("App", "m", FN, TIMES, values=[1, 2])])
            found = shown(plane, "Sum")
            listed = plane.call("ListMetrics", RecentlyActive="PT3H")["Metrics"]
    assert found == [2, 4]
    assert len(listed) == 1


def test_threads_write_and_read_at_once() -> None:
    plane = Plane()

    def work(number: int) -> None:
        for n in range(20):
            pairs = dims(thread=str(number % 3), n=str(n % 5))
            plane.put("m", {"Value": 1, "Timestamp": AT}, Dimensions=pairs)
            plane.points(stat("m", "p50", dimensions=pairs))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    queries = [
        stat("m", id=f"m{t}{n}", dimensions=dims(thread=str(t), n=str(n))) for t in range(3) for n in range(5)
    ]
    assert list(plane.points(*queries).values()) == [[(AT, 8.0)]] * 15
