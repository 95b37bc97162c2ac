"""Failures that Lambda wrote to S3: read, handed over, and deleted once that is confirmed.

An object is the letter. It stays where it is until its destination has confirmed it; a run that ends between
the two hands that one over again next time. Names of objects (Lambda Developer Guide, "Retain discarded batch
records", and "Capturing records of Lambda asynchronous invocations"):
aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid> and
aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>, so by name a shard's are in their order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from opskit.aws.faults import FAULTS, explain
from opskit.aws.objects import Bucket, Stored
from opskit.redrive.foreseen import Foreseeing, Foreseen
from opskit.redrive.kinds import Kind, kind_of_text
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination, Outcome, Status

PREFIX = "aws/lambda/"
LIMIT = 100
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
    foreseen: Foreseen | None = None
    """Where it would go, in a dry run."""
    outcome: Outcome | None = None
    """None where nothing was handed over."""
    deleted: bool = False
    problem: str = ""
    """Why it could not be read, or was delivered and is still there."""


def look(
    bucket: Bucket, to: Foreseeing, *, prefix: str = PREFIX, limit: int = LIMIT, after: str = ""
) -> Iterator[Told]:
    """Yield what is there and where it would go, changing nothing; takes and raises what `redrive` does."""
    for stored in bucket.objects(prefix, limit, after):
        told, letter = _read(bucket, stored)
        yield replace(told, foreseen=to.foresee(letter)) if letter else told


def redrive(
    bucket: Bucket,
    to: Destination,
    run: str,
    *,
    prefix: str = PREFIX,
    limit: int = LIMIT,
    after: str = "",
) -> Iterator[Told]:
    """Yield what became of each object, one after the other, and stop at the first that was not taken.

    One that its destination refuses for ever stays, and the next follows: it says nothing of the others. One
    that failed, or of which nobody knows, is the last. `to` was made for this bucket's ARN; `after` is the
    key to go on behind, past objects that stay. Raises `faults.FAULTS` if the bucket cannot be listed.
    """
    for stored in bucket.objects(prefix, limit, after):
        told, letter = _read(bucket, stored)
        if letter is not None and told.kind is not None:
            told = _handed(bucket, stored, told.kind, to.deliver([letter], run)[0])
        yield told
        if (told.outcome and told.outcome.status not in _GOES_ON) or (told.problem and told.outcome):
            return


def _handed(bucket: Bucket, stored: Stored, kind: Kind, outcome: Outcome) -> Told:
    if outcome.status is not Status.CONFIRMED:
        return Told(stored, kind, outcome=outcome)
    try:
        bucket.delete(stored)
    except FAULTS as error:
        fault = explain(error, "s3", "DeleteObject")
        if fault.code != "NoSuchKey":  # which a second try says after the first, whose answer was lost
            problem = f"it was delivered and may still be there: {fault.text}"
            return Told(stored, kind, outcome=outcome, problem=problem)
    return Told(stored, kind, outcome=outcome, deleted=True)


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
