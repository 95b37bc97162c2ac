"""What was measured, for a terminal: a table with sparklines where there is room, else one line each."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from opskit.model import Evidence, Report
from opskit.render.canvas import Canvas
from opskit.render.figures import amount, clock, sparkline
from opskit.render.safe import clean

TEXT_MIN = 28
"""Columns that a description needs beside its figures; with fewer a table is no help."""
TREND_MIN, TREND_MAX = 16, 60
GAP = 2
TITLES = ("evidence", "value", "limit", "at (UTC)", "trend")


def table(measured: Sequence[Evidence], report: Report, canvas: Canvas) -> Table | None:
    """Return measured values as a table as wide as the canvas allows; None where it is too narrow for one."""
    rows = [_figures(evidence, report) for evidence in measured]
    widths = [max(map(cell_len, column)) for column in zip(TITLES, *rows, strict=False)]
    text, *figures = widths
    room = canvas.width - sum(figures) - GAP * len(figures)
    if room < min(text, TEXT_MIN):
        return None
    trend = _trend_width(text, room) if any(evidence.series for evidence in measured) else 0
    shown = _frame(trend)
    for evidence, row in zip(measured, rows, strict=True):
        line = (*row, _trend(evidence, report, canvas, trend)) if trend else row
        shown.add_row(*map(Text, line))
    return shown


def line(evidence: Evidence, report: Report) -> str:
    """Return one item in words: "errors a minute: 12 (limit 5, at 03:09 UTC)"; log text stands alone."""
    text, value, limit, at = _figures(evidence, report)
    if not value:
        return text
    beside = ", ".join(filter(None, (f"limit {limit}" if limit else "", f"at {at} UTC" if at else "")))
    return f"{text}: {value}" + (f" ({beside})" if beside else "")


def _figures(evidence: Evidence, report: Report) -> tuple[str, str, str, str]:
    at = "" if evidence.at is None else clock(evidence.at, report.window.end).removesuffix(" UTC")
    value, limit = amount(evidence.value, evidence.unit), amount(evidence.limit, evidence.unit)
    return clean(evidence.text), clean(value), clean(limit), at


def _trend_width(text: int, room: int) -> int:
    """Return the sparkline's columns: what the descriptions leave, 0 if that would fold them small."""
    left = room - GAP - min(text, TEXT_MIN)
    return max(min(room - GAP - text, TREND_MAX), TREND_MIN) if left >= TREND_MIN else 0


def _trend(evidence: Evidence, report: Report, canvas: Canvas, width: int) -> str:
    span = (report.window.start, report.window.end)
    return sparkline(evidence.series, width, unicode=canvas.unicode, span=span)


def _frame(trend: int) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    shown.add_column(TITLES[0], overflow="fold")
    for title in TITLES[1:3]:
        shown.add_column(title, justify="right", no_wrap=True)
    for title in TITLES[3:] if trend else TITLES[3:4]:
        shown.add_column(title, no_wrap=True)
    return shown
