"""Activities into the stream: entry by entry, and only what was not taken again."""

from datetime import UTC, datetime
from typing import Any

import pytest
import stamina
from botocore.exceptions import ClientError

from workers.handle_event.events import FanEvent
from workers.handle_event.stream import Activity, put


@pytest.fixture(autouse=True)
def _at_once() -> Any:
    """Nobody waits between the tries."""
    with stamina.set_testing(testing=True, attempts=3, cap=True):
        yield


def activities(count: int) -> list[Activity]:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    return [Activity(FanEvent(f"e-{n}", "content.viewed", f"fan-{n}", at, {}), {}) for n in range(count)]


class Stream:
    """A stream that throttles some fans' records for so many calls."""

    def __init__(self, throttled: dict[str, int] | None = None, error: Exception | None = None) -> None:
        self.throttled = throttled or {}
        self.error = error
        self.calls: list[list[str]] = []

    def put_records(self, **asked: Any) -> dict[str, Any]:
        keys = [one["PartitionKey"] for one in asked["Records"]]
        self.calls.append(keys)
        if self.error and len(self.calls) > 1:
            raise self.error
        answers = []
        for key in keys:
            left = self.throttled.get(key, 0)
            self.throttled[key] = left - 1
            code = "ProvisionedThroughputExceededException"
            answers.append({"ErrorCode": code, "ErrorMessage": ""} if left > 0 else {"SequenceNumber": "1"})
        return {"FailedRecordCount": 0, "Records": answers}


def test_only_what_was_not_taken_is_sent_again() -> None:
    stream = Stream({"fan-1": 1, "fan-2": 2})
    assert put(stream, "events", activities(4), attempts=3, within_s=5) == {}
    assert stream.calls == [["fan-0", "fan-1", "fan-2", "fan-3"], ["fan-1", "fan-2"], ["fan-2"]]


def test_what_the_stream_never_takes_is_named_and_the_rest_is_not() -> None:
    stream = Stream({"fan-1": 99})
    refused = put(stream, "events", activities(3), attempts=3, within_s=5)
    assert refused == {"e-1": "ProvisionedThroughputExceededException"}
    assert len(stream.calls) == 3


def test_a_call_that_fails_leaves_what_the_calls_before_took() -> None:
    error = ClientError({"Error": {"Code": "InternalFailure", "Message": "no"}}, "PutRecords")
    stream = Stream({"fan-0": 99}, error)
    refused = put(stream, "events", activities(3), attempts=3, within_s=5)
    assert (set(refused), "InternalFailure" in refused["e-0"]) == ({"e-0"}, True)


def test_more_than_one_call_takes_are_several_calls() -> None:
    stream = Stream()
    assert put(stream, "events", activities(1001), attempts=1, within_s=5) == {}
    assert [len(keys) for keys in stream.calls] == [500, 500, 1]


def test_a_call_that_fails_in_the_middle_of_many_leaves_what_came_before() -> None:
    error = ClientError({"Error": {"Code": "InternalFailure", "Message": "no"}}, "PutRecords")
    stream = Stream(error=error)
    refused = put(stream, "events", activities(700), attempts=1, within_s=5)
    assert set(refused) == {f"e-{number}" for number in range(500, 700)}
