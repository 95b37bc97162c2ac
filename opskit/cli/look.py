"""One look: from what was asked on the command line, through the pipeline, to a report."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from opskit import inventory
from opskit.aws.faults import FAULTS
from opskit.aws.session import Aws
from opskit.cli import out
from opskit.cli.books import find_runbook
from opskit.diagnose import Look, diagnose
from opskit.errors import CannotLookError
from opskit.gather import Gatherer, window
from opskit.inventory import Lookup
from opskit.model import Gap, Readings, Report, Runbook, Verdict
from opskit.record import Snapshot
from opskit.settings import Settings


class UnseenError(CannotLookError):
    """Nothing could be asked at all; `report` says so in the contract's form: verdict "unknown"."""

    def __init__(self, reason: str, report: Report) -> None:
        super().__init__(reason)
        self.report = report


@dataclass(frozen=True, slots=True)
class Asked:
    """What to diagnose: a runbook, a worker, how far back, how long to wait for AWS in a round, and when."""

    runbook: str
    fn: str
    since_s: int
    deadline_s: int
    at: int | None = None
    """The end of the window in epoch seconds; None: the newest settled minute."""


def look(
    settings: Settings,
    asked: Asked,
    now: Callable[[], float] = time.time,
    keep: Callable[[Snapshot], None] | None = None,
) -> Report:
    """Return what the runbook finds; UsageError for a wrong name, UnseenError if nothing could be asked.

    `keep` is handed all that was read. Log queries that still run when it ends, also on Ctrl-C, are stopped
    at AWS.
    """
    from runbooks import ALL

    book = find_runbook(asked.runbook, ALL)
    lookup = inventory.load(settings).find(asked.fn)
    for line in lookup.notes:
        out.note(line)
    aws = Aws(lookup.settings.region, lookup.settings.profile)
    gatherer = Gatherer(aws, window(now(), asked.since_s, asked.at), asked.deadline_s, now)

    def kept(seen: Look) -> None:
        if keep is not None:
            keep(Snapshot(book.NAME, asked.fn, seen, int(now()), asked.at, endpoint_of(aws, settings)))

    try:
        report = diagnose(book, lookup, gatherer, name=asked.fn, at=asked.at, keep=kept)
        return replace(report, endpoint=endpoint_of(aws, settings))
    except CannotLookError as error:
        nothing = _unseen(book, lookup, gatherer, error)
        unseen = replace(nothing, endpoint=endpoint_of(aws, settings), at=asked.at)
        raise UnseenError(str(error), unseen) from error
    finally:
        aws.close()


def _unseen(book: Runbook, lookup: Lookup, gatherer: Gatherer, error: CannotLookError) -> Report:
    """Return the report of a look that saw nothing: its target is what was asked for, its gap the reason."""
    target, *_ = lookup.bind(Readings(lookup.signals(), {}), (), book.NAME)
    return Report(
        command="diagnose",
        runbook=book.NAME,
        target=target,
        window=gatherer.window,
        verdict=Verdict.UNKNOWN,
        severity=None,
        findings=(),
        gaps=(Gap("aws", str(error)),),
        facts=(),
        cost=gatherer.cost,
    )


def endpoint_of(aws: Aws, settings: Settings) -> str:
    """Return the endpoint in use if it is not AWS's own; as configured where no client could be made."""
    configured = settings.endpoint_url or ""
    try:
        return aws.endpoint() or configured
    except FAULTS:
        return configured
