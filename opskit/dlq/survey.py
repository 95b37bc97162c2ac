"""The dead-letter queues of some workers, or of an account: what to ask, and what the answers say. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opskit.dlq import asks
from opskit.dlq.asks import NO_TASKS
from opskit.dlq.box import Box, Counts, Feed, Kind, Task, by_age
from opskit.dlq.found import Found, by_manifest, name_of, url_of
from opskit.dlq.policies import let_in
from opskit.drift.seen import AbsentError, Seen, UnreadError
from opskit.inventory import Worker, arns, round0
from opskit.model import Describe, Gap, Json, Reading, Signal, Status

_ROUNDS = 6
"""Names, URLs, attributes; the same of the queues that they name; what is about dead-letter queues alone."""
_RUNNING = ("RUNNING", "CANCELLING")
"""How AWS says of a queue that none of its messages can be moved by a task."""
_NEEDED = ("arn", "visible", "in_flight", "delayed", "retention_s")
_GONE = ("ResourceNotFoundException", "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
LETTERS, FEEDS, EXPIRY, MOVING, QUEUES = (
    "whether it has dead letters", "what feeds the queues", "when its letters expire",
    "whether its letters are being moved", "which queues there are",
)  # fmt: skip
"""What a gap leaves undetermined."""

Gather = Callable[[Sequence[Signal]], Mapping[Signal, Reading]]


@dataclass(frozen=True, slots=True)
class Survey:
    """The dead-letter queues of some workers, and with `everything` all of the account in the region."""

    workers: tuple[Worker, ...]
    everything: bool
    now: float
    """Epoch seconds: a metric's last datapoint is some minutes old."""

    def ask(self, gather: Gather) -> Mapping[Signal, Reading]:
        """Return the answers to all there is to ask, each round at once."""
        answers: dict[Signal, Reading] = {}
        for _ in range(_ROUNDS):
            wanted = [
                one for one in dict.fromkeys(_signals(self._found(Seen(answers)))) if one not in answers
            ]
            if not wanted:
                break
            answers.update(gather(wanted))
        return answers

    def boxes(self, answers: Mapping[Signal, Reading]) -> tuple[Box, ...]:
        """Return every dead-letter queue, those with the most letters first."""
        found = self._found(Seen(answers))
        boxes = [self._box(name, found) for name in found.names]
        return tuple(sorted(boxes, key=lambda box: (-(box.counts.total if box.counts else 0), box.name)))

    def gaps(self, answers: Mapping[Signal, Reading]) -> tuple[Gap, ...]:
        """Return what could not be looked at beside the queues themselves."""
        found = self._found(Seen(answers))
        asked = {name: (one, FEEDS) for name, one in found.settings.items()}
        asked |= {f"destinations of {one}": (asks.destinations(one), FEEDS) for one in found.asked_functions}
        if self.everything:
            asked["queues"] = (asks.queues(), QUEUES)
        gaps = [_gap(name, answers[one], about) for name, (one, about) in asked.items() if one in answers]
        left = len(found.functions) - len(found.asked_functions)
        if left > 0:
            reason = f"only {len(found.asked_functions)} functions are asked for theirs"
            gaps.append(Gap(f"destinations of {left} functions", reason, (FEEDS,)))
        return tuple(filter(None, gaps))

    def _found(self, seen: Seen) -> Found:
        here = tuple(worker for worker in self.workers if worker.deployed_here)
        return Found(here, self.everything, seen)

    def _box(self, name: str, found: Found) -> Box:
        workers = tuple(worker.name for worker in found.workers if name in by_manifest(worker))
        if name in found.far:
            there = f"it is in account {found.far[name]}: not looked at"
            gap = Gap(f"queue {name}", there, (LETTERS,))
            return Box(name, workers=workers, feeds=found.feeds.get(name), gaps=(gap,))
        try:
            url, live = _live(name, found)
        except AbsentError:
            return Box(name, workers=workers, feeds=found.feeds.get(name, ()), missing=True)
        except UnreadError as error:
            unread = Gap(f"queue {name}", error.reason, (LETTERS,))
            return Box(name, workers=workers, feeds=found.feeds.get(name), gaps=(unread,))
        gaps: list[Gap] = []
        counts = Counts(*(int(live[key]) for key in ("visible", "in_flight", "delayed")))
        age_s = self._age(name, found.seen, gaps) if counts.total else None
        retention_s = int(live["retention_s"])
        fifo = name.endswith(".fifo")
        return Box(
            name=name,
            url=url,
            arn=live["arn"],
            workers=workers,
            counts=counts,
            retention_s=retention_s,
            age_s=age_s,
            expiry=None if age_s is None else by_age(fifo=fifo, retention_s=retention_s, age_s=age_s),
            feeds=_fed(name, url, live, found, gaps),
            task=_task(name, live["arn"], found.seen, gaps),
            gaps=tuple(gaps),
        )

    def _age(self, name: str, seen: Seen, gaps: list[Gap]) -> float | None:
        reading = seen.answers.get(asks.age(name))
        if reading is not None and reading.points:
            at, value = reading.points[-1]
            return value + max(0.0, self.now - at)
        reason = (reading.reason if reading else "") or "no datapoint of ApproximateAgeOfOldestMessage"
        gaps.append(Gap(f"oldest letter of {name}", reason, (EXPIRY,)))
        return None


def _signals(found: Found) -> Iterator[Signal]:
    """Yield all that is to be asked, as far as the answers so far let it be known."""
    yield round0.identity()
    yield from found.settings.values()
    yield from map(asks.destinations, found.asked_functions)
    if found.everything:
        yield asks.queues()
    for name in (*found.source_queues, *found.names):
        if name not in found.urls:
            yield url_of(name)
    yield from map(asks.attributes, found.urls.values())
    for name in found.names:
        if name in found.urls:
            yield from _about(name, found.urls[name], found)


def _live(name: str, found: Found) -> tuple[str, Mapping[str, Json]]:
    """Return a queue's URL and attributes; AbsentError or UnreadError if there are none, or not all."""
    url = found.urls.get(name) or found.seen.document(url_of(name))
    live = found.seen.document(asks.attributes(url)) or {}
    lacking = [key for key in _NEEDED if live.get(key) is None]
    if lacking:
        raise UnreadError(f"the answer has no {', '.join(lacking)}")
    return url, live


def _about(name: str, url: str, found: Found) -> Iterator[Describe | Signal]:
    yield asks.sources(url)
    yield asks.age(name)
    arn = found.attributes(url).get("arn")
    if arn:
        yield asks.tasks(arn)


def _fed(
    name: str, url: str, live: Mapping[str, Json], found: Found, gaps: list[Gap]
) -> tuple[Feed, ...] | None:
    """Return what feeds it; None if its source queues could not be read and nothing else is known."""
    feeds = [
        *found.feeds.get(name, ()),
        *(Feed(Kind.SERVICE, one) for one in let_in(live["policy"], live["arn"])),
    ]
    try:
        sources = found.seen.document(asks.sources(url))
    except AbsentError:
        sources = []
    except UnreadError as error:
        gaps.append(Gap(f"source queues of {name}", error.reason, (FEEDS,)))
        return tuple(feeds) or None
    return tuple(dict.fromkeys((*(Feed(Kind.QUEUE, name_of(source)) for source in sources), *feeds)))


def _task(name: str, arn: str, seen: Seen, gaps: list[Gap]) -> Task | None:
    reading = seen.answers.get(asks.tasks(arn))
    if reading is None or reading.code in NO_TASKS:
        return None
    if reading.status is Status.FAILED:
        gaps.append(Gap(f"move tasks of {name}", reading.reason, (MOVING,)))
        return None
    running = (row for row in reading.document or () if row["status"] in _RUNNING)
    tasks = (
        Task(row["status"], arns.resource_of(row["to"] or ""), row["moved"], row["of"]) for row in running
    )
    return next(tasks, None)


def _gap(name: str, reading: Reading, about: str) -> Gap | None:
    if reading.code in _GONE or reading.status is not Status.FAILED:
        return None
    return Gap(name, reading.reason, (about,))
