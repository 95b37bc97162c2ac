"""From the options that choose letters to a choice: --group, --match, --older-than, --ids."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.cli.times import DAY_S, MINUTE_S, parse_duration
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.redrive.choosing import Choice
    from opskit.redrive.letter import Letter

OLDEST_S = 14 * DAY_S
"""No message is older (MessageRetentionPeriod in the SQS API reference)."""
MOST_BYTES = 50_000_000
"""A file of a million ids is smaller."""


def choice_of(
    groups: Sequence[str], match: str | None, older_than: str | None, ids: Path | None, now: float
) -> "Choice":
    """Return the choice; UsageError in one line for the first option that is wrong. `now`: epoch seconds."""
    from opskit.redrive.choosing import Choice, parse_ids

    if match is not None and not match.strip():
        raise UsageError("--match: expected a JMESPath expression, got nothing")
    before_ms = None
    if older_than is not None:
        age_s = parse_duration(older_than, "--older-than", MINUTE_S, OLDEST_S, "30m, 2h or 3d")
        before_ms = int((now - age_s) * 1000)
    chosen = None if ids is None else parse_ids(_text(ids.expanduser()), str(ids))
    return Choice(tuple(dict.fromkeys(groups)), match or "", before_ms, chosen)


def group_of(chosen: "Choice", lines: "Mapping[str, str]") -> "Callable[[Letter], str]":
    """Return what names a letter's group as `dlq peek` does; "" for all where no group is asked for.

    `lines` are the consumers' failing lines by message id.
    """
    from opskit.redrive.grouping import cause_of

    if not chosen.groups:
        return lambda _: ""
    return lambda letter: cause_of(letter, lines.get(letter.message_id, "")).id


def _text(path: Path) -> str:
    """Return the text of a file of ids; UsageError in one line for what is no readable text file."""
    if not path.is_file():
        what = "a file is needed, not a folder, device or pipe" if path.exists() else "no such file"
        raise UsageError(f"--ids: {path}: {what}")
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"--ids: {path}: larger than {MOST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"--ids: {path}: no UTF-8 text") from error
    except OSError as error:
        raise UsageError(f"--ids: {path}: cannot be read: {error.strerror}") from error
