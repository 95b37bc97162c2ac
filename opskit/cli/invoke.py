"""`opskit invoke`: a worker's handler run on one event, here or where it is deployed."""

from typing import Annotated

import typer

from opskit.cli.options import SharedOptions, remember

REMOTE = "Where it is deployed"


def complete_worker(incomplete: str) -> list[str]:
    """Return the workers whose names start with what was typed, for the shell."""
    from opskit import inventory
    from opskit.settings import load

    return [one.name for one in inventory.load(load({})).files if one.name.startswith(incomplete)]


@remember
def invoke(
    shared: SharedOptions,
    worker: Annotated[
        str,
        typer.Argument(
            metavar="WORKER", help="A worker that has a manifest.", autocompletion=complete_worker
        ),
    ],
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="[EVENT.json]",
            help="An event or a dead letter as it is; - reads standard input.",
            show_default=False,
        ),
    ] = None,
    *,
    event: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="An event of the worker's own, such as sample.", show_default=False
        ),
    ] = None,
    letter: Annotated[
        int | None,
        typer.Option(metavar="N", help="Of several letters in the file the Nth alone.", show_default=False),
    ] = None,
    network: Annotated[
        bool, typer.Option("--network", help="Let the handler reach other hosts than this machine.")
    ] = False,
    remote: Annotated[
        bool,
        typer.Option(
            "--remote", help="Invoke the deployed function, once; it asks first.", rich_help_panel=REMOTE
        ),
    ] = False,
    qualifier: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Its alias or version; else the manifest's.",
            rich_help_panel=REMOTE,
            show_default=False,
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="The account that is meant.", rich_help_panel=REMOTE, show_default=False
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.", rich_help_panel=REMOTE)] = False,
) -> int:
    """Run a worker's handler on an event and show its result, log, trace and time.

    It runs on this machine, beside an AWS of its own or the one on loopback that AWS_ENDPOINT_URL names, in
    the environment local-dev (--env, OPSKIT_ENV).
    Exit 1: it failed, timed out, left records to be tried again or set them aside; 3: there was no record.
    """
    from opskit.cli.invoking import Asked, run

    asked = Asked(worker, path, event, letter, network, remote, qualifier, account, yes)
    return run(shared, asked)
