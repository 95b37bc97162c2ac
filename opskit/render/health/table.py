"""The fleet for a terminal: the lines that tell all, workers by indicators, then what to type next."""

from collections.abc import Sequence
from dataclasses import replace

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from opskit.health.indicators import COLUMNS, Column
from opskit.health.model import Cell, Health, Row, State
from opskit.model import Verdict
from opskit.render.canvas import Canvas
from opskit.render.console import console, written
from opskit.render.figures import sparkline
from opskit.render.head import cut, fitting
from opskit.render.health import words
from opskit.render.safe import clean
from opskit.render.text import ALL, CAUSES, OK_TAG, PROSE_MAX, TAGS, UNKNOWN_TAG
from opskit.render.words import gap_line, merged, spent

WIDE = 112
"""From this width on cells show their values and there is room for a trend."""
TREND = 16
NAME_MIN, NAME_MAX = 8, 24
GROUPS_MAX, GAPS_MAX, NAMES_MAX = 12, 10, 6
STYLES = {State.CRIT: "bold red", State.WARN: "bold magenta", State.UNKNOWN: "bold", State.OK: ""}
SHORT = {State.CRIT: "CRIT", State.WARN: "WARN", State.UNKNOWN: "?", State.OK: "ok"}


def table(health: Health, canvas: Canvas, *, every: bool = False) -> str:
    """Return the look as a terminal shows it; only commands and console addresses may be wider than it."""
    page = _Page(health, canvas)
    page.head()
    page.rows(every=every)
    page.findings()
    page.tail()
    return written(page.screen)


class _Page:
    def __init__(self, health: Health, canvas: Canvas) -> None:
        self._health = health
        self._canvas = canvas
        self._prose = replace(canvas, width=min(canvas.width, PROSE_MAX))
        self.screen = console(canvas)

    def head(self) -> None:
        """Write what is wrong, in which time, and where."""
        tag, _, rest = fitting(words.headline(self._health), self._prose).partition(":")
        self._line(Text.assemble((tag, self._tag()), (f":{rest}" if rest else "", "bold")))
        self._line(Text(cut(words.judged(self._health, self._canvas), self._canvas.width)))
        for place in self._health.places:
            self._line(Text(cut(words.place(place), self._canvas.width)))

    def _tag(self) -> str:
        if self._health.verdict is Verdict.OK:
            return OK_TAG
        return TAGS[self._health.severity] if self._health.severity else UNKNOWN_TAG

    def rows(self, *, every: bool) -> None:
        """Write the table of workers by indicators; one table a place where there are several."""
        shown, left = words.to_show(self._health, every=every)
        for place in self._health.places:
            here = [row for row in shown if row.place == place]
            if not here:
                continue
            self._line(Text(""))
            if len(self._health.places) > 1:
                self._line(Text(cut(words.place(place), self._canvas.width), "bold"))
            self.screen.print(_table(here, self._health, self._canvas))
        if left:
            self._line(Text(f"{left} more workers are OK; --all shows them", "dim"))
        if any(cell.state is State.UNKNOWN for row in shown for cell in row.cells):
            self._line(Text("? could not be looked at; the reasons stand below", "dim"))

    def findings(self) -> None:
        """Write what was found, worst first, above the command that looks further."""
        groups = words.by_command(self._health)
        for command, found in groups[:GROUPS_MAX]:
            self._line(Text(""))
            for finding in found:
                mark = words.mark(finding, self._health)
                name = f"{clean(finding.subject)} {finding.cause} ({finding.severity})"
                said = f": {clean(finding.summary)}{words.since(finding, self._health, self._canvas)}"
                line = Text.assemble(
                    (name, CAUSES[finding.severity]), said, (f" [{mark}]" if mark else "", "bold")
                )
                self.screen.print(line, width=self._prose.width)
            if command:
                self.screen.print(Text(f"  {command}"), soft_wrap=True)
        if len(groups) > GROUPS_MAX:
            more = sum(len(found) for _, found in groups[GROUPS_MAX:])
            self._line(Text(f"and {more} more findings; {ALL}"))
        gone = self._health.since_last.gone if self._health.since_last else ()
        self._list("gone since the last run", [f"{subject} {cause}" for subject, cause in gone])

    def tail(self) -> None:
        """Write the alarms, the figures, what could not be looked at, and what the look cost."""
        health = self._health
        if health.alarms:
            self._list("alarms", [health.alarms])
        if len(health.rows) <= words.SHOWN_MAX // 4:
            self._list("measured", [f"{row.worker.name}: {words.figures(row)}" for row in health.rows])
        gaps = [gap_line(gap, NAMES_MAX) for gap in merged(health.gaps)]
        self._list("could not look at", gaps[:GAPS_MAX])
        if len(gaps) > GAPS_MAX:
            self._line(Text(f"  and {len(gaps) - GAPS_MAX} more; {ALL}"))
        self._list("notes", health.notes)
        self._line(Text(""))
        self._line(Text(f"cost {spent(health.cost)}", "dim"))
        if health.run:
            self._line(Text(f"run {health.run}", "dim"))

    def _list(self, title: str, lines: Sequence[str]) -> None:
        if not lines:
            return
        self._line(Text(""))
        self._line(Text(title, "bold"))
        for line in lines:
            self.screen.print(Padding(Text(clean(line)), (0, 0, 0, 2)), width=self._prose.width)

    def _line(self, text: Text) -> None:
        self.screen.print(text, width=self._canvas.width)


def _table(rows: Sequence[Row], health: Health, canvas: Canvas) -> Table:
    wide = canvas.width >= WIDE
    gap = 2 if wide else 1
    columns = [column for column in COLUMNS if any(words.of_column(row, column) for row in rows)]
    longest = min(max(len(row.worker.name) for row in rows), NAME_MAX)
    full = _needed(columns, rows, wide=wide, short=False) + gap * len(columns)
    short = canvas.width < full + longest
    room = canvas.width - (
        _needed(columns, rows, wide=wide, short=True) + gap * len(columns) if short else full
    )
    trend = TREND if wide and room >= longest + gap + TREND else 0
    name = max(NAME_MIN, min(longest, room - (gap + trend if trend else 0)))
    shown = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    shown.add_column("worker", width=name, no_wrap=True)
    for column in columns:
        shown.add_column(column.short if short else column.title, no_wrap=True)
    if trend:
        shown.add_column("trend", width=TREND, no_wrap=True)
    for row in rows:
        cells = [_cell(words.of_column(row, column), wide=wide) for column in columns]
        line = [Text(cut(clean(row.worker.name), name, unicode=canvas.unicode)), *cells]
        shown.add_row(*line, *([Text(_trend(row, health, canvas))] if trend else []))
    return shown


def _needed(columns: Sequence[Column], rows: Sequence[Row], *, wide: bool, short: bool) -> int:
    """Return the width of all columns but the name's."""
    return sum(_width(column, rows, wide=wide, short=short) for column in columns)


def _width(column: Column, rows: Sequence[Row], *, wide: bool, short: bool) -> int:
    cells = (_cell(words.of_column(row, column), wide=wide).cell_len for row in rows)
    return max(len(column.short if short else column.title), *cells)


def _cell(cell: Cell | None, *, wide: bool) -> Text:
    if cell is None:
        return Text("-", "dim")
    said = SHORT[cell.state]
    if wide and cell.shown:
        said = cell.shown if cell.state is State.OK else f"{said} {cell.shown}"
    return Text(clean(said), STYLES[cell.state])


def _trend(row: Row, health: Health, canvas: Canvas) -> str:
    """Return the course of the worst cell that has one."""
    with_series = [cell for cell in row.cells if cell.series]
    worst = min(with_series, key=lambda cell: cell.state.rank, default=None)
    if worst is None or worst.state is State.OK:
        worst = row.cell("duration")
    if worst is None:
        return ""
    span = (health.window.start, health.window.end)
    return sparkline(worst.series, TREND, unicode=canvas.unicode, span=span)
