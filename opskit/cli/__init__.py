"""The command line: parse, call, render, exit. Nothing heavy is imported before a command needs it."""

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from opskit.errors import OpskitError
from opskit.exits import Exit

if TYPE_CHECKING:
    from typer import TyperException

COMPLETING = "_OPSKIT_COMPLETE"
"""The variable in which the shell's completion script says what it wants."""
HELP = frozenset(("--help", "-h"))
COLLECT_AFTER = (100_000, 2, 2)
"""When the garbage collector looks for circles: after so many new containers; Python's own default is 700.

It looks through all after a million: after ten, as by default, a played world would stay too long.
"""
SWITCH_AFTER_S = 0.03
"""How long a thread that computes may keep the others from it; Python's own default is 0.005."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; every fault is one line on stderr.

    This is the outermost boundary: nothing that goes wrong in a command passes it but as an exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    collect_rarely()
    switch_rarely()
    try:
        return _version() if arguments == ["--version"] else _run(arguments)
    except OpskitError as error:
        return _fail(str(error), error.exit)
    except KeyboardInterrupt:
        return _fail("interrupted", Exit.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the boundary: a bug is one line and exit 4 too
        return _bug(error, debug="--debug" in arguments)


def collect_rarely() -> None:
    """Let the garbage collector rest: a command keeps what it reads, up to a million datapoints."""
    gc.set_threshold(*COLLECT_AFTER)


def switch_rarely() -> None:
    """Let a thread finish what it reads: the others wait for AWS anyway, and each change costs time."""
    sys.setswitchinterval(SWITCH_AFTER_S)


def _run(arguments: list[str]) -> int:
    completing = COMPLETING in os.environ
    if completing:
        # Without rich, typer hands over the help texts as they are, and a tab is answered at once.
        sys.modules["rich"] = None  # type: ignore[assignment]
    elif not arguments or not HELP.isdisjoint(arguments):
        from opskit.cli.lean import import_help

        import_help()
    import typer

    from opskit.cli.app import command

    try:
        code = command(completing=completing).main(
            arguments or ["--help"], prog_name="opskit", standalone_mode=False
        )
    except typer.TyperException as error:
        return _fail(_usage(error), Exit.USAGE)
    except typer.Abort:
        return _fail("interrupted", Exit.INTERRUPTED)
    if code == Exit.INTERRUPTED:
        return _fail("interrupted", Exit.INTERRUPTED)
    return int(code or 0)


def _version() -> int:
    from opskit import __version__
    from opskit.cli.out import result

    result(f"opskit {__version__}")
    return Exit.CLEAN


def _usage(error: "TyperException") -> str:
    """Return a usage error of typer's as one line that says where help is."""
    from opskit.render.safe import clean

    message = " ".join(error.format_message().split()).replace("Value error, ", "")
    context = getattr(error, "ctx", None)
    where = context.command_path if context else "opskit"
    return f"{clean(message).rstrip('.')}; see {where} --help"


def _fail(message: str, code: Exit) -> int:
    from opskit.cli.out import note

    note(message)
    return code


def _bug(error: Exception, *, debug: bool) -> int:
    import traceback

    from opskit.render.safe import clean

    if debug:
        traceback.print_exception(error)
    hint = "" if debug else "; --debug shows where"
    return _fail(f"{type(error).__name__}: {clean(str(error))[:500]}{hint}", Exit.FAILED)
