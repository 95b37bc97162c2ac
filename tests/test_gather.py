import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Never

import pytest
from faults import FaultProxy, denied, expired, reset, slow, throttled
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import StubbedAws, scripted_aws, scripted_endpoint

from opskit.aws import quotas
from opskit.aws.session import Aws
from opskit.errors import UsageError
from opskit.gather import SETTLE_S, Gatherer, filled, window
from opskit.model import Describe, LogQuery, Metric, Reading, Readings, Status, Window
from opskit.sandbox.front import Handler, Handlers, RefusedError

NOW = 1_800_000_000.0
WINDOW = Window(int(NOW) - 720, int(NOW) - 120)
DIMENSIONS = (("FunctionName", "scoreUsers"),)
INVOCATIONS = Metric("AWS/Lambda", "Invocations", DIMENSIONS, "Sum")
ERRORS = Metric("AWS/Lambda", "Errors", DIMENSIONS, "Sum", absent=0.0, beside=INVOCATIONS)
AGE = Metric("AWS/Lambda", "IteratorAge", DIMENSIONS, "Maximum")
LINES = LogQuery(("/aws/lambda/scoreUsers",), "fields @message", ("@message",))
FUNCTION = Describe("lambda", "GetFunction", (("FunctionName", "scoreUsers"),), "Configuration.FunctionName")
CALLER = Describe("sts", "GetCallerIdentity", select="Account")
EVERYTHING = (ERRORS, AGE, LINES, FUNCTION, CALLER)


Answer = dict[str, Any]


class FakeAws:
    """Handlers that answer every call a gatherer makes, and count them."""

    def __init__(self, **values: Any) -> None:
        self.values = {"Invocations": [5.0, 6.0], "Errors": [], "IteratorAge": [100.0], **values}
        self.states = ["Complete"]
        self.calls = []
        self.stopped = []

    def handlers(self) -> Handlers:
        answers = {
            ("cloudwatch", "GetMetricData"): self.metrics,
            ("logs", "StartQuery"): lambda _: {"queryId": "q1"},
            ("logs", "GetQueryResults"): self.results,
            ("logs", "StopQuery"): lambda call: (
                self.stopped.append(call.params["queryId"]) or {"success": True}
            ),
            ("lambda", "GetFunction"): lambda _: {"Configuration": {"FunctionName": "scoreUsers"}},
            ("sts", "GetCallerIdentity"): lambda _: {"Account": "123456789012"},
        }
        return {name: self.counted(name[1], answer) for name, answer in answers.items()}

    def counted(self, name: str, answer: Any) -> Handler:
        def counting(call: Any) -> Answer:
            self.calls.append(name)
            return answer(call)

        return counting

    def metrics(self, call: Any) -> Answer:
        results = []
        for query in call.params["MetricDataQueries"]:
            values = self.values.get(query["MetricStat"]["Metric"]["MetricName"])
            if values is not None:
                times = [WINDOW.start + 60 * i for i in range(len(values))]
                results.append(
                    {"Id": query["Id"], "StatusCode": "Complete", "Timestamps": times, "Values": values}
                )
        return {"MetricDataResults": results}

    def results(self, _: Any) -> Answer:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {
            "status": state,
            "results": [[{"field": "@message", "value": "hello"}]],
            "statistics": {"recordsMatched": 1.0, "recordsScanned": 2.0, "bytesScanned": 300.0},
        }


@pytest.fixture
def fake() -> FakeAws:
    return FakeAws()


@pytest.fixture
def aws(fake: FakeAws) -> Iterator[Aws]:
    with scripted_aws(fake.handlers()) as aws:
        yield aws


@pytest.fixture
def proxied(fake: FakeAws) -> Iterator[tuple[Aws, FaultProxy]]:
    """An Aws behind a fault proxy: set_rules makes the faults."""
    with scripted_endpoint(fake.handlers()) as url, FaultProxy(url) as proxy:
        aws = Aws("us-east-1", endpoint_url=proxy.endpoint)
        yield aws, proxy
        aws.close()


def gatherer(aws: Aws, **more: Any) -> Gatherer:
    return Gatherer(aws, WINDOW, now=lambda: NOW, **more)


def statuses(answers: Any) -> dict[str, Status]:
    return {
        getattr(s, "name", None) or getattr(s, "operation", "query"): r.status for s, r in answers.items()
    }


def test_every_kind_is_answered_in_one_gather(aws: Aws, fake: FakeAws) -> None:
    answers = gatherer(aws).gather(EVERYTHING)
    assert set(answers) == set(EVERYTHING)
    assert {r.status for r in answers.values()} == {Status.OK}
    assert answers[FUNCTION].document == "scoreUsers"
    assert answers[LINES].rows == ({"@message": "hello"},)
    assert fake.calls.count("GetMetricData") == 1


def test_signal_is_asked_once_per_run(aws: Aws, fake: FakeAws) -> None:
    run = gatherer(aws)
    first = run.gather([AGE, FUNCTION, FUNCTION])
    again = run.gather([FUNCTION, AGE, LINES])
    assert again[AGE] is first[AGE]
    assert sorted(fake.calls) == ["GetFunction", "GetMetricData", "GetQueryResults", "StartQuery"]


def test_cost_counts_logical_calls(aws: Aws) -> None:
    run = gatherer(aws)
    run.gather(EVERYTHING)
    assert (run.cost.api_calls, run.cost.metrics, run.cost.bytes_scanned) == (4, 3, 300)
    assert run.cost.usd == pytest.approx(3 * 1e-5 + 300 * 5e-12)


def test_silence_is_zero_beside_traffic(aws: Aws) -> None:
    reading = gatherer(aws).gather([ERRORS])[ERRORS]
    assert reading.status is Status.OK
    assert reading.points == ((WINDOW.start, 0.0), (WINDOW.start + 60, 0.0))
    assert reading.reason == "no datapoints: taken as 0 beside Invocations"


def test_sparse_counter_is_zero_where_there_was_traffic(aws: Aws, fake: FakeAws) -> None:
    fake.values["Errors"] = [3.0]
    points = gatherer(aws).gather([ERRORS])[ERRORS].points
    assert points == ((WINDOW.start, 3.0), (WINDOW.start + 60, 0.0))


def test_silence_without_traffic_is_unknown(aws: Aws, fake: FakeAws) -> None:
    fake.values["Invocations"] = []
    reading = gatherer(aws).gather([ERRORS])[ERRORS]
    assert (reading.status, reading.points) == (Status.EMPTY, ())
    assert "none of Invocations beside it" in reading.reason


def test_silence_beside_unread_traffic_is_unknown(aws: Aws, fake: FakeAws) -> None:
    del fake.values["Invocations"]
    reading = gatherer(aws).gather([ERRORS])[ERRORS]
    assert reading.status is Status.EMPTY
    assert "could not be read" in reading.reason


def test_silence_of_a_gauge_is_unknown(aws: Aws, fake: FakeAws) -> None:
    fake.values["IteratorAge"] = []
    answers = gatherer(aws).gather([AGE, INVOCATIONS])
    assert answers[AGE].status is Status.EMPTY


@pytest.mark.parametrize("status", [Status.FAILED, Status.PARTIAL])
def test_unread_counter_is_never_filled(status: Status) -> None:
    points = ((0, 2.0),) if status is Status.PARTIAL else ()
    answers = {
        ERRORS: Reading(status, "why", points=points),
        INVOCATIONS: Reading(Status.OK, points=((0, 1.0), (60, 1.0))),
    }
    assert filled(ERRORS, answers) is answers[ERRORS]


def test_partial_traffic_makes_a_partial_zero() -> None:
    answers = {ERRORS: Reading(Status.EMPTY), INVOCATIONS: Reading(Status.PARTIAL, points=((60, 1.0),))}
    reading = filled(ERRORS, answers)
    assert (reading.status, reading.points) == (Status.PARTIAL, ((60, 0.0),))


def test_fill_keeps_to_the_counters_period() -> None:
    slow_errors = Metric("AWS/Lambda", "Errors", DIMENSIONS, "Sum", 300, 0.0, INVOCATIONS)
    answers = {
        slow_errors: Reading(Status.EMPTY),
        INVOCATIONS: Reading(Status.OK, points=((300, 1.0), (360, 1.0), (600, 1.0))),
    }
    assert filled(slow_errors, answers).points == ((300, 0.0), (600, 0.0))


def test_describe_of_the_past_is_partial(aws: Aws) -> None:
    old = Window(int(NOW) - 90_000, int(NOW) - 86_400)
    answers = Gatherer(aws, old, now=lambda: NOW).gather([FUNCTION, CALLER])
    reading = answers[FUNCTION]
    assert (reading.status, reading.document) == (Status.PARTIAL, "scoreUsers")
    assert answers[CALLER].status is Status.OK
    assert reading.reason == "configuration as of now, not of 2027-01-14 08:00 UTC"


def test_write_is_refused_before_anything_is_asked(aws: Aws, fake: FakeAws) -> None:
    with pytest.raises(ValueError, match="not a read-only call"):
        gatherer(aws).gather([AGE, Describe("lambda", "DeleteFunction", (("FunctionName", "f"),))])
    assert fake.calls == []


def test_programming_error_in_a_task_is_raised() -> None:
    with pytest.raises(KeyError):
        gatherer(StubbedAws()).gather([AGE])


def deadline_after(seen: Callable[[], bool], patch: pytest.MonkeyPatch) -> None:
    """Let the deadlines begin once something was seen, however long this machine takes for it."""

    def later(futures: Any, timeout: float) -> Any:
        until = time.monotonic() + 60
        while not seen() and time.monotonic() < until:
            time.sleep(0.01)
        return wait(futures, timeout=timeout)

    patch.setattr("opskit.gather.wait", later)


def test_endpoint_that_does_not_answer_is_failed_at_the_deadline(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = threading.Event()
    handlers = {**fake.handlers(), ("lambda", "GetFunction"): lambda _: silent.wait(100) and {}}
    with scripted_aws(handlers) as aws:
        run = gatherer(aws, deadline_s=0.5)
        told = threading.Event()
        fetch = run._metrics
        monkeypatch.setattr(run, "_metrics", lambda batch: (fetch(batch), told.set())[0])
        deadline_after(told.is_set, monkeypatch)
        start = time.monotonic()
        answers = run.gather([FUNCTION, AGE])
        took_s = time.monotonic() - start
        silent.set()
    assert answers[AGE].status is Status.OK
    assert (answers[FUNCTION].status, answers[FUNCTION].code) == (Status.FAILED, "DeadlineExceeded")
    assert took_s < 50


def test_what_waits_in_its_lane_at_the_deadline_is_never_asked(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that has given up must not go on calling, nor start log queries only to stop them."""
    answering = threading.Event()
    asked: list[str] = []

    def slowly(call: Any) -> Answer:
        asked.append(call.params["FunctionName"])
        answering.wait(100)
        return {}

    calls = [Describe("lambda", "GetPolicy", (("FunctionName", f"f{n}"),), "Policy") for n in range(12)]
    with scripted_aws({**fake.handlers(), ("lambda", "GetPolicy"): slowly}) as aws:
        run = gatherer(aws, deadline_s=0.5)
        deadline_after(lambda: len(asked) == quotas.lane("lambda", "GetPolicy").at_once, monkeypatch)
        answers = run.gather(calls)
        begun = list(asked)
        answering.set()
        run.close()
        time.sleep(1.0)
    assert {reading.code for reading in answers.values()} == {"DeadlineExceeded"}
    assert 0 < len(begun) < len(calls)
    assert asked == begun


def test_query_past_the_deadline_is_stopped(aws: Aws, fake: FakeAws) -> None:
    fake.states = ["Running"]
    reading = gatherer(aws, deadline_s=0.4).gather([LINES])[LINES]
    assert (reading.status, reading.code) == (Status.FAILED, "DeadlineExceeded")
    assert fake.stopped == ["q1"]


def test_ctrl_c_stops_running_queries(fake: FakeAws) -> None:
    fake.states = ["Running"]
    answer = fake.results

    def results(call: Any) -> Answer:
        if fake.calls.count("GetQueryResults") == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return answer(call)

    fake.results = results
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with scripted_aws(fake.handlers()) as aws, pytest.raises(KeyboardInterrupt):
            gatherer(aws).gather([LINES, AGE])
    finally:
        signal.signal(signal.SIGINT, before)
    assert fake.stopped == ["q1"]


def test_close_may_be_repeated(aws: Aws) -> None:
    run = gatherer(aws)
    run.gather([AGE])
    run.close()
    run.close()


def test_denied_call_leaves_the_others_standing(proxied: tuple[Aws, FaultProxy]) -> None:
    aws, proxy = proxied
    proxy.set_rules(denied("cloudwatch", "GetMetricData"), denied("logs", "StartQuery"))
    answers = gatherer(aws).gather(EVERYTHING)
    assert statuses(answers) == {
        "Errors": Status.FAILED,
        "IteratorAge": Status.FAILED,
        "query": Status.FAILED,
        "GetFunction": Status.OK,
        "GetCallerIdentity": Status.OK,
    }
    assert answers[AGE].reason == "denied: needs cloudwatch:GetMetricData"
    assert ("cloudwatch", "GetMetricData", "error:AccessDeniedException") in proxy.fired


@pytest.mark.parametrize(
    "call", [("lambda", "GetFunction"), ("sts", "GetCallerIdentity"), ("logs", "GetQueryResults")]
)
def test_each_kind_of_call_can_be_denied(proxied: tuple[Aws, FaultProxy], call: Any) -> None:
    aws, proxy = proxied
    proxy.set_rules(denied(*call))
    failed = {s: r for s, r in gatherer(aws).gather(EVERYTHING).items() if r.status is Status.FAILED}
    assert [r.reason for r in failed.values()] == [f"denied: needs {call[0]}:{call[1]}"]


def test_every_third_call_throttled_is_ridden_out(proxied: tuple[Aws, FaultProxy]) -> None:
    aws, proxy = proxied
    proxy.set_rules(throttled(every=3))
    answers = gatherer(aws).gather(EVERYTHING)
    assert {r.status for r in answers.values()} == {Status.OK}
    assert proxy.fired


def test_expired_credentials_block_everything(proxied: tuple[Aws, FaultProxy]) -> None:
    aws, proxy = proxied
    proxy.set_rules(expired())
    run = gatherer(aws)
    answers = run.gather(EVERYTHING)
    assert {r.status for r in answers.values()} == {Status.FAILED}
    assert run.blocked == "AWS credentials expired: run aws sso login or renew them"


def test_reset_connection_is_tried_again(proxied: tuple[Aws, FaultProxy]) -> None:
    aws, proxy = proxied
    proxy.set_rules(reset("lambda", "GetFunction", times=2))
    assert gatherer(aws).gather([FUNCTION])[FUNCTION].status is Status.OK
    proxy.set_rules(reset("lambda", "GetFunction"))
    reading = gatherer(aws).gather([FUNCTION])[FUNCTION]
    assert (reading.status, reading.code) == (Status.FAILED, "ConnectionClosedError")


def test_slow_call_is_waited_for(proxied: tuple[Aws, FaultProxy]) -> None:
    aws, proxy = proxied
    proxy.set_rules(slow(0.3, "lambda", "GetFunction"))
    start = time.monotonic()
    assert gatherer(aws).gather([FUNCTION, AGE])[FUNCTION].status is Status.OK
    assert time.monotonic() - start >= 0.3


def test_unreachable_endpoint_blocks_everything() -> None:
    run = gatherer(Aws("us-east-1", endpoint_url="http://127.0.0.1:1"))
    run.gather(EVERYTHING)
    assert run.blocked == "cannot reach http://127.0.0.1:1: connection refused"


def test_not_blocked_while_something_answers(aws: Aws, fake: FakeAws) -> None:
    run = gatherer(aws)
    assert run.blocked == ""
    run.gather(EVERYTHING)
    assert run.blocked == ""


def test_failed_inside_the_endpoint_is_failed(fake: FakeAws) -> None:
    def broken(_: Any) -> Never:
        raise RefusedError("InternalServiceError", "oops", 500)

    with scripted_aws({**fake.handlers(), ("cloudwatch", "GetMetricData"): broken}) as aws:
        reading = gatherer(aws).gather([AGE])[AGE]
    assert reading.reason == "AWS failed (InternalServiceError, HTTP 500) after 4 tries: oops"


names = st.sampled_from(["A", "B", "C", "D", "E", "F"])


@settings(max_examples=40, deadline=None)
@given(asked=st.sets(names, min_size=1), answered=st.sets(names), data=st.data())
def test_mapping_is_total_whatever_is_answered(asked: Any, answered: set[str], data: st.DataObject) -> None:
    """A series left out of the answer is failed, and silence is zero only beside answered traffic."""
    values = {name: data.draw(st.lists(st.just(1.0), max_size=2)) for name in sorted(answered)}
    fake = FakeAws()
    fake.values = values
    signals = [Metric("N", name, (), "Sum", absent=0.0, beside=Metric("N", "A", (), "Sum")) for name in asked]
    answers = gatherer(StubbedAws(cloudwatch=_InProcess(fake))).gather(signals)
    assert set(answers) == set(signals)
    for metric, reading in answers.items():
        if metric.name not in values:
            assert reading.status is Status.FAILED
        elif not values[metric.name] and not values.get("A"):
            assert reading.status is Status.EMPTY
        else:
            assert reading.status is Status.OK
            assert Readings({"x": metric}, answers).series("x").points


class _InProcess:
    """The little of a botocore client that metrics need, answering from a FakeAws."""

    def __init__(self, fake: FakeAws) -> None:
        self.fake = fake

    def get_paginator(self, _: Any) -> "_InProcess":
        return self

    def paginate(self, **params: Any) -> list[Answer]:
        page = self.fake.metrics(SimpleNamespace(params=params))
        for result in page["MetricDataResults"]:
            result["Timestamps"] = [datetime.fromtimestamp(t, UTC) for t in result["Timestamps"]]
        return [page]


def test_window_ends_at_the_last_settled_minute() -> None:
    found = window(NOW + 59, 3_600)
    assert found == Window(int(NOW) - SETTLE_S - 3_600, int(NOW) - SETTLE_S)


def test_window_of_the_past_needs_no_margin() -> None:
    assert window(NOW, 3_600, at=NOW - 86_400) == Window(int(NOW) - 90_000, int(NOW) - 86_400)


def test_window_does_not_reach_into_the_unsettled_minutes() -> None:
    assert window(NOW, 600, at=NOW - 10).end == int(NOW) - SETTLE_S
    assert window(NOW, 600, at=NOW + 1_000).end == int(NOW) - SETTLE_S


@given(now=st.floats(1e9, 4e9), since_s=st.integers(60, 10**7))
def test_window_is_whole_minutes_and_settled(now: float, since_s: int) -> None:
    found = window(now, since_s)
    assert found.start % 60 == found.end % 60 == 0
    assert 0 <= now - SETTLE_S - found.end < 60
    assert 0 <= since_s - found.seconds < 60


@pytest.mark.parametrize("since_s", [59, 0, -3_600])
def test_window_that_makes_no_sense(since_s: int) -> None:
    with pytest.raises(UsageError, match="too short"):
        window(NOW, since_s)
