"""One look at dead-letter queues that receives nothing: ask all there is to ask, and say what was found."""

import os
import time
from collections.abc import Callable

from opskit.cli.chosen import ask
from opskit.dlq import unended
from opskit.dlq.report import Look, Place
from opskit.dlq.survey import Survey
from opskit.drift.chosen import Chosen, prefix_of
from opskit.journal import folder

WINDOW_S = 1800
"""Datapoints of a queue's age are looked for that far back: an idle queue has one every few minutes."""


def survey(
    chosen: Chosen, deadline_s: int, *, everything: bool, now: Callable[[], float] = time.time
) -> tuple[Look, str]:
    """Return what was found, and why nothing at all could be asked, "" if something could.

    UsageError if the credentials are of another account than the names, or than the environment is bound to.
    """
    settings = chosen.settings
    wanted = Survey(chosen.workers, everything, now())
    found = ask(chosen, wanted.ask, WINDOW_S, deadline_s, now)
    boxes, unread = unended.marked(wanted.boxes(found.answers), folder(os.environ))
    look = Look(
        command="dlq list",
        boxes=boxes,
        place=Place(found.account, settings.region, settings.env, found.endpoint),
        prefix=prefix_of(chosen.workers[0]) if chosen.workers else "",
        now=int(now()),
        cost=found.cost,
        gaps=(*wanted.gaps(found.answers), *(gap for box in boxes for gap in box.gaps), *unread),
    )
    return look, found.blocked
