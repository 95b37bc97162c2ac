"""`opskit find-resources`: every resource that the manifests name exists and is as they say."""

from typing import TYPE_CHECKING, Annotated

import typer

from opskit.cli.options import SeverityName, SharedOptions, remember
from opskit.cli.times import deadline_seconds

if TYPE_CHECKING:
    from opskit.inventory import Inventory, Worker
    from opskit.settings import Settings

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

    Missing, switched off or without a way to the dead letters is high, another setting that differs medium,
    tags and log retention low. What AWS has beyond the manifests does not matter.
    """
    from opskit import inventory
    from opskit.cli import out, verdict
    from opskit.cli.inspecting import inspect
    from opskit.model import Severity
    from opskit.render.canvas import Output
    from opskit.render.resources import render

    settings, workers = _chosen(inventory.load(shared.settings(fail_on=fail_on)), fn or [], stack)
    longest_s = deadline_seconds(deadline)
    with out.working(f"looking for what {len(workers)} manifests name"):
        found, unseen = inspect(settings, workers, longest_s)
    form = out.form(settings.output)
    if unseen:
        out.note(unseen)
    if not unseen or form not in (Output.TABLE, Output.PLAIN):
        out.result(render(found, form, out.canvas(shared), only_drift=only_drift))
    return verdict.exit_code(found, Severity(settings.fail_on))


def _chosen(fleet: "Inventory", names: list[str], stack: str | None) -> "tuple[Settings, tuple[Worker, ...]]":
    """Return the asked workers, and the settings with what their names say; UsageError if there are none."""
    from opskit.cli import out
    from opskit.drift.chosen import named, of_stack, somewhere_here

    settings, workers, notes = named(fleet, names) if names else (fleet.settings, fleet.workers, ())
    for line in notes:
        out.note(line)
    return settings, somewhere_here(of_stack(workers, stack), settings)
