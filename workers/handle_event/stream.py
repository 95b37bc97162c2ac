"""Activities to the Kinesis stream, many in one call; only what the stream did not take is sent again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import stamina

from workers.handle_event.answered import NOT_ANSWERED
from workers.handle_event.events import FanEvent

MOST = 500
"""Records in one PutRecords (API reference, PutRecords)."""
_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 2.0


@dataclass(frozen=True, slots=True)
class Activity:
    """An event on its way to the stream, with the ids that it carries."""

    event: FanEvent
    meta: Mapping[str, str]

    def entry(self) -> dict[str, Any]:
        """Return the entry of a PutRecords: one fan's records are in one shard."""
        document = json.dumps(self.event.document(self.meta), ensure_ascii=False)
        return {"Data": document.encode(), "PartitionKey": self.event.user_id}


class NotTakenError(Exception):
    """The stream did not take some records: by its answer, such as ProvisionedThroughputExceededException."""

    def __init__(self, left: Sequence[Activity], code: str) -> None:
        super().__init__(f"the stream did not take {len(left)} records: {code}")
        self.left = left
        self.code = code


def put(kinesis: Any, stream: str, activities: Sequence[Activity], attempts: int, within_s: float) -> None:
    """Put all activities; NotTakenError has those that the stream does not take, in whatever time there is.

    PutRecords answers entry by entry, in the order of the request (API reference, PutRecords).
    """
    left = list(activities)
    again = stamina.retry_context(
        NotTakenError,
        attempts=attempts,
        timeout=within_s,
        wait_initial=_PAUSE_S,
        wait_max=_LONGEST_PAUSE_S,
        wait_jitter=_PAUSE_S,
    )
    try:
        for attempt in again:
            with attempt:
                left, code = _once(kinesis, stream, left)
                if left:
                    raise NotTakenError(left, code)
    except NOT_ANSWERED as error:
        raise NotTakenError(left, f"{type(error).__name__}: {error}") from error


def _once(kinesis: Any, stream: str, activities: list[Activity]) -> tuple[list[Activity], str]:
    """Return what was not taken, and the last reason."""
    left, code = [], ""
    for at in range(0, len(activities), MOST):
        some = activities[at : at + MOST]
        answer = kinesis.put_records(StreamName=stream, Records=[one.entry() for one in some])
        for one, result in zip(some, answer["Records"], strict=True):
            if "ErrorCode" in result:
                left.append(one)
                code = result["ErrorCode"]
    return left, code
