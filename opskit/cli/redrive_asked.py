"""What the command line of `opskit redrive-dlq` says, and what that means for a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opskit.cli.choosing import choice_of
from opskit.cli.times import parse_duration
from opskit.errors import UsageError
from opskit.inventory import Inventory
from opskit.redrive.plan import Terms
from opskit.redrive.sinks import FileSink
from opskit.render.figures import number

FASTEST = 10_000.0
LONGEST_S = 86_400


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says, unparsed where a run that is resumed says it otherwise."""

    queue: str | None
    fn: str | None
    to: str | None
    to_function: str | None
    to_file: Path | None
    any_count: bool
    account: str | None
    groups: tuple[str, ...]
    match: str | None
    older_than: str | None
    ids: Path | None
    limit: int | None
    rate: float | None
    ramp: str | None
    canary_timeout: str | None
    guard_alarms: tuple[str, ...]
    force: bool
    deadline_s: int


def given(asked: Asked) -> dict[str, object]:
    """Return the options that say what a run does, None where nothing was said."""
    return {
        "QUEUE": asked.queue,
        "--fn": asked.fn,
        "--to": asked.to,
        "--to-function": asked.to_function,
        "--to-file": asked.to_file,
        "--any-count": asked.any_count or None,
        "--group": asked.groups or None,
        "--match": asked.match,
        "--older-than": asked.older_than,
        "--ids": asked.ids,
        "--limit": asked.limit,
        "--rate": asked.rate,
        "--ramp": asked.ramp,
        "--canary-timeout": asked.canary_timeout,
        "--guard-alarm": asked.guard_alarms or None,
    }


def terms_of(asked: Asked, now: float) -> Terms:
    """Return what the command line says of how it goes; UsageError if something of it is wrong."""
    check_limit(asked.limit)
    if asked.rate is not None and not 0 < asked.rate <= FASTEST:
        raise UsageError(f"--rate: expected messages a second, up to {number(FASTEST)}, got {asked.rate:g}")
    default = Terms()
    return Terms(
        choice=choice_of(asked.groups, asked.match, asked.older_than, asked.ids, now),
        limit=asked.limit,
        rate=asked.rate or default.rate,
        doubling_s=_seconds(asked.ramp, "--ramp", 0, default.doubling_s),
        canary_timeout_s=_seconds(asked.canary_timeout, "--canary-timeout", 1, default.canary_timeout_s),
        guard_alarms=asked.guard_alarms,
        forced=asked.force,
    )


def check_limit(limit: int | None) -> None:
    """Raise UsageError for a --limit that is none."""
    if limit is not None and limit < 1:
        raise UsageError(f"--limit: expected a number from 1 on, got {limit}")


def events(asked: Asked, inventories: Inventory) -> dict[str, Any]:
    """Return what the command line says of letters that are no queue's own."""
    if asked.to_function and asked.to_file:
        raise UsageError("--to-function and --to-file: one or the other")
    worker = inventories.find(asked.to_function).worker if asked.to_function else None
    file = asked.to_file.expanduser().absolute() if asked.to_file else None
    if file is not None:
        FileSink(file, make=False)  # before AWS is asked
    return {
        "to_function": worker.function if worker else asked.to_function or "",
        "to_file": str(file or ""),
        "any_count": asked.any_count,
    }


def _seconds(text: str | None, option: str, least_s: int, default: float) -> float:
    return default if text is None else parse_duration(text, option, least_s, LONGEST_S, "10s, 5m or 1h")
