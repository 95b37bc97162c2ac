"""`opskit diagnose --replay`: what was read once is judged again. Nothing here asks AWS or pages anybody."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.cli import out, verdict
from opskit.cli.options import SharedOptions
from opskit.errors import UsageError
from opskit.exits import Exit
from opskit.model import Severity
from opskit.settings import printable

if TYPE_CHECKING:
    from opskit.record import Snapshot


def refuse_beside(given: Mapping[str, object]) -> None:
    """Refuse options that have no meaning for a look of the past; UsageError naming the first."""
    for option, value in given.items():
        if value and option in ("--page", "--slack"):
            raise UsageError(f"{option} and --replay exclude each other", "a past incident calls nobody")
        if value not in (None, False):
            raise UsageError(f"{option} and --replay exclude each other", "what was read is in the file")


def replay(
    shared: SharedOptions, path: Path, runbook: str | None, fn: str | None, fail_on: str | None
) -> Exit:
    """Judge a snapshot with today's rules and show the report."""
    from opskit.cli.books import find_runbook
    from opskit.record import file, from_text
    from opskit.record.replay import replayed
    from opskit.render.figures import iso
    from runbooks import ALL

    settings = shared.settings(fail_on=fail_on)
    path = path.expanduser()
    snapshot = from_text(file.read(path), str(path))
    _check_agrees(
        snapshot, path, {"RUNBOOK": runbook, "--fn": fn, "--env": shared.env, "--region": shared.region}
    )
    book = find_runbook(snapshot.runbook, ALL, str(path))
    if warning := file.rights(path):
        out.note(warning)
    out.note(
        f"judging again what opskit {snapshot.opskit} read at {iso(snapshot.taken_at)}; AWS is not asked"
    )
    report = replayed(snapshot, book)
    verdict.show(report, shared, settings.output)
    return verdict.exit_code(report, Severity(settings.fail_on))


def _check_agrees(snapshot: "Snapshot", path: Path, given: Mapping[str, str | None]) -> None:
    """Refuse a command line that speaks of something else than the file."""
    target = snapshot.look.by_target[0][0]
    holds = {
        "RUNBOOK": [snapshot.runbook],
        "--fn": [snapshot.fn, target.worker, target.function],
        "--env": [target.env],
        "--region": [target.region],
    }
    for name, value in given.items():
        if value is not None and value.lower() not in [known.lower() for known in holds[name]]:
            raise UsageError(printable(f"{name} {value} contradicts {path}, which is of {holds[name][0]}"))
