"""Failures that Lambda wrote to S3: what is there, and where each would go.

An object is the letter. Names of objects (Lambda Developer Guide, "Retain discarded batch records", and
"Capturing records of Lambda asynchronous invocations"):
aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid> and
aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid>, so by name a shard's are in their order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from opskit.aws.faults import FAULTS, explain
from opskit.aws.objects import Bucket, Stored
from opskit.redrive.foreseen import Foreseeing, Foreseen
from opskit.redrive.kinds import Kind, kind_of_text
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Outcome
from opskit.redrive.tally import Halt

PREFIX = "aws/lambda/"
LIMIT = 100
MOST_BYTES = 64 * 1_048_576
"""No record is larger: an event of 6 MB, escaped at its worst."""
CANNOT_READ, INTERRUPTED = "cannot-read", "interrupted"
CUT = "interrupted: the next object may have been handed over, and is still there"
_KINDS = frozenset({Kind.S3, Kind.KINESIS, Kind.DYNAMODB, Kind.DESTINATION})


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


def look(bucket: Bucket, to: Foreseeing, *, prefix: str = PREFIX, limit: int = LIMIT) -> Iterator[Told]:
    """Yield what is there and where it would go, changing nothing; `to` was made for this bucket's ARN.

    Raises `faults.FAULTS` if the bucket cannot be listed.
    """
    for stored in bucket.objects(prefix, limit):
        told, letter = read(bucket, stored)
        yield replace(told, foreseen=to.foresee(letter)) if letter else told


def gathered(objects: Iterable[Told]) -> tuple[tuple[Told, ...], Halt | None]:
    """Return what became of each object, and what ended it before their end: that one is told in any case."""
    told: list[Told] = []
    try:
        told.extend(objects)
    except FAULTS as error:
        return tuple(told), Halt(CANNOT_READ, explain(error, "s3", "ListObjectsV2").text)
    except KeyboardInterrupt:
        return tuple(told), Halt(INTERRUPTED, CUT)
    return tuple(told), None


def read(bucket: Bucket, stored: Stored) -> tuple[Told, Letter | None]:
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
