"""`opskit redrive-dlq`: dead letters back to work, losing none."""

from pathlib import Path
from typing import Annotated

import typer

from opskit.cli.options import SharedOptions, remember

WHICH, HOW, SAFETY, RUNS = "Which letters", "How fast", "What stops it", "Runs"
LAMBDA, AWS = "Letters of Lambda, streams and SNS", "Without opskit's safety"
DEADLINE = "60s"


@remember
def redrive_dlq(
    shared: SharedOptions,
    *,
    queue: Annotated[
        str | None,
        typer.Argument(
            metavar="QUEUE", help="The dead-letter queue: name, URL or ARN; or s3://BUCKET/PREFIX."
        ),
    ] = None,
    fn: Annotated[
        str | None, typer.Option("--fn", metavar="NAME", help="The dead-letter queue of this worker.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without it, it is only shown.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the question, and nothing else.")] = False,
    account: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The account that is meant, where opskit.toml binds none."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="QUEUE", help="Where they go; else to the queue they came from."),
    ] = None,
    to_function: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The function that gets the events in them.", rich_help_panel=LAMBDA
        ),
    ] = None,
    to_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new file that gets the events instead.", rich_help_panel=LAMBDA),
    ] = None,
    any_count: Annotated[
        bool,
        typer.Option(
            "--any-count", help="Also batches of which not all records are found.", rich_help_panel=LAMBDA
        ),
    ] = False,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this group by cause (dlq peek).", rich_help_panel=WHICH),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Only where this JMESPath is true.", rich_help_panel=WHICH),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only those sent longer ago.", rich_help_panel=WHICH),
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only these message ids, one a line.", rich_help_panel=WHICH),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many.", rich_help_panel=WHICH)
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Messages a second, at most; 50.", show_default=False, rich_help_panel=HOW
        ),
    ] = None,
    ramp: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="The rate begins at 5 a second and doubles every so often; 10s, 0s: no ramp.",
            show_default=False,
            rich_help_panel=HOW,
        ),
    ] = None,
    canary_timeout: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long to wait for the first letter's fate; 30m.",
            show_default=False,
            rich_help_panel=SAFETY,
        ),
    ] = None,
    guard_alarm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Stop when this alarm rings.", rich_help_panel=SAFETY),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="No look at the consumer, no canary.", rich_help_panel=SAFETY),
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Go on with a run that was cut off.", rich_help_panel=RUNS),
    ] = None,
    server_side: Annotated[
        bool,
        typer.Option("--server-side", help="By AWS's own move task; --rate up to 500.", rich_help_panel=AWS),
    ] = False,
    cancel: Annotated[
        bool,
        typer.Option("--cancel", help="With --server-side: stop the task that runs.", rich_help_panel=AWS),
    ] = False,
    deadline: Annotated[
        str, typer.Option(metavar="TIME", help="Longest wait for AWS in a look at the consumer.")
    ] = DEADLINE,
) -> int:
    """Move dead letters back to their queue: one canary first, then faster, none lost, with a receipt.

    Without --apply nothing is received, and nothing is changed.
    """
    from opskit.cli import redriving
    from opskit.cli.ending import in_order
    from opskit.cli.redrive_asked import Asked
    from opskit.cli.times import deadline_seconds

    asked = Asked(
        queue=queue,
        fn=fn,
        to=to,
        to_function=to_function,
        to_file=to_file,
        any_count=any_count,
        account=account,
        groups=tuple(group or ()),
        match=match,
        older_than=older_than,
        ids=ids,
        limit=limit,
        rate=rate,
        ramp=ramp,
        canary_timeout=canary_timeout,
        guard_alarms=tuple(guard_alarm or ()),
        force=force,
        deadline_s=deadline_seconds(deadline),
    )

    def work() -> int:
        if server_side or cancel:
            return redriving.server_side(asked, shared, apply=apply, cancel=cancel, yes=yes, resume=resume)
        if resume is not None:
            return redriving.resume(asked, shared, resume, apply=apply, yes=yes)
        return redriving.redrive(asked, shared, apply=apply, yes=yes)

    return in_order(work)
