"""One look at the manifests' resources: ask all there is to ask, and hand back what was found."""

import time
from collections.abc import Callable

from opskit.aws.session import Aws
from opskit.cli.look import endpoint_of
from opskit.drift.chosen import Chosen, prefix_of
from opskit.drift.fleet import expected
from opskit.drift.report import Inventoried, findings, gaps
from opskit.gather import Gatherer, window
from opskit.inventory import round0
from opskit.inventory.lookup import refuse_other_account

NO_TIME_S = 60
"""Settings are those of now: the gatherer's window does not matter."""


def inspect(chosen: Chosen, deadline_s: int, now: Callable[[], float] = time.time) -> tuple[Inventoried, str]:
    """Return what was found, and why nothing at all could be asked, "" if something could.

    UsageError if the credentials are of another account than the names, or than the environment is bound to.
    """
    settings = chosen.settings
    wanted = expected(chosen.workers, settings)
    aws = Aws(settings.region, settings.profile)
    gatherer = Gatherer(aws, window(now(), NO_TIME_S), deadline_s, now)
    try:
        answers = wanted.ask(gatherer.gather)
        endpoint = endpoint_of(aws, settings)
    finally:
        gatherer.close()
        aws.close()
    identity = answers[round0.identity()].document or {}
    chosen.refuse(identity.get("account") or "")
    refuse_other_account(settings, identity)
    resources = wanted.resources(answers)
    found = Inventoried(
        resources=resources,
        findings=findings(resources),
        gaps=gaps(resources),
        account=identity.get("account") or settings.account or "",
        region=settings.region,
        env=settings.env,
        prefix=prefix_of(chosen.workers[0]),
        cost=gatherer.cost,
        endpoint=endpoint,
    )
    return found, gatherer.blocked
