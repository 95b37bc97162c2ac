"""The consumer's failing log lines for letters, by message id: the query `dead-letters` of the library."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opskit.insights import library
from opskit.insights.answer import Asked
from opskit.model import Gap, Window
from opskit.querying import Client
from opskit.redrive.letter import Letter
from opskit.redrive.place import Letterbox
from opskit.render.figures import usd

QUERY = "dead-letters"
_ROWS = 9_999
"""One row less than a query returns at most, so that it is known whether there are more."""
_SPARE_S = 3600
"""Receives take longer than the visibility timeout alone: polls, and Lambda's retries when throttled."""
AFFECTS = ("why the letters failed",)


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines by message id, and what could not be read."""

    found: Mapping[str, str]
    gaps: tuple[Gap, ...] = ()
    read: bool = True
    """Something was looked at."""
    failed: bool = False
    """There may be lines that were not read: no gap of a log group that is empty, or not there."""


def window_of(letters: Sequence[Letter], box: Letterbox, now: int) -> Window:
    """Return the time in which the letters failed: from the first sending until the last can have moved."""
    sent = [letter.sent_at_ms // 1000 for letter in letters if letter.sent_at_ms] or [now - _SPARE_S]
    spent_s = max((2 * one.max_receives * one.visibility_s for one in box.sources), default=0)
    end = max(sent) + spent_s + _SPARE_S if box.sources else now
    start = min(sent)
    return Window(start, max(min(end, now), start + 60))


def read(
    client: Client, groups: tuple[str, ...], window: Window, max_usd: float, limit: str = "--max-cost"
) -> Lines:
    """Return the failing lines of some log groups, unless the query would cost more than `max_usd`.

    `limit` is what to call that for people.
    """
    template = library.load(QUERY)
    asked = Asked(QUERY, template.render(), template.columns, groups, window, _ROWS)
    estimate = client.estimate(asked)
    if estimate.size is not None and estimate.usd > max_usd:
        return unread(f"the query would cost {usd(estimate.usd)}, above {limit} {max_usd:g}")
    answer = client.run(asked)
    gaps = [_gap(reason) for reason in answer.gaps]
    if answer.limited:
        gaps.append(_gap(f"only those of the newest {_ROWS} messages were read"))
    found = {row["message_id"]: _said(row) for row in answer.rows if row.get("message_id")}
    return Lines(found, tuple(gaps), read=answer.read, failed=answer.failed or answer.limited)


def unread(reason: str) -> Lines:
    """Return what there is when nothing could be read."""
    return Lines({}, (_gap(reason),), read=False, failed=True)


def _gap(reason: str) -> Gap:
    return Gap("the consumer's log lines", reason, AFFECTS)


def _said(row: Mapping[str, str]) -> str:
    error, kind = row.get("error") or "", row.get("kind") or ""
    return f"{kind}: {error}" if kind and kind not in error else error
