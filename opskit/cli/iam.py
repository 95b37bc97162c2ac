"""`opskit iam-policy`: the least rights with which it can look."""

from typing import Annotated

import typer

from opskit.cli.diagnose import complete_runbook
from opskit.cli.options import SharedOptions, remember


@remember
def iam_policy(
    shared: SharedOptions,
    runbooks: Annotated[
        list[str] | None,
        typer.Argument(
            help="For these alone, find-resources among them; else for all runbooks.",
            metavar="[RUNBOOK]...",
            autocompletion=complete_runbook,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the least IAM policy for looking, as JSON for `aws iam create-policy`."""
    from opskit import inventory
    from opskit.cli import out
    from opskit.cli.books import find_runbook
    from opskit.drift import asks
    from opskit.drift.report import COMMAND
    from opskit.foresight import foresee_all
    from opskit.iam import Place, policy
    from opskit.model import Window
    from opskit.render.json import encoded
    from runbooks import ALL

    settings = shared.settings()
    names = runbooks or list(ALL)
    books = [find_runbook(name, ALL) for name in names if name != COMMAND]
    more = asks.every() if COMMAND in names else ()
    workers = inventory.load(settings).workers
    # How much time is looked at changes what is read, not what may be.
    window = Window(0, 3 * 3600)
    foreseen = [one for book in books for one in foresee_all(book, settings, window)]
    out.result(encoded(policy(foreseen, Place(settings, workers), more)))
