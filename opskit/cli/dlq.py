"""`opskit dlq`: dead-letter queues looked at, with nothing moved."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opskit.cli import dlq_drop, receipts
from opskit.cli.options import SeverityName, SharedOptions, remember_rows
from opskit.cli.times import deadline_seconds
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.dlq.report import Look
    from opskit.settings import Settings

DEADLINE, COUNT, MOST = "60s", 10, 1000
MAX_USD = 0.25
FailOn = Annotated[
    SeverityName | None,
    typer.Option(help="Exit 1 from this severity on; OPSKIT_FAIL_ON, else medium.", show_default=False),
]
Deadline = Annotated[str, typer.Option(metavar="TIME", help="Longest wait for AWS in a round.")]


def app() -> typer.Typer:
    """Return the command group."""
    group = typer.Typer(help="Dead-letter queues: which there are, and what is in them.")
    group.command("list")(list_queues)
    group.command("peek")(peek)
    group.command("drop")(dlq_drop.drop)
    group.command("restore")(dlq_drop.restore)
    group.command("receipts")(receipts.receipts)
    return group


@remember_rows
def list_queues(
    shared: SharedOptions,
    *,
    fn: Annotated[
        list[str] | None,
        typer.Option("--fn", metavar="NAME", help="Of these workers only; may repeat.", show_default=False),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Of the whole account in the region, not of the manifests alone.")
    ] = False,
    fail_on: FailOn = None,
    deadline: Deadline = DEADLINE,
) -> int:
    """List the dead-letter queues: how many letters, how old, when they expire, what feeds them.

    Nothing is received.
    """
    from opskit import inventory
    from opskit.cli import out
    from opskit.cli.surveying import survey
    from opskit.drift.chosen import Chosen, chosen

    if everything and fn:
        raise UsageError("--all and --fn: one or the other")
    settings = shared.settings(fail_on=fail_on)
    fleet = inventory.load(settings)
    wanted = Chosen(settings, fleet.workers) if everything else chosen(fleet, fn or [], None)
    for line in wanted.notes:
        out.note(line)
    with out.working("looking for dead-letter queues"):
        look, unseen = survey(wanted, deadline_seconds(deadline), everything=everything)
    return _told(look, shared, settings, unseen)


@remember_rows
def peek(
    shared: SharedOptions,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="A dead-letter queue: its name, URL or ARN.")],
    *,
    count: Annotated[
        int, typer.Option(metavar="N", min=1, max=MOST, help="Most messages to receive.")
    ] = COUNT,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write them whole, unmasked, one a line.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")] = False,
    no_logs: Annotated[bool, typer.Option("--no-logs", help="Do not ask the consumer's logs why.")] = False,
    max_cost: Annotated[
        float, typer.Option(metavar="USD", min=0, help="Leave out the logs above that.")
    ] = MAX_USD,
    fail_on: FailOn = None,
    deadline: Deadline = DEADLINE,
) -> int:
    """Receive some letters of a dead-letter queue, show them again to others, group them by cause.

    Receiving raises their receive counts. Private data is masked.
    """
    from opskit.cli.ending import in_order
    from opskit.cli.peeking import Asked, Peek
    from opskit.record import file

    if force and save is None:
        raise UsageError("--force is for --save FILE")
    path = None if save is None else save.expanduser()
    if path is not None:
        file.check(path, force=force)
    settings = shared.settings(fail_on=fail_on)
    asked = Asked(queue, count, not no_logs, max_cost, deadline_seconds(deadline))

    def work() -> int:
        peeking = Peek(settings, asked)
        try:
            look = peeking.look()
            saved = path is None or peeking.save(path, force=force)
        finally:
            peeking.close()
        return _told(look, shared, settings, "", saved=saved)

    return in_order(work)


def _told(
    look: "Look", shared: SharedOptions, settings: "Settings", unseen: str, *, saved: bool = True
) -> int:
    """Show what was found; `unseen` says why nothing could be: for people that line is all there is."""
    from opskit.cli import out, verdict
    from opskit.model import Severity
    from opskit.render.canvas import Output
    from opskit.render.dead_letters import render

    form = out.form(settings.output)
    if unseen:
        out.note(unseen)
    if not unseen or form not in (Output.TABLE, Output.PLAIN):
        out.result(render(look, form, out.canvas(shared)))
    return verdict.exit_code(look, Severity(settings.fail_on), delivered=saved)
