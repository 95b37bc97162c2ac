"""How far a redrive is, on stderr while it goes."""

import time

from opskit.cli import out
from opskit.redrive.plan import Plan
from opskit.redrive.tally import Progress
from opskit.render.figures import duration, number

NOTE_EVERY_S = 30.0
"""Between two lines of progress where stderr is no terminal."""


class Ticker:
    """Progress on stderr: one line that changes on a terminal, now and then a line elsewhere."""

    def __init__(self, planned: Plan, moved: int) -> None:
        """Begin; `moved` is what the run moved before, if it is one that goes on."""
        total = planned.box.depth.total + moved
        self._goal = min(total, planned.terms.limit or total)
        self._told_at = time.monotonic()
        self._line = out.Line()

    def said(self, text: str) -> None:
        """Show a state in words."""
        self._show(text)

    def counted(self, progress: Progress) -> None:
        """Show how far the ramp is."""
        rest = max(0, self._goal - progress.moved - progress.left - progress.failed)
        left = f", {duration(rest / progress.rate)} to go" if progress.rate > 0 and rest else ""
        back = f", {number(progress.returned)} came back" if progress.returned else ""
        self._show(
            f"moved {number(progress.moved)} of about {number(self._goal)}, "
            f"{number(progress.rate)} a second{left}{back}"
        )

    def _show(self, text: str) -> None:
        if self._line.changes:
            self._line.show(text)
        elif time.monotonic() - self._told_at >= NOTE_EVERY_S:
            self._told_at = time.monotonic()
            out.note(text)

    def close(self) -> None:
        """Take the line back."""
        self._line.close()
