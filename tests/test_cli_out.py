"""Where words go, and what the place can show."""

import io
import sys

import pytest

from opskit.cli import out
from opskit.cli.options import SharedOptions
from opskit.render.canvas import Output


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stdout and stderr a terminal; called in the test itself, as pytest sets them anew before it."""
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", shown)
    for name in ("NO_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return shown


def test_a_table_on_a_terminal_plain_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch)
    assert out.form(None) is Output.TABLE
    assert out.form("json") is Output.JSON
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert out.form(None) is Output.PLAIN
    assert out.form("table") is Output.TABLE


@pytest.mark.parametrize(
    ("environ", "shared", "color"),
    [
        ({}, SharedOptions(), True),
        ({"NO_COLOR": "1"}, SharedOptions(), False),
        ({"NO_COLOR": ""}, SharedOptions(), True),
        ({"TERM": "dumb"}, SharedOptions(), False),
        ({}, SharedOptions(no_color=True), False),
    ],
)
def test_colours(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], shared: SharedOptions, color: bool
) -> None:
    terminal(monkeypatch)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert out.canvas(shared).color is color


def test_no_colours_and_a_fixed_width_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    monkeypatch.delenv("COLUMNS", raising=False)
    canvas = out.canvas(SharedOptions())
    assert (canvas.color, canvas.unicode) == (False, False)


def test_the_width_is_the_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "61")
    assert out.canvas(SharedOptions()).width == 61


def test_what_the_terminal_cannot_show_is_not_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    ascii_only = Terminal("ascii")
    monkeypatch.setattr(sys, "stdout", ascii_only)
    out.result("peak █ é")
    assert ascii_only.bytes.getvalue() == b"peak \\u2588 \\xe9\n"


@pytest.mark.parametrize(
    ("environ", "unicode"),
    [
        ({"LC_ALL": "C"}, False),
        ({"LC_ALL": "POSIX", "LANG": "en_US.UTF-8"}, False),
        ({"LC_CTYPE": "C", "LANG": "en_US.UTF-8"}, False),
        ({"LANG": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "C"}, True),
        ({"LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "C.UTF-8"}, True),
        ({}, True),
    ],
)
def test_the_locale_says_what_can_be_shown(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], unicode: bool
) -> None:
    terminal(monkeypatch)
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert out.canvas(SharedOptions()).unicode is unicode


def test_a_note_that_stderr_does_not_take_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    out.note("x")
    with out.working("x"):
        pass


def test_waiting_is_shown_and_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal(monkeypatch)
    with out.working("asking AWS"):
        assert shown.bytes.getvalue() == b"opskit: asking AWS ..."
    assert shown.bytes.getvalue().endswith(b"...\r" + b" " * 22 + b"\r")
    assert b"\x1b" not in shown.bytes.getvalue()


def test_waiting_is_silent_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    with out.working("asking AWS"):
        pass
    assert pipe.getvalue() == ""
