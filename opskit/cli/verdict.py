"""What happens to a report: written down, shown, told to the channels, and turned into an exit code."""

import getpass
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from opskit.cli import out
from opskit.cli.options import SharedOptions
from opskit.exits import Exit
from opskit.model import Finding, Gap, Report, Severity, Verdict
from opskit.settings import Settings


def written_down(report: Report) -> Report:
    """Return the report with its run id from the journal; as it is, and a note, if it cannot be."""
    from opskit.render.json import document

    return replace(report, run=recorded(lambda run: document(replace(report, run=run))))


def recorded(document_of: Callable[[str], Mapping[str, Any]]) -> str:
    """Write down the document that is made of a run's id; return the id, "" and a note if it cannot be."""
    from opskit.journal import Journal, JournalError, folder

    try:
        return Journal(folder(os.environ)).write(document_of, command_line(), actor(), int(time.time()))
    except JournalError as error:
        out.note(f"this run is not in the journal: {error}")
        return ""


def command_line() -> str:
    """Return the command line as it could be typed again."""
    return shlex.join(["opskit", *sys.argv[1:]])


def actor() -> str:
    """Return the name of the user at this machine; "unknown" where the system has none for them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def show(report: Report, shared: SharedOptions, output: str | None, unseen: str | None = None) -> None:
    """Write the report to stdout in the form that was asked for; OpskitError if stdout does not take it.

    `unseen` says why nothing could be asked: for people that line is all there is to say.
    """
    from opskit.render import Output, render

    form = out.form(output)
    if unseen is not None:
        out.note(unseen)
        if form in (Output.TABLE, Output.PLAIN):
            return
    out.result(render(report, form, out.canvas(shared)))


def tell(report: Report, settings: Settings, *, page: bool, slack: bool) -> bool:
    """Send the report to the channels that were asked for; False if one of them did not take it."""
    if not (page or slack):
        return True
    from opskit.notify import channels

    asked = [channels.page] * page + [channels.post] * slack
    delivered = [channel(report, settings, os.environ, out.note) for channel in asked]
    return all(delivered)


class Judged(Protocol):
    """What a judging command found, whatever its form."""

    @property
    def findings(self) -> Sequence[Finding]:
        """What is wrong."""
        ...

    @property
    def gaps(self) -> Sequence[Gap]:
        """What could not be looked at."""
        ...

    @property
    def verdict(self) -> Verdict:
        """Both in one word."""
        ...


def exit_code(report: Judged, fail_on: Severity, *, delivered: bool = True) -> Exit:
    """Return what the report says to a script: findings win over gaps, gaps over a channel that failed."""
    if any(finding.severity.rank >= fail_on.rank for finding in report.findings):
        return Exit.FINDINGS
    if report.gaps or report.verdict is Verdict.UNKNOWN:
        return Exit.UNDETERMINED
    return Exit.CLEAN if delivered else Exit.FAILED
