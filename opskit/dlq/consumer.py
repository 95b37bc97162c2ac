"""Which functions read the queues that a dead-letter queue's letters came from; pure."""

from collections.abc import Iterator, Mapping, Sequence

from opskit.dlq import asks
from opskit.inventory import Worker, arns
from opskit.model import Describe, Gap, Reading, Signal, Status
from opskit.redrive.place import Letterbox

_ON = ("Enabled", "Enabling", "Updating", "Creating")


def signals(box: Letterbox, workers: Sequence[Worker]) -> tuple[Describe, ...]:
    """Return what tells who reads the queue itself, and its source queues where no manifest does."""
    sources = [] if by_manifest(box, workers) else [source.arn for source in box.sources]
    return tuple(map(asks.consumers, (box.arn, *sources)))


def by_manifest(box: Letterbox, workers: Sequence[Worker]) -> tuple[str, ...]:
    """Return the workers whose manifests say that they read one of the source queues."""
    names = {source.name for source in box.sources}
    reading = [worker for worker in workers if worker.trigger == "sqs" and worker.deployed_here]
    return tuple(
        worker.name
        for worker in reading
        if worker.dead_letter_queue == box.name or any(source.name in names for source in worker.sources)
    )


def consumers_of(
    box: Letterbox, workers: Sequence[Worker], answers: Mapping[Signal, Reading]
) -> tuple[str, ...]:
    """Return the functions that read the source queues, as `--fn` takes them."""
    named = by_manifest(box, workers)
    read = [name for source in box.sources for name in _readers(source.arn, answers)]
    return named or tuple(dict.fromkeys(read))


def readers_of(box: Letterbox, answers: Mapping[Signal, Reading]) -> tuple[str, ...]:
    """Return the functions that read the queue itself, now."""
    return tuple(dict.fromkeys(_readers(box.arn, answers, only=_ON)))


def gaps(answers: Mapping[Signal, Reading]) -> tuple[Gap, ...]:
    """Return what could not be read of the mappings."""
    failed = [reading for reading in answers.values() if reading.status is Status.FAILED]
    return tuple(Gap("event source mappings", one.reason, ("who reads the queues",)) for one in failed[:1])


def _readers(arn: str, answers: Mapping[Signal, Reading], only: Sequence[str] | None = None) -> Iterator[str]:
    reading = answers.get(asks.consumers(arn))
    rows = (reading.document or ()) if reading and reading.status is not Status.FAILED else ()
    for row in rows:
        if only is None or row["state"] in only:
            function = arns.parse_function(row["function_arn"])
            yield f"{function.name}:{function.qualifier}" if function.qualifier else function.name
