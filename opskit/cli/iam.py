"""`opskit iam-policy`: the least rights with which it can look."""

from typing import Annotated

import typer

from opskit.cli.options import SharedOptions, remember


def _complete(incomplete: str) -> list[str]:
    from opskit.rights import ACTING, COMMANDS
    from runbooks import ALL

    return [name for name in (*ALL, *COMMANDS, *ACTING) if name.startswith(incomplete)]


@remember
def iam_policy(
    shared: SharedOptions,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="For these runbooks and commands alone (health, find-resources, dlq, dlq-peek, dlq-drop, "
            "dlq-restore, invoke-remote, logs, query, redrive-dlq, redrive-dlq-events, "
            "redrive-dlq-server-side); else for all that only look.",
            metavar="[NAME]...",
            autocompletion=_complete,
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the least IAM policy for looking, as JSON for `aws iam create-policy`.

    The rights of what acts, such as redrive-dlq and invoke --remote, are printed only where it is named.
    """
    from opskit import inventory
    from opskit.cli import out
    from opskit.cli.books import find_runbook
    from opskit.foresight import foresee_all
    from opskit.iam import Place, policy
    from opskit.model import Window
    from opskit.render.json import encoded
    from opskit.rights import ACTING, COMMANDS
    from runbooks import ALL

    commands = {**COMMANDS, **ACTING}
    settings = shared.settings()
    asked = names or [*ALL, *COMMANDS]
    books = [find_runbook(name, ALL, commands=commands) for name in asked if name not in commands]
    more = [signal for name in asked if name in commands for signal in commands[name](settings)]
    workers = inventory.load(settings).workers
    # How much time is looked at changes what is read, not what may be.
    window = Window(0, 3 * 3600)
    foreseen = [one for book in books for one in foresee_all(book, settings, window)]
    out.result(encoded(policy(foreseen, Place(settings, workers), more)))
