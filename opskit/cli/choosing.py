"""Which letters the command line chooses, for a redrive or a drop."""

from collections.abc import Callable
from pathlib import Path

from opskit.cli.times import parse_duration
from opskit.errors import UsageError
from opskit.redrive.choosing import Choice, parse_ids
from opskit.redrive.grouping import cause_of
from opskit.redrive.letter import Letter

LONGEST_S = 14 * 86_400
"""SQS keeps no message longer (MessageRetentionPeriod in its API reference)."""


def choice(
    groups: tuple[str, ...], match: str, older_than: str | None, ids: Path | None, now: float
) -> Choice:
    """Return what was chosen; UsageError if something of it is wrong."""
    before_ms = None
    if older_than is not None:
        age_s = parse_duration(older_than, "--older-than", 1, LONGEST_S, "30m, 12h or 2d")
        before_ms = int((now - age_s) * 1000)
    return Choice(groups, match, before_ms, None if ids is None else _read(ids))


def _read(ids: Path) -> frozenset[str]:
    try:
        return parse_ids(ids.expanduser().read_text(), f"--ids {ids}")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--ids {ids}: {getattr(error, 'strerror', None) or 'no text'}") from error


def group_of(chosen: Choice) -> Callable[[Letter], str]:
    """Return what names a letter's group: by the error or the record it carries, else by its body's shape."""
    return (lambda letter: cause_of(letter).id) if chosen.groups else (lambda _: "")
