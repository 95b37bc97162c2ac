"""One look at dead-letter queues that receives nothing: ask all there is to ask, and say what was found."""

import time
from collections.abc import Callable

from opskit.aws.session import Aws
from opskit.cli.look import endpoint_of
from opskit.dlq.report import Look, Place
from opskit.dlq.survey import Survey
from opskit.drift.chosen import Chosen, prefix_of
from opskit.gather import Gatherer, window
from opskit.inventory import round0
from opskit.inventory.lookup import refuse_other_account

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
    aws = Aws(settings.region, settings.profile)
    gatherer = Gatherer(aws, window(now(), WINDOW_S), deadline_s, now)
    try:
        answers = wanted.ask(gatherer.gather)
        endpoint = endpoint_of(aws, settings)
    finally:
        gatherer.close()
        aws.close()
    identity = answers[round0.identity()].document or {}
    chosen.refuse(identity.get("account") or "")
    refuse_other_account(settings, identity)
    boxes = wanted.boxes(answers)
    look = Look(
        command="dlq list",
        boxes=boxes,
        place=Place(
            identity.get("account") or settings.account or "", settings.region, settings.env, endpoint
        ),
        prefix=prefix_of(chosen.workers[0]) if chosen.workers else "",
        now=int(now()),
        cost=gatherer.cost,
        gaps=(*wanted.gaps(answers), *(gap for box in boxes for gap in box.gaps)),
    )
    return look, gatherer.blocked
