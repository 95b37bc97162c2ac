"""The fleet for a terminal: the lines that tell all, workers by indicators, then what to type next."""

from collections.abc import Sequence
from dataclasses import replace

from rich.cells import cell_len
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from opskit.health.indicators import COLUMNS, Column
from opskit.health.model import Cell, Health, Row, State
from opskit.model import Verdict
from opskit.render.canvas import Canvas
from opskit.render.console import console, written
from opskit.render.figures import counted, sparkline
from opskit.render.head import cut, fitting
from opskit.render.health import words
from opskit.render.safe import clean
from opskit.render.text import ALL, CAUSES, OK_TAG, PROSE_MAX, TAGS, UNKNOWN_TAG
from opskit.render.words import spent

WIDE = 112
"""From this width on cells show their values and there is room for a trend."""
TREND = 16
NAME_MIN = 8
GROUPS_MAX, GAPS_MAX = 12, 10
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
        self._line(Text(fitting(words.judged(self._health, self._canvas), self._canvas)))
        self._line(Text(fitting(words.places(self._health), self._canvas)))

    def _tag(self) -> str:
        if self._health.verdict is Verdict.OK:
            return OK_TAG
        return TAGS[self._health.severity] if self._health.severity else UNKNOWN_TAG

    def rows(self, *, every: bool) -> None:
        """Write the table of workers by indicators; one table a place where there are several."""
        shown, left = words.to_show(self._health, every=every)
        for place in dict.fromkeys(row.place for row in shown):
            here = [row for row in shown if row.place == place]
            self._line(Text(""))
            if len(self._health.places) > 1:
                self._line(Text(fitting((words.place(place),), self._canvas), "bold"))
            self.screen.print(_Table(here, self._health, self._canvas).grid())
        if left:
            self._line(Text(""))
            self._line(Text(f"{counted(left, 'worker is', 'workers are')} OK; --all shows them", "dim"))
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
                self.screen.print(Text(f"  {clean(command)}"), soft_wrap=True)
        if len(groups) > GROUPS_MAX:
            more = sum(len(found) for _, found in groups[GROUPS_MAX:])
            self._line(Text(f"and {more} more findings; {ALL}"))
        gone = self._health.since_last.gone if self._health.since_last else ()
        changed = words.compared(self._health, self._canvas)
        self._list(changed, [f"gone: {subject} {cause}" for subject, cause in gone], alone=bool(changed))

    def tail(self) -> None:
        """Write the alarms, the figures, what could not be looked at, and what the look cost."""
        health = self._health
        if health.alarms:
            self._list("alarms", [health.alarms])
        if len(health.rows) <= words.SHOWN_MAX // 4:
            self._list("measured", words.measured_of(health))
        gaps = words.gaps(health)
        self._list("could not look at", gaps[:GAPS_MAX])
        if len(gaps) > GAPS_MAX:
            self._line(Text(f"  and {len(gaps) - GAPS_MAX} more; {ALL}"))
        self._list("notes", health.notes)
        self._line(Text(""))
        self._line(Text(f"cost {spent(health.cost)}", "dim"))
        if health.run:
            self._line(Text(f"run {health.run}", "dim"))

    def _list(self, title: str, lines: Sequence[str], *, alone: bool = False) -> None:
        """Write lines below their title; without any the title only if it may stand alone."""
        if not lines and not alone:
            return
        self._line(Text(""))
        self._line(Text(title, "bold"))
        for line in lines:
            self.screen.print(Padding(Text(clean(line)), (0, 0, 0, 2)), width=self._prose.width)

    def _line(self, text: Text) -> None:
        self.screen.print(text, width=self._canvas.width)


class _Table:
    """Workers by indicators: the names first, then headings in full, then trends get what room there is."""

    def __init__(self, rows: Sequence[Row], health: Health, canvas: Canvas) -> None:
        self._rows = rows
        self._health = health
        self._canvas = canvas
        self._wide = canvas.width >= WIDE
        self._gap = 2 if self._wide else 1
        self._names = list(map(words.called(health), rows))
        self._columns = [column for column in COLUMNS if any(words.of_column(row, column) for row in rows)]

    def grid(self) -> Table:
        longest = max(map(cell_len, self._names))
        short = self._room(short=False) < longest
        room = self._room(short=short)
        trend = TREND if self._wide and room >= longest + self._gap + TREND else 0
        name = max(NAME_MIN, min(longest, room))
        shown = Table(box=None, pad_edge=False, padding=(0, self._gap, 0, 0), header_style="bold")
        shown.add_column("worker", width=name, no_wrap=True)
        for column in self._columns:
            shown.add_column(column.short if short else column.title, no_wrap=True)
        if trend:
            shown.add_column("trend", width=TREND, no_wrap=True)
        for row, called in zip(self._rows, self._names, strict=True):
            cells = [_cell(words.of_column(row, column), wide=self._wide) for column in self._columns]
            line = [Text(_middle_cut(called, name, unicode=self._canvas.unicode)), *cells]
            shown.add_row(*line, *([Text(_trend(row, self._health, self._canvas))] if trend else []))
        return shown

    def _room(self, *, short: bool) -> int:
        """Return what the columns, their headings `short` or in full, leave for the name."""
        return self._canvas.width - sum(self._width(one, short=short) + self._gap for one in self._columns)

    def _width(self, column: Column, *, short: bool) -> int:
        cells = (_cell(words.of_column(row, column), wide=self._wide).cell_len for row in self._rows)
        return max(len(column.short if short else column.title), *cells)


def _middle_cut(name: str, width: int, *, unicode: bool) -> str:
    """Return a name in at most `width` columns: workers of one fleet begin, or end, alike."""
    if cell_len(name) <= width:
        return name
    tail = name[-(width // 3) :]
    return f"{cut(name[: -len(tail)], width - cell_len(tail), unicode=unicode)}{tail}"


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
