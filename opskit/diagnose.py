"""The one pipeline of a diagnosis: resolve the target, ask, ask once more, judge, report."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from opskit.errors import CannotLookError, UsageError
from opskit.judge import Judgement, judge, merge
from opskit.model import Cost, Describe, Reading, Readings, Report, Runbook, Signal, Target, Window
from opskit.render.figures import iso

LONGER_H = 24
"""How far back the next look goes when a trouble is older than the window."""

HOUR_S = 3600

EDGE_S = 300
"""An onset this close to the window's start may well lie before it."""


class Asks(Protocol):
    """What asks AWS: `opskit.gather.Gatherer`, or a table of answers in a test."""

    @property
    def window(self) -> Window:
        """The judged time."""
        ...

    @property
    def cost(self) -> Cost:
        """What the look has cost so far."""
        ...

    @property
    def blocked(self) -> str:
        """Why nothing at all could be asked; "" if something could."""
        ...

    def gather(self, signals: "Signals") -> Mapping[Signal, Reading]:
        """Return one reading for every signal, asking each only once per run."""
        ...

    def close(self) -> None:
        """Stop what still runs."""
        ...


class Resolves(Protocol):
    """What a name may stand for: `opskit.inventory.Lookup`."""

    def signals(self) -> Mapping[str, Describe]:
        """Return round 0's questions."""
        ...

    def named(self, readings: Readings) -> Mapping[str, Describe]:
        """Return those about the function that was settled on, as rules call them."""
        ...

    def bind(self, readings: Readings, triggers: tuple[str, ...], runbook: str) -> tuple[Target, ...]:
        """Return at least one target; UsageError when the name or its trigger does not fit."""
        ...

    def missing_function(self, readings: Readings) -> str | None:
        """Return the line that says a known worker's function does not exist, if so."""
        ...


Signals = list[Signal]


@dataclass(frozen=True, slots=True)
class Look:
    """Readings by target: all that was asked, enough to judge again without AWS."""

    by_target: tuple[tuple[Target, Readings], ...]
    """At least one."""

    @property
    def window(self) -> Window:
        """The judged time, the same for all targets."""
        return self.by_target[0][1].window

    def judge(self, runbook: Runbook) -> Judgement:
        """Judge every target and join what was found."""
        return merge([judge(runbook, target, readings) for target, readings in self.by_target])

    def asked(self, target: Target) -> Mapping[str, Signal]:
        """Return the signals that were asked about `target`, by name."""
        return next((readings.named for of, readings in self.by_target if of == target), {})


def diagnose(
    runbook: Runbook,
    lookup: Resolves,
    gatherer: Asks,
    *,
    endpoint: str = "",
    run: str = "",
    name: str = "",
    at: int | None = None,
    keep: Callable[[Look], None] | None = None,
) -> Report:
    """Run one runbook for one worker in at most three rounds; the gatherer is closed at the end.

    `name` is what the user called the worker and `at` the time that was asked for, for the commands that
    are suggested next; `endpoint` and `run` go into the report; `keep` is handed all that was read.
    CannotLookError when nothing could be asked at all; UsageError when the worker is unknown or the runbook
    not for it. Ctrl-C goes on after the log queries were stopped.
    """
    try:
        seen = look(runbook, lookup, gatherer)
    finally:
        gatherer.close()
    if keep is not None:
        keep(seen)
    return report(runbook, seen, cost=gatherer.cost, endpoint=endpoint, run=run, name=name, at=at)


def report(
    runbook: Runbook,
    seen: Look,
    *,
    cost: Cost,
    endpoint: str = "",
    run: str = "",
    name: str = "",
    at: int | None = None,
) -> Report:
    """Judge what was seen, now or long after; pure."""
    judgement = seen.judge(runbook)
    return Report(
        command="diagnose",
        runbook=runbook.NAME,
        target=judgement.target,
        window=seen.window,
        verdict=judgement.verdict,
        severity=judgement.severity,
        findings=judgement.findings,
        gaps=judgement.gaps,
        facts=judgement.facts,
        cost=cost,
        run=run,
        endpoint=endpoint,
        next_commands=_next_commands(runbook, judgement, seen.window, name, at),
        at=at,
        asked=seen.asked(judgement.target),
    )


def look(runbook: Runbook, lookup: Resolves, gatherer: Asks) -> Look:
    """Ask all there is to ask: round 0 for the target, round 1, and round 2 where round 1 calls for it."""
    asked = lookup.signals()
    round0 = Readings(asked, gatherer.gather(list(asked.values())), window=gatherer.window)
    if gatherer.blocked:
        raise CannotLookError(gatherer.blocked)
    targets = lookup.bind(round0, runbook.TRIGGERS, runbook.NAME)
    missing = lookup.missing_function(round0)
    if missing:
        raise UsageError(missing)
    named: list[dict[str, Signal]] = [
        {**lookup.named(round0), **runbook.signals(target)} for target in targets
    ]
    first = _read(gatherer, named)
    more = [
        {**names, **runbook.more_signals(target, readings)}
        for target, names, readings in zip(targets, named, first, strict=True)
    ]
    return Look(tuple(zip(targets, _read(gatherer, more), strict=True)))


def _read(gatherer: Asks, named: list[dict[str, Signal]]) -> list[Readings]:
    """Ask for every target's signals together, equal ones once."""
    wanted = list(dict.fromkeys(signal for names in named for signal in names.values()))
    answers = gatherer.gather(wanted)
    return [Readings(names, answers, window=gatherer.window) for names in named]


def _next_commands(
    runbook: Runbook, judgement: Judgement, window: Window, name: str, at: int | None
) -> tuple[str, ...]:
    """Suggest what to type next: look further back, or again; after a look at the past, at now."""
    target = judgement.target
    words = ["opskit", "diagnose", runbook.NAME, "--fn", name or target.worker, "--env", target.env]
    command = f"{shlex.join(words)} --region {target.region}"
    then = command if at is None else f"{command} --at {iso(at)}"
    if not judgement.findings:
        return (then,) if judgement.gaps else ()
    since = judgement.findings[0].since
    older = since is not None and since < window.start + EDGE_S and window.seconds < LONGER_H * HOUR_S
    return (*((f"{then} --since {LONGER_H}h",) if older else ()), command)
