"""Queues: the one that a worker reads, where its dead letters and failed batches go, those it writes to."""

from collections.abc import Iterable, Iterator, Mapping

from opskit.dlq.policies import policy_of
from opskit.drift import asks
from opskit.drift.resource import Advice, Difference
from opskit.drift.seen import Seen
from opskit.drift.thing import Said, Thing, differing
from opskit.inventory import Worker, arns
from opskit.model import Describe, Json, Severity

SHORT_VISIBILITY = "visibility-timeout-short"
_TIMEOUTS = 6
"""AWS's advice for a queue that Lambda reads: a visibility timeout of six times the function's timeout, plus
the batch window (Lambda developer guide, "Using Lambda with Amazon SQS")."""


def queue(worker: Worker, name: str) -> Thing:
    """Return a queue that only has to be there."""
    url = asks.queue_url(name)

    def compare(seen: Seen) -> Iterable[Said]:
        seen.document(url)
        return ()

    return Thing("queue", worker, name, lambda _: (url,), compare)


def source(worker: Worker) -> Thing:
    """Return the queue that a worker reads, with its settings and its way to the dead letters."""
    name = worker.sources[0].name

    def signals(seen: Seen) -> Iterator[Describe]:
        yield asks.function(worker.function)
        yield from _asked(name, seen)

    def compare(seen: Seen) -> Iterator[Said]:
        live = _live(name, seen)
        yield from differing(("visibility_timeout_s", "retention_s", "fifo"), live, worker.expected)
        if worker.dead_letter_queue:
            yield from _redrive(live["redrive"], worker)
        if live["visibility_timeout_s"] is not None:
            yield from _visibility(live["visibility_timeout_s"], worker, seen)

    return Thing("queue", worker, name, signals, compare)


def dead_letters(worker: Worker) -> Thing:
    """Return the dead-letter queue of the queue that a worker reads: it takes that queue's messages."""
    name = worker.dead_letter_queue

    def compare(seen: Seen) -> Iterator[Said]:
        allowed = policy_of(_live(name, seen)["redrive_allow"])
        permission = allowed.get("redrivePermission", "allowAll")
        sources = [arns.resource_of(arn) for arn in allowed.get("sourceQueueArns", ())]
        reads = worker.sources[0].name
        if permission == "denyAll" or (permission == "byQueue" and reads not in sources):
            live = permission if permission == "denyAll" else sources
            yield Difference("redrive_allow_policy", live, reads, Severity.HIGH, by_manifest=False)

    return Thing("queue", worker, name, lambda seen: _asked(name, seen), compare)


def _asked(name: str, seen: Seen) -> Iterator[Describe]:
    yield asks.queue_url(name)
    url = seen.known(asks.queue_url(name))
    if url:
        yield asks.queue(url)


def _live(name: str, seen: Seen) -> Mapping[str, Json]:
    """Return a queue's attributes with numbers as numbers."""
    live = seen.document(asks.queue(seen.document(asks.queue_url(name))))
    numbers = {key: int(live[key]) if live[key] else None for key in ("visibility_timeout_s", "retention_s")}
    return {**live, **numbers, "fifo": live["fifo"] == "true"}


def _redrive(policy: str | None, worker: Worker) -> Iterator[Difference]:
    found = policy_of(policy)
    live = arns.resource_of(found.get("deadLetterTargetArn", "")) or None
    if live is None:
        yield Difference("dead_letter_queue", None, worker.dead_letter_queue, Severity.HIGH)
        return
    wanted = {**worker.expected, "dead_letter_queue": worker.dead_letter_queue}
    told = {"dead_letter_queue": live, "max_receive_count": int(found.get("maxReceiveCount", 0))}
    yield from differing(told, told, wanted)


def _visibility(visibility_s: int, worker: Worker, seen: Seen) -> Iterator[Advice]:
    function = seen.known(asks.function(worker.function)) or worker.expected
    timeout_s, window_s = function["timeout_s"], worker.expected["batch_window_s"]
    advised_s = _TIMEOUTS * timeout_s + window_s
    if visibility_s < advised_s:
        text = (
            f"the visibility timeout of {visibility_s} s is below {_TIMEOUTS} x the timeout of {timeout_s} s "
            f"+ the window of {window_s} s = {advised_s} s: messages may come back while they are handled"
        )
        yield Advice(SHORT_VISIBILITY, text)
