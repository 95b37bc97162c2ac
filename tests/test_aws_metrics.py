from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber
from scripted import StubbedAws, unconnected

from opskit.aws import metrics
from opskit.aws.price import METRIC_USD, Meter
from opskit.model import Metric, Reading, Status, Window

NOW = 1_800_000_000
WINDOW = Window(NOW - 3_600, NOW)


def metric(name: str = "Errors", period_s: int = 60, function: str = "scoreUsers") -> Metric:
    return Metric("AWS/Lambda", name, (("FunctionName", function),), "Sum", period_s)


def at(minute: int) -> datetime:
    return datetime.fromtimestamp(WINDOW.start + 60 * minute, UTC)


def result(index: int, values: Any = (), state: str = "Complete", **more: Any) -> dict[str, Any]:
    times = [at(minute) for minute in range(len(values))]
    return {"Id": f"m{index}", "Timestamps": times, "Values": list(values), "StatusCode": state, **more}


@contextmanager
def answering(*pages: Any) -> Iterator[StubbedAws]:
    """An Aws whose get_metric_data calls get these pages, in order; an str is an error code."""
    client = unconnected("cloudwatch")
    with Stubber(client) as stubber:
        for page in pages:
            if isinstance(page, str):
                stubber.add_client_error("get_metric_data", page, "no", 400)
            else:
                stubber.add_response("get_metric_data", page)
        yield StubbedAws(cloudwatch=client)
        stubber.assert_no_pending_responses()


def fetched(
    asked: Any, *pages: Any, window: Window = WINDOW, now: float = NOW, meter: Meter | None = None
) -> list[Reading]:
    (batch,) = metrics.batches(asked, window)
    with answering(*pages) as aws:
        readings = metrics.fetch(aws, batch, now, meter or Meter())
    assert set(readings) == set(asked)
    return [readings[one] for one in asked]


def test_batches_of_501_metrics_are_two_calls() -> None:
    asked = [metric(f"M{i}") for i in range(501)]
    assert [len(batch.metrics) for batch in metrics.batches(asked, WINDOW)] == [500, 1]


def test_batches_keep_to_the_datapoint_limit() -> None:
    week = Window(NOW - 7 * 86_400, NOW)
    sizes = [len(batch.metrics) for batch in metrics.batches([metric(f"M{i}") for i in range(25)], week)]
    assert sizes == [10, 10, 5]
    assert max(sizes) * 7 * 1_440 <= metrics.DATAPOINTS_PER_CALL


def test_batches_hold_one_period_aligned_to_it() -> None:
    window = Window(NOW - NOW % 3_600 + 420, NOW - NOW % 3_600 + 9_000)
    minute, hour = sorted(
        metrics.batches([metric(), metric(period_s=3_600)], window), key=lambda b: b.period_s
    )
    assert (minute.start, minute.end) == (window.start, window.end)
    assert hour.start % 3_600 == 0
    assert hour.end - hour.start == 7_200


def test_window_shorter_than_a_period_asks_for_one() -> None:
    (hour,) = metrics.batches([metric(period_s=3_600)], WINDOW)
    (day,) = metrics.batches([metric(period_s=86_400)], WINDOW)
    assert hour.end - hour.start == 3_600
    assert day.end - day.start == 86_400


def test_request_asks_with_exact_dimensions_and_ascending() -> None:
    asked = metric()
    expected = {
        "StartTime": at(0),
        "EndTime": at(60),
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            {
                "Id": "m0",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": "Errors",
                        "Dimensions": [{"Name": "FunctionName", "Value": "scoreUsers"}],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
                "ReturnData": True,
            }
        ],
    }
    client = unconnected("cloudwatch")
    with Stubber(client) as stubber:
        stubber.add_response("get_metric_data", {"MetricDataResults": [result(0, [1.0])]}, expected)
        (batch,) = metrics.batches([asked], WINDOW)
        readings = metrics.fetch(StubbedAws(cloudwatch=client), batch, NOW, Meter())
    assert readings[asked].points == ((WINDOW.start, 1.0),)


def test_pages_are_followed_to_the_end_and_joined_in_time_order() -> None:
    late = {"Id": "m0", "Timestamps": [at(2), at(1)], "Values": [2.0, 1.0], "StatusCode": "Complete"}
    first = {"MetricDataResults": [result(0, [0.0], "PartialData")], "NextToken": "more"}
    (reading,) = fetched([metric()], first, {"MetricDataResults": [late]})
    assert reading.status is Status.OK
    assert reading.points == tuple((WINDOW.start + 60 * i, float(i)) for i in range(3))


def test_a_page_that_is_not_in_time_order_is_put_in_it() -> None:
    back = {"Timestamps": [at(1), at(0)], "Values": [1.0, 0.0], "StatusCode": "Complete"}
    page = {"MetricDataResults": [{**back, "Id": "m0"}, result(1, [5.0, 6.0]), {**back, "Id": "m2"}]}
    first, second, third = fetched([metric("A"), metric("B"), metric("C")], page)
    assert first.points == third.points == ((WINDOW.start, 0.0), (WINDOW.start + 60, 1.0))
    assert second.points == ((WINDOW.start, 5.0), (WINDOW.start + 60, 6.0))


def test_series_left_out_of_the_answer_is_failed() -> None:
    there, missing = fetched([metric("A"), metric("B")], {"MetricDataResults": [result(0, [1.0])]})
    assert there.status is Status.OK
    assert missing.status is Status.FAILED
    assert "left it out" in missing.reason


def test_complete_series_without_datapoints_is_empty() -> None:
    (reading,) = fetched([metric()], {"MetricDataResults": [result(0)]})
    assert (reading.status, reading.points) == (Status.EMPTY, ())


@pytest.mark.parametrize(
    ("state", "values", "status", "reason"),
    [
        ("PartialData", [1.0], Status.PARTIAL, "a part only"),
        ("PartialData", [], Status.FAILED, "no datapoint of a partial answer"),
        ("InternalError", [1.0], Status.FAILED, "failed inside"),
        ("Forbidden", [], Status.FAILED, "denied: needs cloudwatch:GetMetricData for AWS/Lambda"),
        ("Resting", [1.0], Status.FAILED, "state Resting"),
    ],
)
def test_state_of_a_series(state: str, values: Any, status: Status, reason: str) -> None:
    (reading,) = fetched([metric()], {"MetricDataResults": [result(0, values, state)]})
    assert reading.status is status
    assert reading.code == state
    assert reason in reading.reason


def test_messages_are_told() -> None:
    said = [{"Code": "ArithmeticError", "Value": "one value is not a number"}]
    page = {
        "MetricDataResults": [result(0, [1.0], Messages=said)],
        "Messages": [{"Code": "X", "Value": "much"}],
    }
    (reading,) = fetched([metric()], page)
    assert reading.reason == "one value is not a number; much"


def test_times_without_values_are_failed() -> None:
    broken = {"Id": "m0", "Timestamps": [at(0), at(1)], "Values": [1.0], "StatusCode": "Complete"}
    (reading,) = fetched([metric()], {"MetricDataResults": [broken]})
    assert reading.status is Status.FAILED


def test_call_that_is_denied_fails_every_series_of_it() -> None:
    readings = fetched([metric("A"), metric("B")], "AccessDenied")
    assert {(r.status, r.code, r.reason) for r in readings} == {
        (Status.FAILED, "AccessDenied", "denied: needs cloudwatch:GetMetricData")
    }


def test_fault_on_a_later_page_keeps_what_was_complete() -> None:
    page = {
        "MetricDataResults": [result(0, [1.0]), result(1, [2.0], "PartialData")],
        "NextToken": "more",
    }
    complete, broken_off, unheard = fetched([metric("A"), metric("B"), metric("C")], page, "Throttling")
    assert complete.status is Status.OK
    assert broken_off.status is Status.PARTIAL
    assert "broke off: throttled" in broken_off.reason
    assert unheard.status is Status.FAILED


def test_silence_of_a_forgotten_window_says_so() -> None:
    old = Window(NOW - 20 * 86_400, NOW - 19 * 86_400)
    (reading,) = fetched([metric()], {"MetricDataResults": [result(0)]}, window=old)
    assert reading.status is Status.EMPTY
    assert reading.reason == "CloudWatch keeps 60 s datapoints for 15 days, the window is older"


def test_half_forgotten_window_is_partial() -> None:
    old = Window(NOW - 16 * 86_400, NOW - 14 * 86_400)
    (reading,) = fetched([metric()], {"MetricDataResults": [result(0, [1.0])]}, window=old)
    assert reading.status is Status.PARTIAL
    assert reading.points


def test_longer_periods_are_kept_longer() -> None:
    old = Window(NOW - 20 * 86_400, NOW - 19 * 86_400)
    (reading,) = fetched([metric(period_s=300)], {"MetricDataResults": [result(0)]}, window=old)
    assert reading.reason == ""


def test_each_page_is_billed_and_the_call_counted_once() -> None:
    meter = Meter()
    pages = [
        {"MetricDataResults": [result(0, [1.0], "PartialData")], "NextToken": "more"},
        {"MetricDataResults": [result(0, [1.0]), result(1)]},
    ]
    fetched([metric("A"), metric("B")], *pages, meter=meter)
    assert (meter.cost.api_calls, meter.cost.metrics) == (1, 4)
    assert meter.cost.usd == pytest.approx(4 * METRIC_USD)


def test_unknown_series_in_the_answer_change_nothing() -> None:
    (reading,) = fetched([metric()], {"MetricDataResults": [result(7, [9.0]), result(0, [1.0])]})
    assert reading.points == ((WINDOW.start, 1.0),)
