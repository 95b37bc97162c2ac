"""`opskit dlq receipts`: what redrives of this machine did, and the end of their private data."""

from typing import Annotated

import typer

from opskit.cli.options import SharedOptions, remember_rows


@remember_rows
def receipts(
    shared: SharedOptions,
    *,
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="One run; else all of this machine.")
    ] = None,
    sign_off: Annotated[
        bool,
        typer.Option("--sign-off", help="All is well: forget the contents of its letters, keep the receipt."),
    ] = False,
    give_up: Annotated[
        bool,
        typer.Option(
            "--give-up",
            help="It will not be gone on with: what may have been sent may be sent again by another run.",
        ),
    ] = False,
) -> int:
    """Show the receipts of redrives; with --sign-off forget the contents of one's letters.

    Until then a run keeps every letter that it sent, whole, in a file that only its owner can read.
    """
    import os

    from opskit.cli import out
    from opskit.errors import UsageError
    from opskit.exits import Exit
    from opskit.journal import folder
    from opskit.redrive import kept
    from opskit.render.receipts import render_all, render_one

    output = out.form(shared.output_form())
    state = folder(os.environ)
    if sign_off and give_up:
        raise UsageError("--sign-off and --give-up: one or the other")
    if run is None:
        if sign_off or give_up:
            raise UsageError("--sign-off and --give-up are for one run: name it")
        found, unread = kept.every(state)
        for error in unread:
            out.note(f"could not look at {error.message}")
        out.result(render_all(found, output, out.canvas(shared)))
        return Exit.UNDETERMINED if unread else Exit.CLEAN
    do = kept.sign_off if sign_off else kept.give_up if give_up else kept.one
    out.result(render_one(do(state, run), output, out.canvas(shared)))
    return Exit.CLEAN
