"""`opskit health`: the whole fleet at one look."""

import time
from typing import Annotated

import typer

from opskit.cli.options import SeverityName, SharedOptions, remember_fleet
from opskit.cli.times import deadline_seconds, since_seconds
from opskit.errors import UsageError

WHICH, WHERE, RUNS = "Which workers", "Where", "Against earlier runs"
SINCE, DEADLINE = "1h", "60s"


@remember_fleet
def health(
    shared: SharedOptions,
    *,
    fn: Annotated[
        list[str] | None,
        typer.Option(
            "--fn",
            metavar="NAME",
            help="Only this worker, function or ARN; repeatable.",
            rich_help_panel=WHICH,
        ),
    ] = None,
    stack: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this stack's workers; repeatable.", rich_help_panel=WHICH),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Functions that AWS lists with this prefix.", rich_help_panel=WHICH
        ),
    ] = None,
    tag: Annotated[
        str | None,
        typer.Option(metavar="KEY[=VALUE]", help="Functions that have this tag.", rich_help_panel=WHICH),
    ] = None,
    all_regions: Annotated[
        bool,
        typer.Option("--all-regions", help="Every region that the manifests name.", rich_help_panel=WHERE),
    ] = False,
    role_arn: Annotated[
        list[str] | None,
        typer.Option(metavar="ARN", help="Look with this role; repeatable.", rich_help_panel=WHERE),
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back.")] = SINCE,
    fail_on: Annotated[
        SeverityName | None,
        typer.Option(help="Exit 1 from this severity on; OPSKIT_FAIL_ON, else medium.", show_default=False),
    ] = None,
    deadline: Annotated[
        str, typer.Option(metavar="TIME", help="Longest wait for AWS in a round.")
    ] = DEADLINE,
    every: Annotated[
        bool, typer.Option("--all", help="Show the workers that are well too, however many.")
    ] = False,
    baseline: Annotated[
        bool,
        typer.Option(
            "--baseline",
            help="Mark what is new, worse, the same or gone, and find what is unusual for this hour.",
            rich_help_panel=RUNS,
        ),
    ] = False,
    watch: Annotated[
        str | None, typer.Option(metavar="TIME", help="Look again every so often, until Ctrl-C.")
    ] = None,
) -> int:
    """Show every worker by every health check, worst first, with what to type next."""
    from opskit import inventory
    from opskit.cli import fleet, out
    from opskit.health.fleet import Choice, named
    from opskit.health.places import wheres
    from opskit.model import Severity
    from opskit.settings import FLEET_OUTPUTS

    settings = shared.settings(fail_on=fail_on)
    choice = Choice(tuple(fn or ()), tuple(stack or ()), prefix or "", tag or "")
    if tag is not None and not tag.partition("=")[0]:
        raise UsageError('--tag: expected KEY or KEY=VALUE, such as "stack=scoring"')
    choice, workers, notes = named(choice, inventory.load(settings))
    for note in notes:
        out.note(note)
    places = wheres(workers, choice, all_regions=all_regions, roles=tuple(role_arn or ()))
    asked = fleet.Asked(
        places=places,
        choice=choice,
        since_s=since_seconds(since),
        deadline_s=deadline_seconds(deadline),
        baseline=baseline,
        every=every,
        fail_on=Severity(settings.fail_on),
        output=out.form(settings.output),
    )
    if watch is None:
        return fleet.once(asked, shared, time.time)
    if settings.output in FLEET_OUTPUTS:
        raise UsageError(f"--watch: {settings.output} is one document; run it again every so often instead")
    return fleet.again(asked, shared, fleet.interval_seconds(watch))
