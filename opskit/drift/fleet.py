"""All that the manifests of some workers name: what to ask in at most three rounds, and what became of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opskit.drift import apis, functions, queues, sources
from opskit.drift.resource import Resource, State, merged
from opskit.drift.seen import Seen
from opskit.drift.thing import Place, Thing
from opskit.inventory import Worker, round0
from opskit.inventory.lookup import MAPPED
from opskit.model import Describe, Reading, Signal
from opskit.settings import Settings

MANY = 20
"""From this many workers on, mappings and log groups are listed once rather than asked for one by one."""
_APIS = ("rest-api", "http-api")
_ROUNDS = 3
"""Names, then what the names' answers lead to; no signal needs more."""

Gather = Callable[[Sequence[Signal]], Mapping[Signal, Reading]]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the manifests of `workers` name in one environment and region."""

    workers: tuple[Worker, ...]
    place: Place
    things: tuple[Thing, ...]

    def signals(self, answers: Mapping[Signal, Reading]) -> tuple[Describe, ...]:
        """Return what is still to be asked, as far as the answers so far let it be known."""
        seen = Seen(answers)
        wanted = (signal for thing in self.things for signal in thing.signals(seen))
        return tuple(
            signal for signal in dict.fromkeys((round0.identity(), *wanted)) if signal not in answers
        )

    def ask(self, gather: Gather) -> Mapping[Signal, Reading]:
        """Return the answers to all there is to ask, each round at once."""
        answers: dict[Signal, Reading] = {}
        for _ in range(_ROUNDS):
            wanted = self.signals(answers)
            if not wanted:
                break
            answers.update(gather(wanted))
        return answers

    def resources(self, answers: Mapping[Signal, Reading]) -> tuple[Resource, ...]:
        """Return what became of every resource, each once, in the order of the workers."""
        seen = Seen(answers)
        found = (thing.resource(seen, self.place.region) for thing in self.things)
        return merged((*filter(None, found), *self._elsewhere()))

    def _elsewhere(self) -> Iterator[Resource]:
        for worker in self.workers:
            if not worker.deployed_here:
                reason = f"its manifest says {', '.join(worker.regions)}"
                yield Resource(
                    "function", worker.function, (worker.name,), State.NOT_DEPLOYED_HERE, reason=reason
                )


def expected(workers: Sequence[Worker], settings: Settings) -> Expected:
    """Return what the manifests of these workers name, those left out that are deployed elsewhere."""
    here = [worker for worker in workers if worker.deployed_here]
    many = len(here) >= MANY
    prefix = _common([worker.log_group for worker in here]) if many else ""
    place = Place(settings, lists=many, log_prefix=prefix)
    return Expected(tuple(workers), place, tuple(thing for worker in here for thing in things(worker, place)))


def _common(names: Sequence[str]) -> str:
    """Return what all names begin with, in the same characters."""
    first, last = min(names), max(names)
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same]


def things(worker: Worker, place: Place) -> Iterator[Thing]:
    """Yield every resource that one worker's manifest names."""
    yield functions.function(worker)
    if worker.alias:
        yield functions.alias(worker)
    yield functions.role(worker)
    if worker.trigger in MAPPED:
        yield sources.mapping(worker, place)
    yield from _source(worker, place)
    yield from _dead_letters(worker)
    for table in _tables(worker):
        yield sources.table(worker, table)
    yield from _downstream(worker, place)
    yield functions.log_group(worker, place)


def _source(worker: Worker, place: Place) -> Iterator[Thing]:
    if worker.trigger == "kinesis":
        yield sources.stream(worker, worker.sources[0].name, settings=True)
    elif worker.trigger == "sqs":
        yield queues.source(worker)
    elif worker.trigger in _APIS:
        yield from apis.things(worker, place)
    elif worker.trigger == "schedule":
        yield sources.schedule(worker)


def _dead_letters(worker: Worker) -> Iterator[Thing]:
    if worker.trigger == "sqs" and worker.dead_letter_queue:
        yield queues.dead_letters(worker)
    named = (worker.dead_letter_queue, worker.expected.get("on_failure") or "")
    for name in dict.fromkeys(filter(None, named)):
        if worker.trigger != "sqs":
            yield queues.queue(worker, name)


def _tables(worker: Worker) -> Sequence[str]:
    source = [worker.sources[0].name] if worker.trigger == "dynamodb-stream" else []
    used = [name for kind, name in worker.downstream if kind == "table"]
    return tuple(dict.fromkeys((*source, *worker.tables, *used)))


def _downstream(worker: Worker, place: Place) -> Iterator[Thing]:
    """Yield what a worker calls or writes to beside tables; a service is no resource of AWS."""
    for kind, name in worker.downstream:
        if kind == "queue":
            yield queues.queue(worker, name)
        elif kind == "stream":
            yield sources.stream(worker, name, settings=False)
        elif kind == "topic":
            yield sources.topic(worker, name, place)
        elif kind == "worker":
            yield functions.called(worker, place.function(name))
