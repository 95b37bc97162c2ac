"""A headline and lines that each begin with what they are about, for commands that act on a queue; pure."""

from collections.abc import Sequence

from opskit.model import Finding, Gap
from opskit.render.canvas import Output
from opskit.render.safe import clean, markdown

Line = tuple[str, str]
"""(label, text); neither is trusted."""
_MARGIN = 9
"""Where a text begins: behind "critical"."""


def labelled(headline: str, lines: Sequence[Line], output: Output) -> str:
    """Return them as text or as Markdown; a line is never wrapped, for commands are copied from it."""
    if output is Output.MARKDOWN:
        items = [f"- **{markdown(label)}** {markdown(text)}" for label, text in lines]
        return "\n".join((f"# {markdown(headline)}", "", *items)).rstrip()
    return "\n".join((clean(headline), *(f"{label:<{_MARGIN}}{clean(text)}" for label, text in lines)))


def of_findings(findings: Sequence[Finding]) -> list[Line]:
    """Return findings as lines, what to do below each."""
    return [
        line
        for one in findings
        for line in (
            (one.severity.value, f"{one.subject}: {one.summary}"),
            *(("fix", fix) for fix in one.fix),
        )
    ]


def of_gaps(gaps: Sequence[Gap]) -> list[Line]:
    """Return what could not be looked at as lines."""
    return [("unknown", f"could not look at {gap.signal}: {gap.reason}") for gap in gaps]
