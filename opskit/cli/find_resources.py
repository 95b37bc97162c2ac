"""`opskit find-resources`: every resource that the manifests name exists and is as they say."""

from dataclasses import replace
from typing import Annotated

import typer

from opskit.cli.options import SeverityName, SharedOptions, remember
from opskit.cli.times import deadline_seconds

DEADLINE = "60s"


@remember
def find_resources(
    shared: SharedOptions,
    *,
    fn: Annotated[
        list[str] | None,
        typer.Option("--fn", metavar="NAME", help="These workers only; may be repeated.", show_default=False),
    ] = None,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="The workers of this stack only.", show_default=False)
    ] = None,
    only_drift: Annotated[
        bool, typer.Option("--only-drift", help="Leave out what is there and as its manifest says.")
    ] = False,
    fail_on: Annotated[
        SeverityName | None,
        typer.Option(help="Exit 1 from this severity on; OPSKIT_FAIL_ON, else medium.", show_default=False),
    ] = None,
    deadline: Annotated[
        str, typer.Option(metavar="TIME", help="Longest wait for AWS in a round.")
    ] = DEADLINE,
) -> int:
    """Look whether every resource that the manifests name exists, and is as they say.

    High: missing, switched off, no way to the dead letters; low: tags, log retention; medium: the rest.
    """
    from opskit import inventory
    from opskit.cli import out, verdict
    from opskit.cli.inspecting import inspect
    from opskit.drift.chosen import chosen
    from opskit.model import Severity
    from opskit.render.canvas import Output
    from opskit.render.resources import document, render

    settings = shared.settings(fail_on=fail_on)
    wanted = chosen(inventory.load(settings), fn or [], stack)
    for line in wanted.notes:
        out.note(line)
    longest_s = deadline_seconds(deadline)
    with out.working(f"looking for what {len(wanted.workers)} manifests name"):
        found, unseen = inspect(wanted, longest_s)
    found = replace(found, run=verdict.recorded(lambda run: document(replace(found, run=run))))
    form = out.form(settings.output)
    if unseen:
        out.note(unseen)
    if not unseen or form not in (Output.TABLE, Output.PLAIN):
        out.result(render(found, form, out.canvas(shared), only_drift=only_drift))
    return verdict.exit_code(found, Severity(settings.fail_on))
