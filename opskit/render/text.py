"""The report for a terminal: what is wrong, how bad and until when in the first three lines."""

from collections.abc import Sequence
from io import StringIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from opskit.model import Evidence, Finding, Report, Role, Severity, Verdict
from opskit.render import words
from opskit.render.canvas import Canvas
from opskit.render.figures import amount, clock, sparkline
from opskit.render.safe import clean

SPARKLINE_FROM_WIDTH = 76
"""Narrower terminals keep their columns for the values."""
SPARKLINE_WIDTH = 16
COLORS = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}


def text(report: Report, canvas: Canvas) -> str:
    """Return the report as a terminal shows it, at most `canvas.width` wide but for copyable commands."""
    page = _Page(report, canvas)
    page.head()
    for number, chain in enumerate(words.chains(report), start=1):
        page.chain(number, chain)
    page.tail()
    return page.written()


class _Page:
    """One report being written to a string."""

    def __init__(self, report: Report, canvas: Canvas) -> None:
        self._report = report
        self._canvas = canvas
        self._file = StringIO()
        self._console = Console(
            file=self._file,
            width=canvas.width,
            force_terminal=canvas.color,
            color_system="standard" if canvas.color else None,
            no_color=not canvas.color,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            _environ={},
        )

    def written(self) -> str:
        """Return what was written, without blanks at line ends."""
        return "\n".join(line.rstrip() for line in self._file.getvalue().split("\n")).rstrip("\n")

    def head(self) -> None:
        """Write the three lines that matter at 03:00, and the summary of the worst cause."""
        self._line(words.headline(self._report), self._color())
        self._line(words.timing(self._report, self._canvas))
        self._line(words.place(self._report), "dim")

    def chain(self, number: int, chain: list[Finding]) -> None:
        """Write one cause, what shows it, what to do and what not, and what follows from it."""
        primary, *others = chain
        self._blank()
        self._line(
            f"{number}. {primary.cause} ({primary.severity}): {clean(primary.summary)}",
            COLORS[primary.severity],
        )
        self._evidence(primary)
        self._list("do", primary.fix, "bold green")
        self._list("harmful", primary.avoid, "bold red")
        for role, title in ((Role.CONTRIBUTING, "contributing"), (Role.EFFECT, "follows from it")):
            named = [f"{f.cause} ({f.severity}): {f.summary}" for f in others if f.role is role]
            self._list(title, named)

    def tail(self) -> None:
        """Write the facts, what could not be looked at, what the look cost and what to type next."""
        report = self._report
        told = words.countdown(report) if report.findings else None
        facts = [words.with_clock(f, report, self._canvas) for f in report.facts if f is not told]
        gaps = [words.gap_line(gap) for gap in words.merged(report.gaps)]
        self._section("also measured", facts)
        self._section("could not look at", gaps, "bold yellow")
        self._section("next", report.next_commands)
        self._blank()
        if report.verdict is not Verdict.OK:
            self._line(f"judged {words.judged(report, self._canvas)}", "dim")
        run = f"; run {report.run}" if report.run else ""
        self._line(f"cost {words.spent(report.cost)}{run}", "dim")

    def _color(self) -> str:
        if self._report.verdict is Verdict.OK:
            return "bold green"
        return COLORS[self._report.severity] if self._report.severity else "bold yellow"

    def _evidence(self, finding: Finding) -> None:
        """Write what was measured as columns, and what has no value, such as log lines, below them."""
        measured = [evidence for evidence in finding.evidence if evidence.value is not None]
        if measured:
            self._measured(measured)
        for evidence in finding.evidence:
            if evidence.value is None:
                self._indented(clean(evidence.text), 3)

    def _measured(self, measured: Sequence[Evidence]) -> None:
        trend = self._canvas.width >= SPARKLINE_FROM_WIDTH and any(e.series for e in measured)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("evidence", overflow="fold")
        for title in ("value", "limit"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("at (UTC)", no_wrap=True)
        if trend:
            table.add_column("trend", no_wrap=True)
        for evidence in measured:
            table.add_row(*self._row(evidence, trend=trend))
        self._console.print(Padding(table, (0, 0, 0, 3)))

    def _row(self, evidence: Evidence, *, trend: bool) -> list[Text]:
        at = "" if evidence.at is None else clock(evidence.at, self._report.window.end).removesuffix(" UTC")
        cells = [
            clean(evidence.text),
            amount(evidence.value, evidence.unit),
            amount(evidence.limit, evidence.unit),
            at,
        ]
        if trend:
            window = self._report.window
            span = (window.start, window.end)
            cells.append(sparkline(evidence.series, SPARKLINE_WIDTH, unicode=self._canvas.unicode, span=span))
        return [Text(cell) for cell in cells]

    def _list(self, title: str, lines: Sequence[str], style: str = "bold", indent: int = 3) -> None:
        """Write lines; a command stands on its own, wrapped by the terminal alone: copied, it is whole."""
        if not lines:
            return
        self._indented(title, indent, style)
        for what, command in map(words.step, lines):
            if what:
                self._indented(what, indent + 2)
            if command:
                margin = " " * (indent + (4 if what else 2))
                self._console.print(Text(f"{margin}{command}"), soft_wrap=True)

    def _indented(self, line: str, indent: int, style: str = "") -> None:
        self._console.print(Padding(Text(line, style=style, overflow="fold"), (0, 0, 0, indent)))

    def _section(self, title: str, lines: Sequence[str], style: str = "bold") -> None:
        if lines:
            self._blank()
            self._list(title, lines, style, indent=0)

    def _line(self, line: str, style: str = "") -> None:
        self._console.print(Text(line, style=style), overflow="fold")

    def _blank(self) -> None:
        self._console.print()
