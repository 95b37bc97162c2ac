"""The README's sample output, printed from a recorded case; run as a program, it writes it there."""

import re
import sys
from pathlib import Path

import stream_cases

from opskit.judge import judge
from opskit.model import Cost, Report
from opskit.render import Output, render
from opskit.render.canvas import Canvas

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"(<!-- sample:begin [^\n]*-->\n).*?(<!-- sample:end -->)", re.DOTALL)
CASE = "poison-present"


def sample() -> str:
    """Return the report of the recorded case as a terminal of 100 columns without colour shows it."""
    case = stream_cases.find(CASE)
    judged = judge(stream_cases.runbook_of(case), case.target, case.readings)
    report = Report(
        command="diagnose",
        runbook="stream-lag",
        target=judged.target,
        window=stream_cases.WINDOW,
        verdict=judged.verdict,
        severity=judged.severity,
        findings=judged.findings,
        gaps=judged.gaps,
        facts=judged.facts,
        cost=Cost(api_calls=8, metrics=17, bytes_scanned=4_000_000, usd=0.0002),
    )
    return render(report, Output.TABLE, Canvas(width=100, color=False, unicode=True))


def with_sample(text: str) -> str:
    """Return the README's text with a fresh sample."""
    return BLOCK.sub(lambda found: f"{found[1]}```\n{sample()}\n```\n{found[2]}", text)


if __name__ == "__main__":
    README.write_text(with_sample(README.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{README.name} is fresh\n")
