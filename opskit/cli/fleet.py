"""One look at the fleet for `opskit health`: look, write down, show, and turn into an exit code."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from opskit.cli import out
from opskit.cli.options import SharedOptions
from opskit.cli.times import parse_duration
from opskit.cli.verdict import actor, command_line
from opskit.errors import CannotLookError
from opskit.exits import Exit
from opskit.gather import window
from opskit.health.fleet import Choice
from opskit.health.model import Health
from opskit.health.places import How, Where, look_at, nothing
from opskit.model import Severity
from opskit.render.canvas import Output
from opskit.render.health import render


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at, how long, and how to show it."""

    places: tuple[Where, ...]
    choice: Choice
    since_s: int
    deadline_s: float
    baseline: bool
    every: bool
    fail_on: Severity
    output: Output


def interval_seconds(text: str) -> int:
    """Return --watch in seconds: CloudWatch has a new datapoint every minute, and each look costs."""
    return parse_duration(text, "--watch", 10, 3600, "30s, 1m or 5m")


def once(asked: Asked, shared: SharedOptions, now: Callable[[], float]) -> Exit:
    """Look once, show it, and return what it says to a script.

    Where nothing could be asked, a line on stderr is all there is to say to people.
    """
    health, unseen = _seen(asked, now)
    if unseen:
        out.note(unseen)
    if not unseen or asked.output not in (Output.TABLE, Output.PLAIN):
        out.result(_shown(health, asked, shared))
    return exit_code(health, asked.fail_on)


def again(asked: Asked, shared: SharedOptions, every_s: int) -> Exit:
    """Look again and again until Ctrl-C: on a terminal in its place, elsewhere one after the other.

    When whoever read the looks has gone, the last one decides on the exit code. A look that says what the
    one before it said is not written down again.
    """
    before = None
    while True:
        began = time.monotonic()
        before = health = _seen(asked, time.time, before)[0]
        write = out.screen if asked.output is Output.TABLE else out.result
        if not write(_shown(health, asked, shared)) or out.reader_gone():
            return exit_code(health, asked.fail_on)
        time.sleep(max(1.0, every_s - (time.monotonic() - began)))


def _shown(health: Health, asked: Asked, shared: SharedOptions) -> str:
    return render(health, asked.output, out.canvas(shared), every=asked.every, fail_on=asked.fail_on)


def _seen(asked: Asked, now: Callable[[], float], before: Health | None = None) -> tuple[Health, str]:
    """Return the look, written down and compared with the last one if so asked, and why there is none."""
    moment = now()
    how = How(window(moment, asked.since_s), asked.deadline_s, now, unusual=asked.baseline)
    unseen = ""
    try:
        with out.working("asking AWS about the fleet"):
            health = look_at(asked.places, asked.choice, how)
    except CannotLookError as error:
        unseen = str(error)
        health = nothing(asked.places, how, unseen)
    if before is not None and _told(health) == _told(before):
        return replace(health, run=before.run, since_last=before.since_last), unseen
    return _written_down(health, int(moment), baseline=asked.baseline and not unseen), unseen


def _told(health: Health) -> tuple[object, ...]:
    """Return what a look says is wrong or not known, without the figures that differ every minute."""
    found = tuple((finding.subject, finding.cause, finding.severity) for finding in health.findings)
    return found, tuple((gap.signal, gap.affects) for gap in health.gaps)


def _written_down(health: Health, moment: int, *, baseline: bool) -> Health:
    import os

    from opskit.health.baseline import compared
    from opskit.journal import Journal, JournalError, folder
    from opskit.render.health.json import document

    journal = Journal(folder(os.environ))
    try:
        if baseline:
            health = compared(health, journal)
        run = journal.write(lambda run: document(replace(health, run=run)), command_line(), actor(), moment)
    except JournalError as error:
        out.note(f"this run is not in the journal{', nor compared' * baseline}: {error}")
        return health
    return replace(health, run=run)


def exit_code(health: Health, fail_on: Severity) -> Exit:
    """Return what a look says to a script: findings win over gaps."""
    if any(finding.severity.rank >= fail_on.rank for finding in health.findings):
        return Exit.FINDINGS
    return Exit.UNDETERMINED if health.gaps else Exit.CLEAN
