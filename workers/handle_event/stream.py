"""Activities to the Kinesis stream, many in one call; only what the stream did not take is sent again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import stamina

from workers.common.answered import NOT_ANSWERED
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


class _NotTaken(Exception):  # noqa: N818 - the rest was
    """The stream did not take some records, by its answer such as ProvisionedThroughputExceededException."""


def put(
    kinesis: Any, stream: str, activities: Sequence[Activity], attempts: int, within_s: float
) -> dict[str, str]:
    """Put activities; return why the stream did not take some, by their event's id, after all attempts."""
    refused: dict[str, str] = {}
    for at in range(0, len(activities), MOST):
        refused |= _put(kinesis, stream, activities[at : at + MOST], attempts, within_s)
    return refused


def _put(
    kinesis: Any, stream: str, activities: Sequence[Activity], attempts: int, within_s: float
) -> dict[str, str]:
    left, why = activities, ""
    again = stamina.retry_context(
        _NotTaken,
        attempts=attempts,
        timeout=within_s,
        wait_initial=_PAUSE_S,
        wait_max=_LONGEST_PAUSE_S,
        wait_jitter=_PAUSE_S,
    )
    try:
        for attempt in again:
            with attempt:
                left, why = _once(kinesis, stream, left)
                _all_taken(left, why)
    except _NotTaken:
        pass
    except NOT_ANSWERED as error:
        why = f"{type(error).__name__}: {error}"
    return {one.event.id: why for one in left} if why else {}


def _all_taken(left: Sequence[Activity], why: str) -> None:
    if left:
        raise _NotTaken(why)


def _once(kinesis: Any, stream: str, activities: Sequence[Activity]) -> tuple[Sequence[Activity], str]:
    """Return what was not taken, and a reason.

    PutRecords answers entry by entry, in the order of the request (API reference, PutRecords).
    """
    answer = kinesis.put_records(StreamName=stream, Records=[one.entry() for one in activities])
    pairs = zip(activities, answer["Records"], strict=True)
    failed = [(one, str(result["ErrorCode"])) for one, result in pairs if "ErrorCode" in result]
    return [one for one, _ in failed], failed[-1][1] if failed else ""
