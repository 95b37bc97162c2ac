"""What a call that failed means for a letter, and what is asked once."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from opskit.aws.session import Aws
from opskit.redrive.fates import Decisions, UndeliveredError, of_fault, refused, unasked
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Status
from opskit.redrive.to_queue import ToQueue
from tests import faults
from tests.conftest import REGION, EmbeddedAws

URL = "http://127.0.0.1:1/"


def _answered(status: int, code: str = "Refused") -> ClientError:
    meta = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": meta}, "Invoke")


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (_answered(400), Status.RETRY),
        (_answered(429), Status.RETRY),
        (_answered(400, "TooLarge"), Status.REFUSED),
        (_answered(500), Status.DOUBTFUL),
        (_answered(503), Status.DOUBTFUL),
        (EndpointConnectionError(endpoint_url=URL), Status.RETRY),
        (ConnectTimeoutError(endpoint_url=URL), Status.RETRY),
        (ReadTimeoutError(endpoint_url=URL), Status.DOUBTFUL),
    ],
)
def test_only_an_answer_or_no_connection_says_that_nothing_was_done(error: Exception, fate: Status) -> None:
    outcome = of_fault(error, "lambda", "Invoke", frozenset({"TooLarge"}))
    assert outcome.status is fate
    assert outcome.reason


def test_a_queue_that_does_not_answer_leaves_its_letters_doubtful(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.queue("fan-updates")
    with faults.FaultProxy(embedded_aws.endpoint, [faults.reset("sqs", "SendMessageBatch")]) as proxy:
        to = ToQueue(Aws(REGION, endpoint_url=proxy.endpoint), f"{proxy.endpoint}/123456789012/fan-updates")
        outcomes = to.deliver([Letter("m-1", "one"), Letter("m-2", "two")], "run")
    assert [one.status for one in outcomes] == [Status.DOUBTFUL, Status.DOUBTFUL]


def test_what_was_found_or_refused_is_asked_once() -> None:
    asked: list[str] = []

    def found() -> str:
        asked.append("found")
        return "here"

    def refuse() -> str:
        asked.append("refused")
        raise refused("no", "No")

    known = Decisions[str]()
    assert [known.get("a", found) for _ in range(3)] == ["here"] * 3
    for _ in range(3):
        with pytest.raises(UndeliveredError, match="no"):
            known.get("b", refuse)
    assert asked == ["found", "refused"]


def test_what_could_not_be_read_is_asked_again() -> None:
    answers = [unasked(_answered(429), "lambda", "ListFunctions"), None]

    def find() -> str:
        error = answers.pop(0)
        if error:
            raise error
        return "here"

    known = Decisions[str]()
    with pytest.raises(UndeliveredError):
        known.get("a", find)
    assert known.get("a", find) == "here"
