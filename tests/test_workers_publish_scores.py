"""publishScores against the embedded AWS: order, replays, poison, failures of one fan and of all."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import EmbeddedAws
from faults import FaultProxy, denied
from publishing import ARN, TOPIC, TTL, batch, image, invoke, letters, prepare, published, record, sequence
from workers_kit import CORRELATION, TRACE, measured, said, spans

from opskit.redrive.kinds import Kind, kind_of_text
from opskit.redrive.records import Batch
from workers.common import clients, poison
from workers.common.deadline import DeadlineNear
from workers.common.poison import TooManyUnreadableError
from workers.publish_scores.changes import Change, read
from workers.publish_scores.handler import BatchFailedError
from workers.publish_scores.message import entry
from workers.publish_scores.publishing import Fate, Topic

EVENTS = Path(__file__).parents[1] / "workers" / "publish_scores" / "events"


@pytest.fixture(autouse=True)
def configured(shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CONFIG_ENV", "prod")
    monkeypatch.setenv("AWS_ENDPOINT_URL", shared_aws.endpoint)
    prepare()
    yield
    clients._aws.cache_clear()


def told() -> list[tuple[str, float]]:
    return [(body["userId"], body["score"]) for body, _, _ in published()]


def test_the_changes_of_a_fan_are_published_one_behind_the_other() -> None:
    records = [
        record(1, 10, user="a"), record(2, 10, user="b"), record(3, 20, 10, user="a"),
        record(4, 20, 20, user="b"), record(5, 30, 20, user="a"),
        record(6, None, 5, user="c", userIdentity=TTL),
    ]  # fmt: skip
    assert invoke(batch(*records)) == {"batchItemFailures": []}
    assert told() == [("a", 10), ("b", 10), ("a", 20), ("a", 30)]


def test_many_fans_are_published_ten_at_a_time() -> None:
    assert invoke(batch(*[record(n, 10, user=f"fan-{n}") for n in range(1, 26)])) == {"batchItemFailures": []}
    assert told() == [(f"fan-{n}", 10) for n in range(1, 26)]


def test_a_batch_that_comes_again_makes_the_same_messages_under_the_same_ids() -> None:
    event = batch(record(1, 10), record(2, 20, 10))
    invoke(event)
    once = [body for body, _, _ in published()]
    invoke(event)
    assert [body for body, _, _ in published()] == once * 2
    assert len({body["id"] for body in once}) == 2


def test_ids_and_trace_go_on_with_the_message_in_its_own_trace() -> None:
    with spans() as ended:
        invoke(batch(record(1, 10), record(2, image(10, user="b", traceparent={"S": "no"}), user="b")))
    (_, first, _), (_, second, _) = published()
    assert first["x-correlation-id"] == CORRELATION
    assert first["traceparent"].split("-")[1] == TRACE
    producers = {
        f"{one.context.span_id:016x}" for one in ended if one.name == "score.changed" and one.context
    }
    assert first["traceparent"].split("-")[2] in producers
    assert second["traceparent"].split("-")[1] != TRACE
    assert second["traceparent"].split("-")[2] in producers
    assert "SNS.PublishBatch" in {one.name for one in ended}


def test_poison_is_set_aside_whole_and_its_neighbours_are_published(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = record(2, image({"S": "n/a"}), user="a")
    assert invoke(batch(record(1, 10, user="a"), bad, record(3, 20, user="a"), record(4, 10, user="b"))) == {
        "batchItemFailures": []
    }
    assert sorted(told()) == [("a", 10), ("a", 20), ("b", 10)]
    (letter,) = letters()
    text = json.dumps(letter)
    assert kind_of_text(text) is Kind.S3
    found = Batch.read(text)
    assert found is not None
    assert (found.service, found.first, found.count) == ("dynamodb", sequence(2), 1)
    assert json.loads(found.payload) == batch(bad)
    lines = said(capsys.readouterr().out)
    (line,) = [one for one in lines if "unreadable" in one.message]
    assert line.fields["reason"] == "score or version is no number"


def test_poison_is_reported_where_a_flag_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_FEATURES__ISOLATE_POISON", "false")
    bad = record(2, image({"S": "n/a"}))
    answer = invoke(batch(record(1, 10), bad))
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence(2)}]}
    assert letters() == []


def test_poison_that_its_queue_does_not_take_stays_failed(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(shared_aws.endpoint, [denied("sqs", "SendMessage")]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        answer = invoke(batch(record(1, 10), record(2, image({"S": "n/a"}))))
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence(2)}]}


def test_poison_too_large_to_be_set_aside_is_left_to_the_mapping_which_knows_its_shard(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(poison, "LARGEST_BYTES", 500)
    answer = invoke(batch(record(1, 10), record(2, image({"S": "n/a"}))))
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence(2)}]}
    assert letters() == []
    (line,) = [one for one in said(capsys.readouterr().out) if one.level == "ERROR"]
    assert line.message == "record unreadable, and the failed queue did not take it"
    assert line.fields["errorType"] == "TooLargeError"


def test_more_poison_than_a_few_fails_loudly() -> None:
    bad = [record(n, image({"S": "n/a"})) for n in range(1, 12)]
    with pytest.raises(
        TooManyUnreadableError, match="11 records are unreadable: score or version is no number"
    ):
        invoke(batch(*bad))
    assert letters() == []


def test_a_topic_that_takes_nothing_fails_the_function(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(shared_aws.endpoint, [denied("sns", "PublishBatch")]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with pytest.raises(BatchFailedError, match="no change could be published"):
            invoke(batch(record(1, 10, user="a"), record(2, 10, user="b"), record(3, 10, 10)))
    assert published() == []


def test_what_no_time_is_left_for_comes_again(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BatchFailedError):
        invoke(batch(record(1, 10)), timeout_s=2)
    assert published() == []
    assert "score.changed held back, reported as failed" in [
        one.message for one in said(capsys.readouterr().out)
    ]


def test_a_fifo_topic_gets_groups_and_deduplication(monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(f"{TOPIC}.fifo")
    monkeypatch.setenv("WORKER_TOPIC__NAME", f"{TOPIC}.fifo")
    assert invoke(batch(record(1, 10, user="a"), record(2, 20, 10, user="a"))) == {"batchItemFailures": []}
    assert [(body["score"], group) for body, _, group in published(f"{TOPIC}.fifo")] == [(10, "a"), (20, "a")]


def test_a_fifo_topic_tells_each_change_of_a_fan_from_the_others() -> None:
    changes = [read(record(1, 10)), read(record(2, 20, 10))]
    entries = [entry(one, one.carried, fifo=True) for one in changes if one]
    assert [one["MessageDeduplicationId"] for one in entries] == [f"{n:032x}" for n in (1, 2)]


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("*.json")))
def test_every_sample_is_handled_and_every_line_has_the_handbooks_fields(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert invoke(json.loads((EVENTS / f"{name}.json").read_text())) == {"batchItemFailures": []}
    out = capsys.readouterr().out
    lines = said(out)
    assert lines[-1].fields["failures"] == 0
    assert all("fan-" not in json.dumps(one.fields.get("userId", "")) for one in lines)
    counts = measured(out)
    records = len(json.loads((EVENTS / f"{name}.json").read_text())["Records"])
    parts = ("ChangesPublished", "RecordsIgnored", "RecordsUnreadable")
    assert counts["RecordsHandled"] == records == sum(counts.get(one, 0) for one in parts)


# --- one entry's failure -----------------------------------------------------------------------------


class Scripted:
    """A client that answers PublishBatch as SNS may: some entries fail, by their number."""

    def __init__(
        self, faults: Mapping[str, Mapping[str, Any]] | None = None, error: Exception | None = None
    ) -> None:
        self.calls: list[list[str]] = []
        self._faults = faults or {}
        self._error = error

    def publish_batch(self, TopicArn: str, PublishBatchRequestEntries: list[dict[str, Any]]) -> Any:  # noqa: N803
        assert TopicArn == ARN
        self.calls.append([one["Id"] for one in PublishBatchRequestEntries])
        if self._error and len(self.calls) == 1:
            raise self._error
        ids = self.calls[-1]
        return {
            "Successful": [{"Id": one, "MessageId": f"m-{one}"} for one in ids if one not in self._faults],
            "Failed": [{"Id": one, **self._faults[one]} for one in ids if self._faults.get(one)],
        }


def changes(*users: str) -> list[Change]:
    found = [read(record(n, 10 * n, user=user)) for n, user in enumerate(users, 1)]
    return [one for one in found if one]


def fates(client: Scripted, *users: str) -> dict[int, str]:
    fate = Topic(client, ARN, fifo=False).publish(changes(*users))
    return {one.change.sequence % 1000: one.fate.value for one in fate}


def test_a_change_that_fails_holds_back_the_later_ones_of_its_fan_alone() -> None:
    client = Scripted({sequence(1): {"Code": "InternalError", "SenderFault": False}})
    assert fates(client, "a", "b", "a", "b", "a") == {
        1: "failed", 2: "published", 3: "held back", 4: "published", 5: "held back"
    }  # fmt: skip
    assert client.calls == [[sequence(1), sequence(2)], [sequence(4)]]


def test_a_throttled_key_is_the_senders_fault_and_yet_no_poison() -> None:
    client = Scripted({sequence(1): {"Code": "KMSThrottling", "SenderFault": True}})
    assert fates(client, "a") == {1: "failed"}


def test_a_message_that_sns_will_never_take_is_refused_and_its_fan_goes_on() -> None:
    client = Scripted({sequence(1): {"Code": "InvalidParameter", "Message": "too long", "SenderFault": True}})
    assert fates(client, "a", "a") == {1: "refused", 2: "published"}


def test_an_entry_that_sns_leaves_out_of_its_answer_is_no_success() -> None:
    assert fates(Scripted({sequence(1): {}}), "a", "a") == {1: "failed", 2: "held back"}


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (ClientError({"Error": {"Code": "InternalError"}}, "PublishBatch"), Fate.FAILED),
        (DeadlineNear("an AWS call was not begun"), Fate.HELD_BACK),
    ],
)
def test_a_call_that_fails_holds_back_all_that_it_was_of(error: Exception, fate: Fate) -> None:
    client = Scripted(error=error)
    assert fates(client, "a", "b", "a") == {1: fate, 2: fate, 3: "held back"}
    assert len(client.calls) == 1


def test_the_lowest_number_that_failed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Scripted({sequence(2): {"Code": "InternalError"}, sequence(3): {"Code": "InternalError"}})
    monkeypatch.setattr(clients, "aws", lambda *_: client)
    answer = invoke(batch(*[record(n, 10, user=f"fan-{n}") for n in (1, 2, 3, 4)]))
    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence(2)}]}


def test_poison_behind_a_failure_is_left_for_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Scripted({sequence(2): {"Code": "InternalError"}})
    real = clients.aws
    monkeypatch.setattr(
        clients, "aws", lambda service, *more: client if service == "sns" else real(service, *more)
    )
    bad = [record(n, image({"S": "n/a"}), user=f"fan-{n}") for n in (1, 4)]
    invoke(batch(bad[0], record(2, 10, user="fan-2"), record(3, 10, user="fan-3"), bad[1]))
    assert [one["DDBStreamBatchInfo"]["startSequenceNumber"] for one in letters()] == [sequence(1)]


def test_poison_is_set_aside_once_however_often_the_topic_takes_nothing(
    shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [record(1, image({"S": "n/a"}), user="a"), record(2, 10, user="b")]
    with FaultProxy(shared_aws.endpoint, [denied("sns", "PublishBatch")]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        assert invoke(batch(*records)) == {"batchItemFailures": [{"itemIdentifier": sequence(2)}]}
        with pytest.raises(BatchFailedError):
            invoke(batch(*records[1:]))
    monkeypatch.setenv("AWS_ENDPOINT_URL", shared_aws.endpoint)
    assert len(letters()) == 1
