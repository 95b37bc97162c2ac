"""The guard's eyes on the embedded AWS, with consumers that begin to fail while a ramp runs."""

import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jmespath
import pytest
from conftest import REGION, EmbeddedAws
from consumers import TRACEBACK, Consumer, Post, failed_before, fails, ok, send, settle
from faults import FaultProxy, Rule, denied

from opskit.aws.session import Aws
from opskit.aws.sqs import Depth, Queue
from opskit.errors import CannotLookError, UsageError
from opskit.logs.sources import Sources, of_function
from opskit.model import Metric, Reading, Status, Window
from opskit.redrive.guard import BLIND_LOOKS, Bounds, Guard, Look, Progress
from opskit.redrive.guarding import ALARMS, OVERLAP_S, Eyes, Watched, check_alarms
from opskit.redrive.hearing import NO_LOG, Heard, Hearing

WINDOW_S = 0.5
METRIC = {"AlarmName": "errors", "StateValue": "OK"}
COMPOSITE = {"AlarmName": "service", "StateValue": "ALARM"}
EVERYTHING = (
    denied("sqs", "GetQueueAttributes"),
    denied("logs", "FilterLogEvents"),
    denied("cloudwatch", "GetMetricData"),
    denied("cloudwatch", "DescribeAlarms"),
)


@dataclass
class Ramp:
    """Sends letters to a worker under a guard, a batch a step, until it is stopped or `steps` are over."""

    aws: EmbeddedAws
    proxy: FaultProxy
    through: Aws
    post: Post
    sent: list[str]

    def eyes(self, *alarms: str) -> Eyes:
        source = of_function(self.post.name, self.post.function, self.post.log_group)
        watched = Watched(
            Queue(self.through, self.post.dead_url), self.aws.clock(), (self.post.function,), alarms
        )
        return Eyes(self.through, watched, Hearing(self.through, Sources.of([source])))

    def run(self, steps: int, failed: Sequence[str] = ()) -> tuple[str | None, int]:
        """Return why it was stopped, and at which look since something had failed."""
        eyes, late = self.eyes(), 0

        def look(now_s: float) -> Look:
            nonlocal late
            late += bool(failed)
            return eyes.look(now_s)

        guard = Guard(look, Bounds(initial=0), WINDOW_S)
        for _ in range(steps):
            self.step()
            if reason := guard.check(self.aws.clock(), Progress(sent=set(self.sent))):
                return reason, late
            time.sleep(0.1)
        return None, late

    def step(self) -> None:
        self.sent += send(self.aws, self.post.source_url, ["a letter"] * 5)


@pytest.fixture(scope="module")
def through(shared_aws: EmbeddedAws) -> Iterator[tuple[FaultProxy, Aws]]:
    with FaultProxy(shared_aws.endpoint) as proxy, closing(Aws(REGION, endpoint_url=proxy.endpoint)) as aws:
        yield proxy, aws


@pytest.fixture
def ramp(
    shared_aws: EmbeddedAws, through: tuple[FaultProxy, Aws], tmp_path: Path, request: pytest.FixtureRequest
) -> Ramp:
    """A worker of its own for each test, and no faults yet."""
    through[0].set_rules()
    name = f"w{zlib.crc32(request.node.nodeid.encode())}"
    return Ramp(shared_aws, *through, settle(shared_aws, tmp_path, name), [])


def alarm(aws: EmbeddedAws, name: str, state: str = "OK") -> str:
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name, Namespace="Mine", MetricName="Pages", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1.0, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test says so")
    return name


# --- the consumer fails -------------------------------------------------------------------------------


def test_a_ramp_into_a_consumer_that_is_well_is_not_stopped(ramp: Ramp) -> None:
    with Consumer(ramp.aws, ramp.post, ok) as consumer:
        assert ramp.run(steps=8)[0] is None
    assert consumer.failed == []


@pytest.mark.parametrize("reports", [True, False], ids=["reports the message", "fails as a whole"])
def test_a_consumer_that_begins_to_fail_is_known_by_its_log_at_the_next_look(
    ramp: Ramp, *, reports: bool
) -> None:
    with Consumer(ramp.aws, ramp.post, ok, reports=reports) as consumer:
        assert ramp.run(steps=3)[0] is None
        consumer.handle = fails
        reason, late = ramp.run(steps=200, failed=consumer.failed)
    assert reason
    assert reason.startswith(f"{ramp.post.name} fails at ")
    assert "no such fan" in reason
    assert late <= 1


def test_failures_at_messages_of_others_are_not_the_ramps(ramp: Ramp) -> None:
    with Consumer(ramp.aws, ramp.post, fails, metrics=False) as consumer:
        send(ramp.aws, ramp.post.source_url, ["not ours"])
        while not consumer.failed:
            time.sleep(0.05)
        look = ramp.eyes().look(ramp.aws.clock())
    guard = Guard(lambda _: replace(look, dead=0), Bounds(initial=0), WINDOW_S)
    assert look.events
    assert guard.check(look.at_s, Progress(sent={"another"})) is None
    assert guard.check(look.at_s + 1, Progress(sent=set(consumer.failed))) is not None


def test_a_consumer_that_fails_in_silence_is_known_by_the_dead_letter_queue(ramp: Ramp) -> None:
    with Consumer(ramp.aws, ramp.post, fails, logs=False, metrics=False):
        reason, _ = ramp.run(steps=200)
    assert reason
    assert reason.startswith("the dead-letter queue holds ")


def test_cloudwatch_counts_whole_minutes_since_the_run_began_and_no_earlier_ones(ramp: Ramp) -> None:
    failed_before(ramp.aws, ramp.post, minutes_ago=1.5, errors=7)
    eyes = ramp.eyes()
    later_s = ramp.aws.clock() + 180
    assert eyes.look(later_s).counts == {
        f"Errors of {ramp.post.function}": 0.0,
        f"Throttles of {ramp.post.function}": 0.0,
    }
    failed_before(ramp.aws, ramp.post, minutes_ago=-1.2, errors=3)
    look = eyes.look(later_s)
    assert look.counts
    assert look.counts[f"Errors of {ramp.post.function}"] == 3
    reason = Guard(lambda _: look, Bounds(initial=0)).check(later_s, Progress())
    assert reason == f"CloudWatch counts 3 Errors of {ramp.post.function} since the run began"


@pytest.mark.parametrize(
    "line",
    [
        '{"level": "ERROR", "message": "no such fan"}',
        '{"level":"error","msg":"no such fan"}',
        '{"level":50,"msg":"no such fan"}',
        '{"severity": "Critical", "message": "no such fan"}',
        "[ERROR] KeyError: 'fan'",
        f"{TRACEBACK}\n  File handler.py",
        "2026-11-26T01:00:00.000Z 8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d Task timed out after 1.00 seconds",
        "RequestId: 8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d Process exited before completing request",
        "RequestId: 8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d Error: Runtime exited with error",
        "REPORT RequestId: 8c1b4a52-6f0e-4b7a-9d53-0a4f3c2b1e6d\tDuration: 3.00 ms\tStatus: timeout",
        '{"type":"platform.report","record":{"requestId":"8c1b4a52","status":"failure"}}',
    ],
)
def test_the_filter_lets_every_form_of_an_error_line_through(ramp: Ramp, line: str) -> None:
    eyes = ramp.eyes()
    logs, where = ramp.aws.client("logs"), {"logGroupName": ramp.post.log_group, "logStreamName": "any"}
    logs.create_log_stream(**where)
    events = [{"timestamp": int(ramp.aws.clock() * 1000), "message": text} for text in ("all is well", line)]
    logs.put_log_events(**where, logEvents=events)
    look = eyes.look(ramp.aws.clock())
    assert [event.raw for event in look.events or ()] == ["all is well", line]


def test_lines_that_are_no_errors_are_not_read_on(ramp: Ramp) -> None:
    with Consumer(ramp.aws, ramp.post, ok) as consumer:
        ramp.step()
        while len(consumer.handled) < len(ramp.sent):
            time.sleep(0.05)
        assert ramp.eyes().look(ramp.aws.clock()).events == ()


# --- alarms -------------------------------------------------------------------------------------------


def test_a_guard_alarm_in_alarm_stops_the_ramp(ramp: Ramp) -> None:
    name = alarm(ramp.aws, f"{ramp.post.name} pages")
    check_alarms(ramp.through, [name], ramp.aws.clock())
    guard = Guard(ramp.eyes(name).look, Bounds(initial=0), WINDOW_S)
    assert guard.check(ramp.aws.clock(), Progress()) is None
    alarm(ramp.aws, name, "ALARM")
    assert guard.check(ramp.aws.clock() + 1, Progress()) == f"alarm {name} in ALARM"


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        ({"MetricAlarms": [METRIC], "CompositeAlarms": [COMPOSITE]}, ["OK", "ALARM"]),
        ({"CompositeAlarms": [COMPOSITE]}, ["ALARM"]),
        ({"MetricAlarms": [METRIC]}, ["OK"]),
        ({"MetricAlarms": [], "CompositeAlarms": []}, []),
    ],
)
def test_composite_alarms_count_like_metric_alarms(answer: dict[str, Any], states: list[str]) -> None:
    assert [one["state"] for one in jmespath.search(ALARMS, answer) or []] == states


def test_an_alarm_that_does_not_exist_is_refused_before_anything_moves(ramp: Ramp) -> None:
    there = alarm(ramp.aws, f"{ramp.post.name} pages")
    with pytest.raises(UsageError, match='--guard-alarm: no alarm "pgaes" in region us-east-1'):
        check_alarms(ramp.through, [there, "pgaes"], ramp.aws.clock())


def test_alarms_that_may_not_be_read_are_no_usage_error(ramp: Ramp) -> None:
    ramp.proxy.set_rules(denied("cloudwatch", "DescribeAlarms"))
    with pytest.raises(CannotLookError, match="cloudwatch:DescribeAlarms"):
        check_alarms(ramp.through, ["pages"], ramp.aws.clock())
    check_alarms(ramp.through, [], ramp.aws.clock())


def test_an_alarm_that_is_deleted_meanwhile_stops_the_ramp(ramp: Ramp) -> None:
    name = alarm(ramp.aws, f"{ramp.post.name} pages")
    guard = Guard(ramp.eyes(name).look, Bounds(initial=0), WINDOW_S)
    ramp.aws.client("cloudwatch").delete_alarms(AlarmNames=[name])
    said = [guard.check(ramp.aws.clock() + n, Progress()) for n in range(BLIND_LOOKS)]
    assert said[:-1] == [None] * (BLIND_LOOKS - 1)
    assert said[-1] == (
        "the guard alarms could not be looked at 3 times running: "
        f'guard alarms: there is no "{name}" any more'
    )


# --- what is denied -----------------------------------------------------------------------------------


def test_without_a_known_consumer_its_log_is_a_gap(ramp: Ramp) -> None:
    eyes = replace(ramp.eyes(), hearing=Hearing(ramp.through, Sources.of([])))
    look = eyes.look(ramp.aws.clock())
    assert (look.events, look.gaps) == (None, (NO_LOG,))


@pytest.mark.parametrize("rule", EVERYTHING, ids=lambda rule: str(rule["operation"]))
def test_each_thing_that_is_denied_is_none_with_its_reason_and_never_well(ramp: Ramp, rule: Rule) -> None:
    eyes = ramp.eyes(alarm(ramp.aws, f"{ramp.post.name} pages"))
    later_s = ramp.aws.clock() + 120
    whole = eyes.look(later_s)
    assert (whole.dead, whole.events, whole.alarms, whole.gaps) == (
        0,
        (),
        {f"{ramp.post.name} pages": "OK"},
        (),
    )
    ramp.proxy.set_rules(rule)
    look = eyes.look(later_s)
    unread = [key for key in ("dead", "events", "counts", "alarms") if getattr(look, key) is None]
    assert len(unread) == len(look.gaps) == 1
    assert "denied" in look.gaps[0]


def test_a_guard_that_sees_nothing_stops_at_its_third_look(ramp: Ramp) -> None:
    guard = Guard(ramp.eyes("pages").look, Bounds(initial=0), WINDOW_S)
    ramp.proxy.set_rules(*EVERYTHING)
    now_s = ramp.aws.clock() + 120
    said = [guard.check(now_s + n, Progress()) for n in range(BLIND_LOOKS)]
    assert said[:-1] == [None] * (BLIND_LOOKS - 1)
    assert said[-1]
    assert said[-1].startswith(
        "the dead-letter queue and the consumer's log and metrics and the guard alarms could not be looked at"
    )
    assert len(guard.gaps) == len(EVERYTHING)


@pytest.mark.parametrize(
    ("errors", "counts"),
    [(2.0, {"Errors of f": 2.0, "Throttles of f": 0}), (0.0, None)],
    ids=["some", "none"],
)
def test_what_failed_is_told_though_another_count_is_unread(
    monkeypatch: pytest.MonkeyPatch, errors: float, counts: dict[str, float] | None
) -> None:
    """Where nothing failed as far as is known, it is not known."""

    def gather(asked: Sequence[Metric]) -> dict[Metric, Reading]:
        read, unread = Reading(Status.OK, points=((0, errors),)), Reading(Status.FAILED, "throttled")
        return {one: read if one.name == "Errors" else unread for one in asked}

    def gatherer(_aws: object, window: Window, _now_s: float) -> SimpleNamespace:
        assert window == Window(120, 180), (
            "what failed before the run, though in its first minute, is not of it"
        )
        return SimpleNamespace(gather=gather)

    monkeypatch.setattr("opskit.redrive.guarding._gatherer", gatherer)
    eyes = Eyes(None, Watched(None, 61.0, ("f",)), None)  # type: ignore[arg-type]
    gaps: list[str] = []
    assert (eyes._counts(200.0, gaps), gaps) == (counts, ["metrics: throttled"])


def test_lines_of_a_time_that_could_not_be_read_are_read_later() -> None:
    asked: list[float] = []
    gaps = ["denied", "", ""]

    def failing(since_s: float, _from_s: float, _now_s: float) -> Heard:
        asked.append(since_s)
        return Heard(gap=gaps[len(asked) - 1])

    dead = SimpleNamespace(name="dead", depth=lambda: Depth(0, 0, 0))
    eyes = Eyes(None, Watched(dead, 10.0), SimpleNamespace(failing=failing))  # type: ignore[arg-type]
    for now_s in (1_000.0, 2_000.0, 3_000.0):
        eyes.look(now_s)
    assert asked == [10.0, 10.0, 2_000.0 - OVERLAP_S]
