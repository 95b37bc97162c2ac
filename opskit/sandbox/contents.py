"""What waits in the fleet's queues when an incident begins to be looked at: messages, and dead letters."""

import json
from collections.abc import Iterator
from random import Random

from opskit.sandbox.queues import Queues, Stored
from opskit.sandbox.resources import arn
from opskit.sandbox.telling import Staged
from opskit.sandbox.workload.queue import QueueModel

MOST = 10_000
"""Messages put into one queue; a deeper one is told by its metrics."""
KINDS = ("profile.updated", "consent.changed", "account.linked")


def fill(queues: Queues, staged: Staged) -> None:
    """Put into each queue what its model says waits there, oldest first."""
    now = staged.start + staged.world.now_s
    for name, model in staged.world.workers.items():
        if isinstance(model, QueueModel):
            worker = staged.fleet.workers[name]
            random = Random(f"{name}:contents")
            oldest = now - model.oldest_age_s
            source = worker.sources[0].name
            queues.load(source, _messages(random, model.visible, oldest, now, poison=False))
            if worker.dead_letter_queue and model.dead:
                dead = _messages(
                    random, model.dead, staged.start, now, poison=True, source=arn("sqs", source)
                )
                queues.load(worker.dead_letter_queue, dead)


def _messages(
    random: Random, count: int, since: float, now: float, *, poison: bool, source: str | None = None
) -> Iterator[Stored]:
    count = min(count, MOST)
    for number in range(count):
        event = {"eventId": f"{random.getrandbits(64):016x}", "userId": f"user-{random.randrange(10_000)}"}
        kind = {} if poison else {"eventType": random.choice(KINDS)}
        sent = since + (now - since) * number / max(count, 1)
        yield Stored(json.dumps({**event, **kind}), sent, receives=6 if source else 0, source_arn=source)
