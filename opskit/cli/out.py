"""Where words go: results to stdout, notes to stderr; a reader that has gone stops neither."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from opskit.errors import OpskitError

if TYPE_CHECKING:
    from opskit.cli.options import SharedOptions
    from opskit.render.canvas import Canvas, Output

PIPE_WIDTH = 100
"""The width of a table asked for where there is no terminal."""
_C_LOCALES = ("C", "POSIX")
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python itself writes into LC_CTYPE where it was C (PEP 538)."""


def result(text: str) -> bool:
    """Write a result and a line break to stdout and tell whether its reader is still there.

    OpskitError if stdout does not take them.
    """
    if sys.stdout is None:
        raise OpskitError("cannot write the result: stdout is closed")
    try:
        _write(sys.stdout, f"{text}\n")
    except BrokenPipeError:
        return False  # the reader has what it wanted; the exit code still speaks
    except OSError as error:
        raise OpskitError(f"cannot write the result to stdout: {error.strerror}") from error
    return True


def reader_gone() -> bool:
    """Tell whether whoever read stdout has closed the pipe, before anything is written to it."""
    import select

    if sys.stdout is None or not hasattr(select, "poll"):
        return False
    watched = select.poll()
    try:
        watched.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in watched.poll(0))
    except OSError:  # no file behind it
        return False


def screen(text: str) -> bool:
    """Write a result in the place of what the terminal shows; the lines before stay in its history.

    Tells like `result` whether its reader is still there.
    """
    return result(f"\x1b[H\x1b[2J{text}" if _is_terminal(sys.stdout) else text)


def note(text: str) -> None:
    """Write a note, a warning or progress to stderr, if it takes it; it is never part of a result."""
    _say(f"opskit: {text}\n")


def agreed(question: str) -> bool:
    """Ask at the terminal, on stderr: stdout has only results. Whatever is not yes is no."""
    _say(f"{question} [y/N]: ")
    try:
        return sys.stdin.readline().strip().lower() in ("y", "yes")
    except UnicodeDecodeError:
        return False


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show what is being waited for while it lasts, where stderr is a terminal that can take it back."""
    if not _is_terminal(sys.stderr) or os.environ.get("TERM") == "dumb":
        yield
        return
    said = f"opskit: {text} ..."
    _say(said)
    try:
        yield
    finally:
        _say(f"\r{' ' * len(said)}\r")


class Line:
    """One line of progress on stderr that changes in its place, where stderr is a terminal that can."""

    def __init__(self) -> None:
        self.changes = _is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
        self._shown = 0

    def show(self, text: str) -> None:
        """Show a text in the place of the one before, cut to the terminal's width."""
        import shutil

        from opskit.render.safe import clean

        said = clean(f"opskit: {text}")[: max(1, shutil.get_terminal_size((PIPE_WIDTH, 24)).columns - 1)]
        _say(f"\r{said}{' ' * (self._shown - len(said))}")
        self._shown = len(said)

    def close(self) -> None:
        """Take it back."""
        if self._shown:
            _say(f"\r{' ' * self._shown}\r")
            self._shown = 0


def _say(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError):
            _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError:
        # What follows, and the interpreter's last flush, go nowhere.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def form(asked: str | None) -> "Output":
    """Return the output's form: as asked, else a table on a terminal and plain text in a pipe."""
    from opskit.render.canvas import Output

    if asked:
        return Output(asked)
    return Output.TABLE if _is_terminal(sys.stdout) else Output.PLAIN


def canvas(shared: "SharedOptions") -> "Canvas":
    """Return what stdout can show: its width, colours (NO_COLOR, --no-color), characters and local zone."""
    import shutil
    from datetime import UTC, datetime

    from opskit.render.canvas import Canvas

    plain = shared.no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return Canvas(
        width=shutil.get_terminal_size((PIPE_WIDTH, 24)).columns,
        color=_is_terminal(sys.stdout) and not plain,
        unicode=_shows_unicode(os.environ),
        zone=datetime.now(UTC).astimezone().tzinfo,
    )


def _shows_unicode(environ: Mapping[str, str]) -> bool:
    """Whether stdout's encoding and the locale can show more than ASCII.

    In the C locale Python's own encoding is UTF-8 all the same (PEP 540), the terminal's is not.
    """
    encoding = str(getattr(sys.stdout, "encoding", None)).lower().replace("-", "")
    ctype = environ.get("LC_CTYPE", "")
    locale = environ.get("LC_ALL") or (ctype if ctype not in _COERCED else "") or environ.get("LANG")
    return encoding.startswith("utf") and locale not in _C_LOCALES
