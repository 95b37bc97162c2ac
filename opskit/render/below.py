"""What stands below a table of what was looked at: where that was, what is wrong, what to do; pure."""

import textwrap
from collections.abc import Iterator, Sequence

from opskit.model import Severity
from opskit.render.safe import clean

MARGIN = 9
"""Where a finding's text begins: behind "critical"."""


def place_line(account: str, region: str, env: str, endpoint: str) -> str:
    """Return where was looked: account, region, environment, and the endpoint if it is not AWS's own."""
    who = f"account {account}" if account else "account unknown"
    return ", ".join(filter(None, (who, region, env, f"endpoint {clean(endpoint)}" if endpoint else "")))


def finding_lines(
    severity: Severity, sentences: Sequence[str], commands: Sequence[str], width: int | None
) -> Iterator[str]:
    """Yield a finding's lines: prose is wrapped at `width`, a command never: it is to be copied."""
    room = None if width is None else width - MARGIN
    first, *others = [line for said in sentences for line in wrapped(said, room)]
    yield f"{severity.value:<{MARGIN}}{first}"
    margin = " " * MARGIN
    yield from (f"{margin}{line}" for line in others)
    yield from (f"{margin}{clean(command)}" for command in commands)


def wrapped(text: str, width: int | None) -> list[str]:
    """Return a text's lines of at most `width` columns; None: one line."""
    return [text] if width is None else textwrap.wrap(text, width, break_on_hyphens=False) or [""]
