"""What a result says about its batch; pure.

Rules: Lambda Developer Guide, "Configuring partial batch response" of Kinesis, DynamoDB Streams and SQS: an
empty list, null or nothing is success; a response or an identifier that is none fails the whole batch.
"""

from collections.abc import Sequence

from opskit.invoke.model import Unprocessed
from opskit.model import Json

FAILURES, IDENTIFIER = "batchItemFailures", "itemIdentifier"
STREAMS = ("kinesis", "dynamodb-stream")


def unprocessed(result: Json, ids: Sequence[str], trigger: str, *, reports: bool) -> Unprocessed:
    """Return what is tried again; `reports`: the mapping takes a partial batch response.

    Of a stream that is everything from the first record named on, for Lambda begins there again.
    """
    if not reports or result is None:
        return Unprocessed()
    failures = result.get(FAILURES) or [] if isinstance(result, dict) else None
    if not isinstance(failures, list):
        return _whole(f"the result has no list {FAILURES}")
    named = [one.get(IDENTIFIER) if isinstance(one, dict) else None for one in failures]
    known = [str(one) for one in named if one in ids]
    if strange := [one for one in named if one not in ids]:
        return _whole(f"{IDENTIFIER} {strange[0]!r} is no record of the batch")
    from_first = trigger in STREAMS and known
    return Unprocessed(tuple(ids[min(map(ids.index, known)) :] if from_first else dict.fromkeys(known)))


def _whole(reason: str) -> Unprocessed:
    return Unprocessed(whole=True, reason=reason)
