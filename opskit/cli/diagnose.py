"""`opskit diagnose`: one runbook for one worker."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from opskit.cli.options import SeverityName, SharedOptions, remember
from opskit.cli.times import at_seconds, deadline_seconds, since_seconds
from opskit.errors import UsageError

CHANNELS, RECORD = "Channels", "Past incidents"
SINCE, DEADLINE = "3h", "60s"


def complete_runbook(incomplete: str) -> Iterable[str]:
    """Return the names of the runbooks that start with what was typed, for the shell."""
    from runbooks import ALL

    return [name for name in ALL if name.startswith(incomplete)]


@remember
def diagnose(
    shared: SharedOptions,
    runbook: Annotated[
        str | None,
        typer.Argument(
            help="The symptom: stream-lag, ... (see: opskit runbooks).",
            metavar="RUNBOOK",
            autocompletion=complete_runbook,
            show_default=False,
        ),
    ] = None,
    *,
    fn: Annotated[
        str | None, typer.Option("--fn", metavar="NAME", help="Worker, function name or ARN.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="How far back: 90m, 3h, 1h30m, 2d.", show_default=SINCE)
    ] = None,
    fail_on: Annotated[
        SeverityName | None,
        typer.Option(help="Exit 1 from this severity on; OPSKIT_FAIL_ON, else medium.", show_default=False),
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Longest wait for AWS in a round.", show_default=DEADLINE),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help='Look at the past up to then (UTC): "2026-11-24 02:10", 09:14, "2h ago".',
            rich_help_panel=RECORD,
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep all that was read, to judge it again.", rich_help_panel=RECORD
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Let --save replace a file.", rich_help_panel=RECORD)
    ] = False,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Judge what was kept; asks no AWS.", rich_help_panel=RECORD),
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Page through PagerDuty if critical.", rich_help_panel=CHANNELS)
    ] = False,
    slack: Annotated[
        bool, typer.Option("--slack", help="Post to Slack from medium on.", rich_help_panel=CHANNELS)
    ] = False,
) -> int:
    """Name the root cause behind a symptom, what to do, and what not to do."""
    if replay is not None:
        from opskit.cli import replaying

        beside = {"--since": since, "--deadline": deadline, "--at": at, "--save": save, "--force": force}
        replaying.refuse_beside({**beside, "--page": page, "--slack": slack})
        return replaying.replay(shared, replay, runbook, fn, fail_on)
    if runbook is None or fn is None:
        missing = "argument 'RUNBOOK'" if runbook is None else "option '--fn'"
        raise UsageError(f"Missing {missing}", "see opskit diagnose --help")
    from opskit.cli import look, out, saving, verdict
    from opskit.model import Severity

    settings = shared.settings(fail_on=fail_on)
    back, longest = SINCE if since is None else since, DEADLINE if deadline is None else deadline
    since_s = since_seconds(back)
    moment = None if at is None else at_seconds(at, time.time(), since_s)
    asked = look.Asked(runbook, fn, since_s, deadline_seconds(longest), moment)
    kept = saving.Kept(save, force=force)
    unseen = None
    try:
        with out.working(f"asking AWS about the last {back} of {fn}"):
            report = look.look(settings, asked, keep=kept)
    except look.UnseenError as error:
        unseen, report = str(error), error.report
    report = verdict.written_down(report)
    saved = kept.save(report.run)
    try:
        verdict.show(report, shared, settings.output, unseen)
    finally:
        # Whoever is to be paged is paged, also if the disk behind stdout is full.
        delivered = verdict.tell(report, settings, page=page, slack=slack)
    return verdict.exit_code(report, Severity(settings.fail_on), delivered=delivered and saved)
