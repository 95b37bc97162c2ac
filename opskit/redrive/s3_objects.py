"""Failures that Lambda wrote to S3: read, handed over, and deleted once that is confirmed.

An object is the letter. It stays where it is until its destination has confirmed it; a run that ends between
the two hands that one over again next time. Names of objects (Lambda Developer Guide, "Retain discarded batch
records", and "Capturing records of Lambda asynchronous invocations"):
aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid> and
aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>, so by name a shard's are in their order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from opskit.aws.faults import FAULTS, explain
from opskit.aws.objects import Bucket, Stored
from opskit.redrive.kinds import Kind, kind_of_text
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination, Outcome, Status

PREFIX = "aws/lambda/"
MOST_BYTES = 64 * 1_048_576
"""No record is larger: an event of 6 MB, escaped at its worst."""
_KINDS = frozenset({Kind.S3, Kind.KINESIS, Kind.DYNAMODB, Kind.DESTINATION})
_GOES_ON = frozenset({Status.CONFIRMED, Status.REFUSED})


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one object."""

    stored: Stored
    kind: Kind | None = None
    """None where it could not be read."""
    outcome: Outcome | None = None
    """None where nothing was handed over: in a dry run."""
    deleted: bool = False
    problem: str = ""
    """Why it could not be read, or was delivered and is still there."""


def look(bucket: Bucket, prefix: str = PREFIX, limit: int = 100) -> Iterator[Told]:
    """Yield what is there, changing nothing; raises `faults.FAULTS` if the bucket cannot be listed."""
    for stored in bucket.objects(prefix, limit):
        yield _read(bucket, stored)[0]


def redrive(
    bucket: Bucket, to: Destination, run: str, *, prefix: str = PREFIX, limit: int = 100
) -> Iterator[Told]:
    """Yield what became of each object, one after the other, and stop at the first that was not taken.

    One that its destination refuses for ever stays, and the next follows: it says nothing of the others. One
    that failed, or of which nobody knows, is the last. `to` was made for this bucket's ARN. Raises
    `faults.FAULTS` if the bucket cannot be listed.
    """
    for stored in bucket.objects(prefix, limit):
        told, letter = _read(bucket, stored)
        if letter is not None and told.kind is not None:
            told = _handed(bucket, stored, told.kind, to.deliver([letter], run)[0])
        yield told
        if (told.outcome and told.outcome.status not in _GOES_ON) or (told.problem and told.outcome):
            return


def _handed(bucket: Bucket, stored: Stored, kind: Kind, outcome: Outcome) -> Told:
    if outcome.status is not Status.CONFIRMED:
        return Told(stored, kind, outcome)
    try:
        bucket.delete(stored)
    except FAULTS as error:
        problem = f"it was delivered and is still there: {explain(error, 's3', 'DeleteObject').text}"
        return Told(stored, kind, outcome, problem=problem)
    return Told(stored, kind, outcome, deleted=True)


def _read(bucket: Bucket, stored: Stored) -> tuple[Told, Letter | None]:
    """Return what an object is, and the letter if it is one to hand over."""
    if stored.size_bytes > MOST_BYTES:
        return Told(stored, problem=f"it is no record of a failure: {stored.size_bytes} bytes"), None
    try:
        text = bucket.read(stored).decode()
    except FAULTS as error:
        return Told(stored, problem=explain(error, "s3", "GetObject").text), None
    except UnicodeDecodeError:
        return Told(stored, problem="it is no text"), None
    kind = kind_of_text(text)
    if kind not in _KINDS:
        return Told(stored, kind, problem="it is no record of a failure"), None
    return Told(stored, kind), Letter(stored.key, text, sent_at_ms=stored.modified_ms)
