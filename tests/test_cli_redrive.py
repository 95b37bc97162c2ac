"""`opskit redrive-dlq` with real consumers: what stops it, what the canary and the guard do, the receipt."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import EmbeddedAws
from consumers import Consumer, Message, Post, failed_before, fails, settle
from faults import FaultProxy, denied
from redrive_calls import Redrive, caller, depth, fill

Call = Callable[[Post], Redrive]
GO = ("--apply", "--yes", "--output", "json")


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    return caller(capfd, monkeypatch, tmp_path)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A folder and a worker's name of the test's own, since the tests share an AWS."""
    return tmp_path, f"w{zlib.crc32(request.node.nodeid.encode())}"


def depths(aws: EmbeddedAws, post: Post) -> tuple[int, int]:
    """The dead-letter queue's and the source queue's messages."""
    return depth(aws, post.dead_url), depth(aws, post.source_url)


def added_up(receipt: dict[str, object]) -> bool:
    parts = [receipt[name] for name in ("moved", "returned", "failed", "undeleted", "unknown")]
    left = receipt["left"]
    assert isinstance(left, dict)
    return bool(receipt["read"] == sum(int(str(part)) for part in parts) + sum(left.values()))


# --- a dry run, and what stands in the way --------------------------------------------------------------


def test_a_dry_run_shows_what_would_be_done_and_receives_nothing(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 3)
    told = call(post)(post.dead)
    assert (told.code, told.err) == (0, "")
    assert told.out == (
        f"DRY RUN: {post.dead} -> {post.source}: about 3 dead letters, nothing was received\n"
        f"account 123456789012, us-east-1, prod, endpoint {shared_aws.endpoint}\n"
        "\n"
        f"{post.function.rpartition('-')[2]} was looked at and is well: errors idle, throttles idle, "
        "duration idle, concurrency idle, mapping OK, exists OK\n"
        "\n"
        "then: one canary, up to 30 min; then up to 50 a second, from 5 a second, doubling every 10 s\n"
        f"see what they are: opskit dlq peek {post.dead} --region us-east-1\n"
        f"do it: opskit redrive-dlq {post.dead} --apply\n"
        "\n"
        "cost 12 calls, 13 metrics, 0 B scanned, $0.0001\n"
    )
    (one, *_) = shared_aws.client("sqs").receive_message(
        QueueUrl=post.dead_url, MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )["Messages"]
    assert one["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_sick_consumer_gets_nothing(shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 3)
    failed_before(shared_aws, post, 4, errors=9)
    told = call(post)(post.dead, *GO)
    assert (told.code, told.causes, told.document["receipt"]) == (1, ["consumer-errors"], None)
    assert told.err == "opskit: nothing was moved: --force would move all the same\n"
    assert [one.partition(" --apply")[0] for one in told.document["next"]] == [
        f"opskit redrive-dlq {post.dead}"
    ]
    assert depths(shared_aws, post) == (3, 0)


def test_a_consumer_that_may_not_handle_twice_gets_nothing(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place, idempotent=False)
    fill(shared_aws, post, 3)
    told = call(post)(post.dead, *GO)
    assert (told.code, told.causes) == (1, ["consumer-not-idempotent"])
    assert depths(shared_aws, post) == (3, 0)


def test_an_unknown_consumer_is_no_healthy_one(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 3)
    with FaultProxy(shared_aws.endpoint, [denied("lambda", "ListEventSourceMappings")]) as proxy:
        told = call(post)(post.dead, *GO, endpoint=proxy.endpoint)
    assert (told.code, told.causes, told.document["verdict"]) == (3, [], "unknown")
    assert any("ListEventSourceMappings" in gap["reason"] for gap in told.document["gaps"])
    assert depths(shared_aws, post) == (3, 0)


def test_a_queue_that_may_not_be_received_from_is_undetermined(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 3)
    with FaultProxy(shared_aws.endpoint, [denied("sqs", "ReceiveMessage")]) as proxy:
        told = call(post)(post.dead, *GO, endpoint=proxy.endpoint)
    assert (told.code, told.causes, told.document["verdict"]) == (3, [], "unknown")
    assert [(gap["signal"], gap["reason"]) for gap in told.document["gaps"]] == [
        ("dead-letter queue", "denied: needs sqs:ReceiveMessage")
    ]
    assert (told.receipt["halt"]["what"], told.receipt["read"]) == ("cannot-read", 0)
    assert depths(shared_aws, post) == (3, 0)


# --- the canary -----------------------------------------------------------------------------------------


def test_a_healthy_consumer_gets_a_canary_and_then_all(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 25)
    with Consumer(shared_aws, post) as consumer:
        told = call(post)(post.dead, *GO)
    receipt = told.receipt
    assert (told.code, told.causes, receipt["complete"], receipt["halt"]) == (0, [], True, None)
    assert receipt["canary"] == f"consumed: {post.name}'s log names it in an execution that ended well"
    assert (receipt["read"], receipt["moved"], receipt["difference"]) == (25, 25, 0)
    assert added_up(receipt)
    assert (depth(shared_aws, post.dead_url), len(set(consumer.handled))) == (0, 25)


@pytest.mark.parametrize("reports", [True, False], ids=["reports failures", "whole batches"])
def test_the_canary_stops_a_redrive_into_a_failing_consumer_after_one_message(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call, *, reports: bool
) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 25)
    with Consumer(shared_aws, post, fails, reports=reports) as consumer:
        told = call(post)(post.dead, *GO)
    receipt = told.receipt
    assert told.code == 1
    assert receipt["halt"]["what"] in ("canary-failing", "canary-back")
    assert (len(set(consumer.failed)), consumer.handled) == (1, [])
    assert receipt["moved"] + receipt["returned"] == 1
    assert sum(depths(shared_aws, post)) == 25
    assert added_up(receipt)


def test_a_canary_that_comes_back_stops_it_where_the_log_says_nothing(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 5)
    with Consumer(shared_aws, post, fails, logs=False, metrics=False) as consumer:
        told = call(post)(post.dead, *GO)
    assert (told.code, told.receipt["halt"]["what"]) == (1, "canary-back")
    assert (len(set(consumer.failed)), depths(shared_aws, post)) == (1, (5, 0))
    assert (told.receipt["moved"], told.receipt["returned"]) == (0, 1)


def test_a_canary_that_nobody_takes_is_unproven(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 5)
    told = call(post)(post.dead, *GO, "--canary-timeout", "2s")
    assert (told.code, told.causes, told.receipt["halt"]["what"]) == (3, [], "canary-unproven")
    assert depths(shared_aws, post) == (4, 1)
    assert "1 message waits where it was sent to" in told.receipt["halt"]["reason"]


# --- the guard ------------------------------------------------------------------------------------------


def test_the_guard_stops_a_ramp_when_the_consumer_begins_to_fail(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place, visibility_s=2, max_receives=3)
    fill(shared_aws, post, 400)
    handled: list[str] = []

    def well_at_first(message: Message) -> None:
        handled.append(message["MessageId"])
        if len(handled) > 20:
            fails(message)

    with Consumer(shared_aws, post, well_at_first):
        told = call(post)(post.dead, *GO, "--rate", "20", "--ramp", "0s")
    receipt = told.receipt
    assert (told.code, receipt["halt"]["what"]) == (1, "guard")
    assert post.name in receipt["halt"]["reason"] or "again" in receipt["halt"]["reason"]
    # On a free machine about 200: a window of ten seconds at twenty a second. How long the look itself takes
    # depends on the machine; that there is one each window is tested with the guard's own clock.
    assert receipt["moved"] + receipt["returned"] < 400
    assert sum(depths(shared_aws, post)) >= 400 - 21
    assert added_up(receipt)


def test_an_alarm_that_rings_stops_the_ramp(
    shared_aws: EmbeddedAws, place: tuple[Path, str], call: Call
) -> None:
    post = settle(shared_aws, *place)
    fill(shared_aws, post, 100)
    alarm = f"{post.name}-pager"
    cloudwatch = shared_aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=alarm, Namespace="Tests", MetricName="Heartbeat", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )  # fmt: skip
    # It rings whenever it is evaluated; until then it is told to.
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="it rings")
    with Consumer(shared_aws, post):
        told = call(post)(post.dead, *GO, "--guard-alarm", alarm, "--ramp", "0s", "--rate", "10")
    assert (told.code, told.receipt["halt"]) == (1, {"what": "guard", "reason": f"alarm {alarm} in ALARM"})
    assert told.receipt["moved"] < 40
