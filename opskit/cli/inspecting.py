"""One look at the manifests' resources: ask all there is to ask, and hand back what was found."""

import time
from collections.abc import Callable

from opskit.cli.chosen import ask
from opskit.drift.chosen import Chosen, prefix_of
from opskit.drift.fleet import expected
from opskit.drift.report import Inventoried, findings, gaps

NO_TIME_S = 60
"""Settings are those of now: the gatherer's window does not matter."""


def inspect(chosen: Chosen, deadline_s: int, now: Callable[[], float] = time.time) -> tuple[Inventoried, str]:
    """Return what was found, and why nothing at all could be asked, "" if something could.

    UsageError if the credentials are of another account than the names, or than the environment is bound to.
    """
    settings = chosen.settings
    wanted = expected(chosen.workers, settings)
    said = ask(chosen, wanted.ask, NO_TIME_S, deadline_s, now)
    resources = wanted.resources(said.answers)
    found = Inventoried(
        resources=resources,
        findings=findings(resources),
        gaps=gaps(resources),
        account=said.account,
        region=settings.region,
        env=settings.env,
        prefix=prefix_of(chosen.workers[0]),
        cost=said.cost,
        endpoint=said.endpoint,
    )
    return found, said.blocked
