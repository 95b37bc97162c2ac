"""The report for a terminal: what is wrong, how bad and until when in the first three lines."""

import re
from collections.abc import Sequence
from dataclasses import replace

from rich.padding import Padding
from rich.style import Style
from rich.text import Text

from opskit.model import Evidence, Finding, Report, Role, Severity, Verdict
from opskit.render import evidence, words
from opskit.render.canvas import Canvas
from opskit.render.console import console, written
from opskit.render.head import cut, head
from opskit.render.links import LONGEST, addresses, links
from opskit.render.safe import clean

PROSE_MAX = 110
"""Longer lines are hard to read, however wide the terminal is."""
EVIDENCE_MAX = 10
LINES_MAX = 10
"""Facts, gaps and causes that stand in one list; whoever needs all of them reads JSON."""
NAMES_MAX = 6
TEXT_MAX = 400
"""Columns of one text of a log or an answer."""
ALL = "--output json shows all"

GLUE = "\ue000"
"""Stands for a blank at which no line is broken, a character that no cleaned text holds."""
_GLUED = re.compile(
    r"(?<=\d) (?=(?:ms|s|min|h|d|%|k?B|[MGT]B|[a-z]+/s)(?!\w))|(?<=\d\d:\d\d) (?=[A-Z]{2,5}\b)"
)
"""A figure and its unit, a time and its zone."""

# Red and magenta can be read on black and on white; yellow, cyan and green only behind black letters.
TAGS = {
    Severity.CRITICAL: "bold white on red",
    Severity.HIGH: "bold red",
    Severity.MEDIUM: "bold magenta",
    Severity.LOW: "bold",
}
CAUSES = {**TAGS, Severity.CRITICAL: "bold red"}
OK_TAG, UNKNOWN_TAG = "black on green", "black on yellow"


def text(report: Report, canvas: Canvas) -> str:
    """Return the report as a terminal shows it, at most `canvas.width` wide but for what is to be copied."""
    page = _Page(report, canvas)
    page.head()
    for number, chain in enumerate(words.chains(report), start=1):
        page.chain(number, chain)
    page.tail()
    return page.written()


def _glued(line: str) -> str:
    return _GLUED.sub(GLUE, line)


class _Page:
    """One report being written to a string."""

    def __init__(self, report: Report, canvas: Canvas) -> None:
        self._report = report
        self._canvas = canvas
        self._prose = replace(canvas, width=min(canvas.width, PROSE_MAX))
        self._lines = head(report, self._prose)
        self._console = console(canvas)

    def written(self) -> str:
        """Return what was written, without blanks at line ends."""
        return written(self._console).replace(GLUE, " ")

    def head(self) -> None:
        """Write the three lines that matter at 03:00."""
        what, when, where = self._lines
        tag, colon, rest = what.partition(":")
        self._line(Text.assemble((tag, self._tag()), (colon + rest, "bold")))
        self._line(Text(when, "bold"))
        self._line(Text(where))

    def chain(self, number: int, chain: list[Finding]) -> None:
        """Write one cause, what shows it, what to do and what not, and what follows from it."""
        primary, *others = chain
        name = f"{number}. {primary.cause} ({primary.severity})"
        self._blank()
        self._line(Text.assemble((name, CAUSES[primary.severity]), _glued(f": {clean(primary.summary)}")))
        since = words.since(primary, self._report, self._canvas)
        if number > 1 or not self._told(since):
            self._indented(since, 3)
        self._evidence(primary.evidence)
        self._list("do", primary.fix, indent=3)
        self._list("harmful", primary.avoid, "bold red", indent=3)
        for role, title in ((Role.CONTRIBUTING, "contributing"), (Role.EFFECT, "follows from it")):
            named = [f"{f.cause} ({f.severity}): {f.summary}" for f in others if f.role is role]
            self._list(title, named, indent=3)

    def tail(self) -> None:
        """Write the facts, what could not be looked at, where to look, what to type next, and the cost."""
        report = self._report
        facts = [words.with_clock(fact, report, self._canvas) for fact in report.facts]
        gaps = [words.gap_line(gap, NAMES_MAX) for gap in words.merged(report.gaps)]
        self._list("also measured", [fact for fact in facts if not self._told(fact)])
        self._list("could not look at", gaps, "bold magenta")
        self._look()
        self._list("next", report.next_commands)
        self._blank()
        judged, place = words.judged(report, self._canvas), words.place(report)
        if not self._told(judged):
            self._indented(f"judged {judged}", 0, "dim")
        if not self._told(place):
            self._indented(f"looked at {place}", 0, "dim")
        self._indented(f"cost {words.spent(report.cost)}", 0, "dim")
        if report.run:
            self._indented(f"run {report.run}", 0, "dim")

    def _told(self, text: str) -> bool:
        """Whether the first three lines say it in full."""
        return any(text in line for line in self._lines)

    def _tag(self) -> str:
        if self._report.verdict is Verdict.OK:
            return OK_TAG
        return TAGS[self._report.severity] if self._report.severity else UNKNOWN_TAG

    def _evidence(self, found: Sequence[Evidence]) -> None:
        """Write what was measured, and what has no value, such as log lines, below it."""
        shown = found[:EVIDENCE_MAX]
        measured = [item for item in shown if item.value is not None]
        inner = replace(self._canvas, width=self._canvas.width - 3)
        columns = evidence.table(measured, self._report, inner) if measured else None
        if columns:
            self._console.print(Padding(columns, (0, 0, 0, 3)))
        for item in shown:
            if item.value is None or not columns:
                self._indented(evidence.line(item, self._report), 3)
        self._more(len(found) - len(shown), 3)

    def _look(self) -> None:
        """Link to the console: as names where a terminal takes links, else as few addresses as help."""
        found = links(self._report) if self._canvas.color else addresses(self._report)
        if not found:
            return
        account = f" in account {self._report.target.account}" if self._report.target.account else ""
        # Not every terminal takes links, and none says so.
        otherwise = "; addresses: --output json" if self._canvas.color else ""
        self._blank()
        self._line(Text(f"look{account}{otherwise}", "bold"))
        if not self._canvas.color:
            for name, url in found.items():
                self._console.print(Text(f"  {name} {url}"), soft_wrap=True)
            return
        named = [
            Text(name, Style(underline=True, link=url)) for name, url in found.items() if len(url) <= LONGEST
        ]
        self._console.print(Padding(Text("  ").join(named), (0, 0, 0, 2)), width=self._prose.width)

    def _list(self, title: str, lines: Sequence[str], style: str = "bold", indent: int = 0) -> None:
        """Write lines; a command stands on its own, wrapped by the terminal alone: copied, it is whole."""
        if not lines:
            return
        if not indent:
            self._blank()
        self._indented(title, indent, style)
        for what, command in map(words.step, lines[:LINES_MAX]):
            if what:
                self._indented(what, indent + 2)
            if command:
                margin = " " * (indent + (4 if what else 2))
                self._console.print(Text(f"{margin}{command}"), soft_wrap=True)
        self._more(len(lines) - LINES_MAX, indent + 2)

    def _more(self, left: int, indent: int) -> None:
        if left > 0:
            self._indented(f"and {left} more: {ALL}", indent)

    def _indented(self, line: str, indent: int, style: str = "") -> None:
        said = _glued(cut(line, TEXT_MAX, unicode=self._canvas.unicode))
        padded = Padding(Text(said, style=style, overflow="fold"), (0, 0, 0, indent))
        self._console.print(padded, width=self._prose.width)

    def _line(self, line: Text) -> None:
        self._console.print(line, overflow="fold", width=self._prose.width)

    def _blank(self) -> None:
        self._console.print()
