"""What is printed, of reports and of looks at the fleet, kept in tests/cases/render.

Run as a program, it writes them there.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from render_health import LOOKS
from render_reports import BREACH, CANVAS, HEALTHY, LOSS, POISON, UNKNOWN, ZONE

from opskit.render import Output, render
from opskit.render.canvas import Canvas
from opskit.render.health import render as of_fleet

FOLDER = Path(__file__).parent / "cases" / "render"
WIDTHS = (60, 80, 140)
HEALTH_WIDTHS = (60, 80, 100, 140)
SHOWN_LOOKS = ("healthy", "unknown", "since", "places", "fleet")
REPORTS = {"breach": BREACH, "unknown": UNKNOWN, "ok": HEALTHY, "loss": LOSS}


Print = Callable[[], str]


def goldens() -> Iterator[tuple[str, Print]]:
    """Yield each file's name and what gives the text that the code prints for it."""
    for name, report in REPORTS.items():
        for width in WIDTHS:
            yield f"{name}.{width}.txt", partial(render, report, Output.TABLE, Canvas(width=width, zone=ZONE))
    yield "breach.md", partial(render, BREACH, Output.MARKDOWN, CANVAS)
    yield "loss.md", partial(render, LOSS, Output.MARKDOWN, CANVAS)
    yield "breach.plain.txt", partial(render, replace(BREACH, findings=(POISON,)), Output.PLAIN, CANVAS)
    yield "loss.plain.txt", partial(render, LOSS, Output.PLAIN, CANVAS)
    yield from _looks()


def _looks() -> Iterator[tuple[str, Print]]:
    for name in SHOWN_LOOKS:
        for width in HEALTH_WIDTHS:
            canvas = Canvas(width=width, zone=ZONE)
            yield f"health-{name}.{width}.txt", partial(of_fleet, LOOKS[name], Output.TABLE, canvas)
    yield (
        "health-fleet.ascii.txt",
        partial(of_fleet, LOOKS["fleet"], Output.TABLE, Canvas(width=60, unicode=False)),
    )
    for name in ("since", "places"):
        yield f"health-{name}.plain.txt", partial(of_fleet, LOOKS[name], Output.PLAIN, CANVAS)
        yield f"health-{name}.md", partial(of_fleet, LOOKS[name], Output.MARKDOWN, CANVAS)
        yield f"health-{name}.junit.xml", partial(of_fleet, LOOKS[name], Output.JUNIT, CANVAS)
    yield "health-since.json.txt", partial(of_fleet, LOOKS["since"], Output.JSON, CANVAS)
    yield "health-unknown.openmetrics.txt", partial(of_fleet, LOOKS["unknown"], Output.OPENMETRICS, CANVAS)


if __name__ == "__main__":
    for name, shown in goldens():
        (FOLDER / name).write_bytes(f"{shown()}\n".encode())
    sys.stdout.write(f"{FOLDER.name} is fresh\n")
