"""Where words go: results to stdout, notes to stderr; a reader that has gone stops neither."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from opskit.cli.options import SharedOptions

if TYPE_CHECKING:
    from opskit.render.canvas import Canvas, Output

PIPE_WIDTH = 100
"""The width of a table asked for where there is no terminal."""


def result(text: str) -> None:
    """Write a result and a line break to stdout."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Write a note, a warning or progress to stderr; it is never part of a result."""
    _write(sys.stderr, f"opskit: {text}")


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show what is being waited for while it lasts, where stderr is a terminal that can take it back."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield
        return
    sys.stderr.write(f"opskit: {text} ...")
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(
            text.encode(stream.encoding or "utf-8", "backslashreplace").decode(stream.encoding or "utf-8")
        )
        stream.write("\n")
        stream.flush()
    except BrokenPipeError:
        # What follows, and the interpreter's last flush, go nowhere: the exit code still speaks.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def form(asked: str | None) -> "Output":
    """Return the output's form: as asked, else a table on a terminal and plain text in a pipe."""
    from opskit.render.canvas import Output

    if asked:
        return Output(asked)
    return Output.TABLE if sys.stdout.isatty() else Output.PLAIN


def canvas(shared: SharedOptions) -> "Canvas":
    """Return what stdout can show: its width, colours (NO_COLOR, --no-color), characters and local zone."""
    from datetime import UTC, datetime

    from opskit.render.canvas import Canvas

    terminal = sys.stdout.isatty()
    plain = shared.no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Canvas(
        width=shutil.get_terminal_size((PIPE_WIDTH, 24)).columns,
        color=terminal and not plain,
        unicode=(sys.stdout.encoding or "").lower().replace("-", "").startswith("utf"),
        zone=datetime.now(UTC).astimezone().tzinfo,
    )
