"""Reports as they are printed, kept in tests/cases/render; run as a program, it writes them there."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from render_reports import BREACH, CANVAS, HEALTHY, LOSS, POISON, UNKNOWN, ZONE

from opskit.render import Output, render
from opskit.render.canvas import Canvas

FOLDER = Path(__file__).parent / "cases" / "render"
WIDTHS = (60, 80, 140)
REPORTS = {"breach": BREACH, "unknown": UNKNOWN, "ok": HEALTHY, "loss": LOSS}


def goldens() -> Iterator[tuple[str, str]]:
    """Yield each file's name and what the code prints for it."""
    for name, report in REPORTS.items():
        for width in WIDTHS:
            yield f"{name}.{width}.txt", render(report, Output.TABLE, Canvas(width=width, zone=ZONE))
    yield "breach.md", render(BREACH, Output.MARKDOWN, CANVAS)
    yield "loss.md", render(LOSS, Output.MARKDOWN, CANVAS)
    yield "breach.plain.txt", render(replace(BREACH, findings=(POISON,)), Output.PLAIN, CANVAS)
    yield "loss.plain.txt", render(LOSS, Output.PLAIN, CANVAS)


if __name__ == "__main__":
    for name, shown in goldens():
        (FOLDER / name).write_bytes(f"{shown}\n".encode())
    sys.stdout.write(f"{FOLDER.name} is fresh\n")
