"""`opskit diagnose`: one runbook for one worker."""

from collections.abc import Iterable
from typing import Annotated

import typer

from opskit.cli.options import SeverityName, SharedOptions, deadline_seconds, remember, since_seconds

CHANNELS = "Channels"


def complete_runbook(incomplete: str) -> Iterable[str]:
    """Return the names of the runbooks that start with what was typed, for the shell."""
    from runbooks import ALL

    return [name for name in ALL if name.startswith(incomplete)]


@remember
def diagnose(
    shared: SharedOptions,
    runbook: Annotated[
        str,
        typer.Argument(
            help="The symptom: stream-lag, ... (see: opskit runbooks).",
            metavar="RUNBOOK",
            autocompletion=complete_runbook,
        ),
    ],
    *,
    fn: Annotated[str, typer.Option("--fn", metavar="NAME", help="Worker, function name or ARN.")],
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back: 90m, 3h, 1h30m, 2d.")] = "3h",
    fail_on: Annotated[
        SeverityName | None,
        typer.Option(help="Exit 1 from this severity on; OPSKIT_FAIL_ON, else medium.", show_default=False),
    ] = None,
    deadline: Annotated[str, typer.Option(metavar="TIME", help="Longest wait for AWS in a round.")] = "60s",
    page: Annotated[
        bool, typer.Option("--page", help="Page through PagerDuty if critical.", rich_help_panel=CHANNELS)
    ] = False,
    slack: Annotated[
        bool, typer.Option("--slack", help="Post to Slack from medium on.", rich_help_panel=CHANNELS)
    ] = False,
) -> int:
    """Name the root cause behind a symptom, what to do, and what not to do."""
    from opskit.cli import look, out, verdict
    from opskit.model import Severity

    settings = shared.settings(fail_on=fail_on)
    asked = look.Asked(runbook, fn, since_seconds(since), deadline_seconds(deadline))
    unseen = None
    try:
        with out.working(f"asking AWS about the last {since} of {fn}"):
            report = look.look(settings, asked)
    except look.UnseenError as error:
        unseen, report = str(error), error.report
    report = verdict.written_down(report)
    try:
        verdict.show(report, shared, settings.output, unseen)
    finally:
        # Whoever is to be paged is paged, also if the disk behind stdout is full.
        delivered = verdict.tell(report, settings, page=page, slack=slack)
    return verdict.exit_code(report, Severity(settings.fail_on), delivered=delivered)
