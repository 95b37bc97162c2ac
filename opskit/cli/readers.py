"""Who reads a queue whose messages are to be taken, and what the consumers of its letters said of them."""

import time
from collections.abc import Mapping

from opskit.aws.session import Aws
from opskit.cli import out
from opskit.dlq import consumer, filling, lines
from opskit.errors import CannotLookError, UsageError
from opskit.gather import Gatherer, window
from opskit.inventory import Inventory
from opskit.inventory.log_groups import log_groups
from opskit.model import Window
from opskit.querying import Client
from opskit.redrive.place import Letterbox

MAX_USD = 0.25
WINDOW_S = 60


def refuse_read(aws: Aws, box: Letterbox, inventory: Inventory, deadline_s: float) -> None:
    """Raise UsageError for a queue that a function reads: its messages are live ones.

    What cannot be looked at is told: dead-letter queues have no reader, and the user may know.
    """
    gatherer = Gatherer(aws, window(time.time(), WINDOW_S), deadline_s)
    try:
        answers = gatherer.gather(consumer.signals(box, inventory.workers))
    finally:
        gatherer.close()
    if readers := consumer.readers_of(box, answers):
        raise UsageError(
            f"queue {box.name} is no dead-letter queue: {', '.join(readers)} reads it, and its messages "
            "would be taken away from it"
        )
    for gap in consumer.gaps(answers):
        out.note(f"could not look whether a function reads {box.name}: {gap.reason}")


def failing_lines(aws: Aws, box: Letterbox, inventory: Inventory, deadline_s: float) -> Mapping[str, str]:
    """Return the failing lines by message id, of the time in which a message of the queue can have failed.

    CannotLookError if the lines cannot be read: a letter's group would be another than a peek shows. A log
    group that is empty, or not there, has none, as for a peek.
    """
    now = time.time()
    gatherer = Gatherer(aws, window(now, WINDOW_S), deadline_s)
    client = Client(aws, deadline_s)
    try:
        names = _consumers(box, inventory, gatherer)
        if not names:
            return {}
        with out.working(f"asking the logs of {', '.join(names)} why the letters failed"):
            found = [inventory.find(name) for name in names]
            groups = log_groups(found, (), inventory.settings, gatherer)
            within = _failed_within(aws, box, now, deadline_s)
            read = lines.read(client, groups.names, within, MAX_USD, "the limit of USD")
    finally:
        gatherer.close()
    if read.failed:
        raise CannotLookError(
            f"--group: {read.gaps[0].reason}",
            "which group a letter is of is not known: choose by --match or --ids",
        )
    return read.found


def _failed_within(aws: Aws, box: Letterbox, now: float, deadline_s: float) -> Window:
    """Return the time whose lines are read; where no metric tells more, that is all that the queue keeps."""
    gatherer = Gatherer(aws, window(now, filling.kept_s(box)), deadline_s)
    try:
        empty = filling.empty_at(box.name, gatherer.gather(filling.signals(box.name)))
    finally:
        gatherer.close()
    return filling.window_of(box, empty, int(now), WINDOW_S)  # a peek's may end so much later too


def _consumers(box: Letterbox, inventory: Inventory, gatherer: Gatherer) -> tuple[str, ...]:
    workers = inventory.workers
    answers = gatherer.gather(consumer.signals(box, workers))
    if gaps := consumer.gaps(answers):
        raise CannotLookError(f"--group: {gaps[0].signal}: {gaps[0].reason}")
    return consumer.consumers_of(box, workers, answers)
