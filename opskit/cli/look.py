"""One look: from what was asked on the command line, through the pipeline, to a report."""

import difflib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from opskit import inventory
from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.cli import out
from opskit.diagnose import diagnose
from opskit.errors import UsageError
from opskit.gather import Gatherer, window
from opskit.model import Report, Runbook
from opskit.settings import Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """What to diagnose: a runbook, a worker, how far back, and how long to wait for AWS in a round."""

    runbook: str
    fn: str
    since_s: int
    deadline_s: int


def find_runbook(name: str, known: Mapping[str, Runbook]) -> Runbook:
    """Return the runbook called `name`; UsageError with the nearest name and the list of all."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UsageError(f'no runbook "{name}"', f"{hint}known: {', '.join(known)}")


def look(settings: Settings, asked: Asked, now: Callable[[], float] = time.time) -> Report:
    """Return what the runbook finds; UsageError for a wrong name, CannotLookError if nothing can be asked.

    Log queries that still run when it ends, also on Ctrl-C, are stopped at AWS.
    """
    from runbooks import ALL

    book = find_runbook(asked.runbook, ALL)
    lookup = inventory.load(settings).find(asked.fn)
    for line in lookup.notes:
        out.note(line)
    aws = Aws(lookup.settings.region, lookup.settings.profile)
    gatherer = Gatherer(aws, window(now(), asked.since_s), asked.deadline_s, now)
    try:
        report = diagnose(book, lookup, gatherer, name=asked.fn)
        return replace(report, endpoint=_endpoint(aws, settings))
    finally:
        aws.close()


def _endpoint(aws: Aws, settings: Settings) -> str:
    """Return the endpoint in use if it is not AWS's own; as configured where no client could be made."""
    try:
        return aws.endpoint()
    except FAULTS:
        return settings.endpoint_url or ""
