"""One peek into a dead-letter queue: a sample is received, shown again to others, and grouped by cause."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opskit.aws.price import Meter
from opskit.aws.session import Aws
from opskit.aws.sqs import Queue
from opskit.cli import out, queues
from opskit.cli.look import endpoint_of
from opskit.dlq import consumer, lines, unended
from opskit.dlq.box import Box, Counts, Feed, Kind, Task, by_sending
from opskit.dlq.found import by_manifest
from opskit.dlq.report import Look, Place, Sampled
from opskit.dlq.sample import draw, hidden_s
from opskit.drift.chosen import prefix_of
from opskit.errors import CannotLookError, OpskitError, UsageError
from opskit.gather import Gatherer, window
from opskit.inventory import round0
from opskit.inventory.log_groups import log_groups
from opskit.inventory.lookup import refuse_other_account
from opskit.inventory.queue_name import QueueName
from opskit.journal import folder
from opskit.model import Cost, Gap
from opskit.querying import Client
from opskit.record import file
from opskit.redrive import place
from opskit.redrive.grouping import grouped
from opskit.redrive.letter import Letter, to_text
from opskit.redrive.place import Letterbox
from opskit.render.figures import counted
from opskit.settings import Settings, nearest

WINDOW_S = 60
UNREACHED = (
    "a FIFO queue gives no more of a message group while one of its messages is in flight: the sample has "
    "only the first messages of each group"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What to peek at, and how far."""

    queue: str
    count: int
    logs: bool
    max_usd: float
    deadline_s: int


class Peek:
    """One peek; `close` ends it."""

    def __init__(self, settings: Settings, asked: Asked, now: Callable[[], float] = time.time) -> None:
        self._asked = asked
        self._now = now
        self._name, self._fleet = queues.meant(asked.queue, settings)
        self._settings = self._fleet.settings
        place.refuse_other_place(self._name, self._settings)
        self._aws = Aws(self._settings.region, self._settings.profile)
        self._gatherer = Gatherer(self._aws, window(now(), WINDOW_S), asked.deadline_s, now)
        self._meter = Meter()
        self.letters: tuple[Letter, ...] = ()
        """What was received, whole and unmasked."""

    def close(self) -> None:
        """Stop what still runs and close the connections."""
        self._gatherer.close()
        self._aws.close()

    def look(self) -> Look:
        """Return what is in the queue.

        UsageError for a queue that must not be received from; CannotLookError if nothing could be received.
        """
        identity = self._gatherer.gather([round0.identity()])[round0.identity()].document or {}
        refuse_other_account(self._settings, identity)
        refuse_stranger(self._name, identity.get("account") or "")
        box = self._found()
        workers = self._fleet.workers
        answers = self._gatherer.gather(consumer.signals(box, workers))
        refuse(box, consumer.readers_of(box, answers))
        gaps = [*box.gaps, *consumer.gaps(answers)]
        self.letters = self._drawn(box, gaps)
        functions = consumer.consumers_of(box, workers, answers)
        found, cost = self._lines(box, functions)
        account = identity.get("account") or box.account
        boxes, unread = unended.marked((self._box(box),), folder(os.environ))
        return Look(
            command="dlq peek",
            boxes=boxes,
            place=Place(
                account, self._settings.region, self._settings.env, endpoint_of(self._aws, self._settings)
            ),
            prefix=prefix_of(workers[0]) if workers else "",
            now=int(self._now()),
            cost=self._gatherer.cost + self._meter.cost + cost,
            gaps=(*gaps, *found.gaps, *unread),
            sampled=self._sampled(box, functions, found),
        )

    def save(self, path: Path, *, force: bool) -> bool:
        """Write the letters whole, one JSON document a line, and say so; False if that could not be."""
        if not self.letters:
            out.note(f"nothing was saved to {path}: no message was received")
            return True
        whole = (f"{to_text(letter, still_in=self._name.name)}\n" for letter in self.letters)
        try:
            file.write(path, "".join(whole), force=force)
        except file.SaveError as error:
            out.note(f"not saved: {error}")
            return False
        out.note(f"saved to {path}: whole messages, nothing in them is masked")
        return True

    def _found(self) -> Letterbox:
        try:
            box = place.find(self._aws, self._name)
        except UsageError as error:
            near = nearest(self._name.name, queues.short_names(self._fleet))
            guess = "" if "did you mean" in error.hint else near
            raise UsageError(error.message, f"did you mean {guess}?" if guess else error.hint) from error
        for _ in range(4 + len(box.sources)):  # its URL, attributes, sources and tasks, and each source's
            self._meter.called("sqs")
        return box

    def _drawn(self, box: Letterbox, gaps: list[Gap]) -> tuple[Letter, ...]:
        count = self._asked.count
        most = counted(count, "message", "messages")
        out.note(
            f"peeking receives up to {most} of {box.name}: it raises their receive counts by one, and hides "
            f"them for a moment (at most {hidden_s(count)} s)"
        )
        queue = Queue(self._aws, box.url, box.arn)
        with out.working(f"receiving from {box.name}"):
            drawn = draw(queue, count, self._meter, out.note)
        if drawn.fault and not drawn.letters:
            raise CannotLookError(f"queue {box.name}: {drawn.fault}")
        if drawn.fault:
            gaps.append(Gap(f"the rest of {box.name}", drawn.fault, ("what else is in it",)))
        elif not drawn.letters and box.depth.total:
            held = f"{box.depth.in_flight} in flight, {box.depth.delayed} delayed"
            reason = f"three polls got none of {counted(box.depth.total, 'message', 'messages')} ({held})"
            gaps.append(Gap(f"queue {box.name}", reason, ("what is in it",)))
        return drawn.letters

    def _lines(self, box: Letterbox, functions: tuple[str, ...]) -> tuple[lines.Lines, Cost]:
        """Return the consumers' failing lines; none where there is nobody or nothing to ask about."""
        if not (self._asked.logs and functions and self.letters):
            return lines.Lines({}, read=False), Cost()
        client = Client(self._aws, self._asked.deadline_s)
        within = lines.window_of(self.letters, box, int(self._now()))
        with out.working(f"asking the logs of {', '.join(functions)}"):
            try:
                lookups = [self._fleet.find(name) for name in functions]
                groups = log_groups(lookups, (), self._settings, self._gatherer)
                for line in groups.notes:
                    out.note(line)
                found = lines.read(client, groups.names, within, self._asked.max_usd)
            except OpskitError as error:  # what was received is worth more than its log lines
                found = lines.unread(str(error))
        return found, client.meter.cost

    def _sampled(self, box: Letterbox, functions: tuple[str, ...], found: lines.Lines) -> Sampled:
        named = sum(letter.message_id in found.found for letter in self.letters)
        of = max(box.depth.total, len(self.letters))
        return Sampled(
            letters=len(self.letters),
            of=of,
            groups=grouped(self.letters, found.found),
            unreached=UNREACHED if box.fifo and len(self.letters) < of else "",
            consumers=functions,
            named=named if found.read else None,
        )

    def _box(self, box: Letterbox) -> Box:
        sent = [letter.sent_at_ms / 1000 for letter in self.letters if letter.sent_at_ms]
        whole = len(self.letters) >= box.depth.total
        expiry = (
            by_sending(
                fifo=box.fifo, retention_s=box.retention_s, sent_at_s=min(sent), now=self._now(), whole=whole
            )
            if sent
            else None
        )
        depth = box.depth
        return Box(
            name=box.name,
            url=box.url,
            arn=box.arn,
            workers=tuple(worker.name for worker in self._fleet.workers if box.name in by_manifest(worker)),
            counts=Counts(max(depth.visible, len(self.letters)), depth.in_flight, depth.delayed),
            retention_s=box.retention_s,
            expiry=expiry,
            feeds=tuple(Feed(Kind.QUEUE, source.name) for source in box.sources) or None,
            task=Task(box.moving, "", None, None) if box.moving else None,
        )


def refuse_stranger(name: QueueName, account: str) -> None:
    """Raise UsageError for a queue of another account than the credentials."""
    if name.account and account and name.account != account:
        raise UsageError(
            f"queue {name.name} is in account {name.account}, but the credentials are of account {account}",
            "choose others with --profile",
        )


def refuse(box: Letterbox, readers: tuple[str, ...]) -> None:
    """Raise UsageError for a queue whose messages a receive can push on, or take from who works on them."""
    if box.redrives_itself:
        raise UsageError(
            f"queue {box.name} has a redrive policy of its own: receiving its messages can push them on to "
            "its dead-letter queue",
            "peek there",
        )
    if readers:
        raise UsageError(
            f"queue {box.name} is no dead-letter queue: {', '.join(readers)} reads it, and a peek would take "
            "messages away from it"
        )
