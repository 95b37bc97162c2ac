"""What SQS says that it stored is held against what was sent; what cannot be told is not taken for stored."""

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import REGION, EmbeddedAws

from opskit.aws.session import Aws
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Status
from opskit.redrive.to_queue import BATCH_BYTES, ToQueue, _fitting

ATTRIBUTES = {"n": {"DataType": "Number", "StringValue": "3"}}
LETTERS = [Letter("first", "one", ATTRIBUTES), Letter("second", "two")]


@pytest.fixture
def aws(shared_aws: EmbeddedAws) -> Iterator[Aws]:
    session = Aws(REGION)
    yield session
    session.close()


@pytest.fixture
def to(aws: Aws, shared_aws: EmbeddedAws, request: pytest.FixtureRequest) -> ToQueue:
    name = f"to{abs(hash(request.node.nodeid)) % 10**8}"
    return ToQueue(aws, shared_aws.client("sqs").create_queue(QueueName=name)["QueueUrl"])


def answered(aws: Aws, change: Any) -> None:
    """Change what SQS answers to a batch, after it has stored it."""
    client = aws.client_once("sqs")
    client.meta.events.register("after-call.sqs.SendMessageBatch", lambda parsed, **_: change(parsed))


def statuses(to: ToQueue) -> list[Status]:
    return [outcome.status for outcome in to.deliver(LETTERS, "run")]


def test_what_is_stored_whole_is_confirmed_under_its_new_id(to: ToQueue) -> None:
    first, second = to.deliver(LETTERS, "run")
    assert (first.status, second.status) == (Status.CONFIRMED, Status.CONFIRMED)
    assert len({first.new_id, second.new_id, "first", "second", ""}) == 5


@pytest.mark.parametrize("name", ["MD5OfMessageBody", "MD5OfMessageAttributes"])
def test_another_checksum_is_another_message(to: ToQueue, aws: Aws, name: str) -> None:
    answered(aws, lambda parsed: parsed["Successful"][0].update({name: "0" * 32}))
    assert statuses(to) == [Status.ALTERED, Status.CONFIRMED]


def test_attributes_that_are_not_told_are_not_taken_for_stored(to: ToQueue, aws: Aws) -> None:
    answered(aws, lambda parsed: parsed["Successful"][0].pop("MD5OfMessageAttributes"))
    assert statuses(to) == [Status.ALTERED, Status.CONFIRMED]


def test_an_entry_that_is_told_as_stored_and_as_failed_is_stored(to: ToQueue, aws: Aws) -> None:
    failed = {"Id": "0", "SenderFault": False, "Code": "InternalError"}
    answered(aws, lambda parsed: parsed.update(Failed=[failed]))
    assert statuses(to) == [Status.CONFIRMED, Status.CONFIRMED]


def test_a_failed_entry_without_a_code_is_not_taken_for_stored(to: ToQueue, aws: Aws) -> None:
    def change(parsed: dict[str, Any]) -> None:
        parsed["Successful"].pop(0)
        parsed["Failed"] = [{"Id": "0", "SenderFault": False}]

    answered(aws, change)
    assert statuses(to) == [Status.RETRY, Status.CONFIRMED]


def test_an_entry_that_is_left_out_of_the_answer_may_be_there(to: ToQueue, aws: Aws) -> None:
    answered(aws, lambda parsed: parsed["Successful"].pop(0))
    assert statuses(to) == [Status.DOUBTFUL, Status.CONFIRMED]


@pytest.mark.parametrize(
    ("code", "sender", "status"),
    [
        ("InvalidMessageContents", True, Status.REFUSED),
        ("RequestThrottled", True, Status.RETRY),
        ("ThrottlingException", True, Status.RETRY),
        ("InternalError", False, Status.RETRY),
    ],
)
def test_a_failed_entry_is_refused_for_good_or_for_now(
    to: ToQueue, aws: Aws, code: str, sender: bool, status: Status
) -> None:
    def fail(parsed: dict[str, Any]) -> None:
        one = parsed["Successful"].pop(0)
        parsed["Failed"] = [{"Id": one["Id"], "SenderFault": sender, "Code": code, "Message": "no"}]

    answered(aws, fail)
    assert statuses(to) == [status, Status.CONFIRMED]


def test_a_request_takes_ten_letters_and_a_mebibyte_at_most() -> None:
    half = "x" * (BATCH_BYTES // 2)
    batches = _fitting([Letter("a", half), Letter("b", half), Letter("c", "x"), Letter("d", half)])
    assert [len(batch) for batch in batches] == [2, 2]
    batches = _fitting([Letter("a", "x"), Letter("b", half), Letter("c", half)])
    assert [len(batch) for batch in batches] == [2, 1]
    assert [len(batch) for batch in _fitting([Letter(str(n), "x") for n in range(21)])] == [10, 10, 1]
