"""The incidents to practise on: each a change of the workload's parameters, with its true cause.

One TOML file each:

- `title`, `target` (a worker), `cause` ("" where nothing is wrong)
- `runbook`: the name of the one that tells the cause, also where none is written yet
- `also`: causes that are true besides, each of a chain of its own or an effect
- `turns`: the cells of `opskit health` that it certainly turns from OK, each "WORKER INDICATOR" or "fleet
  INDICATOR"; others may turn with them
- `[start.PART]`: parameters that differ from the manifest all along
- `[[change]]`: `on` (a part: a worker, a table, "account"), `at` ("-95m", before now) and `set`
- `[mild]`, `[severe]`: the incident in another strength; their tables by part overrule what the last change
  of that part sets, `at` (one text) when it comes, `turns` what it turns

The parameters are those of `opskit.sandbox.workload.parts`.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from opskit.errors import UsageError

FLEET = "fleet"
"""What stands in a cell's name instead of a worker where the cell is of all of them."""
INDICATORS = (
    *("errors", "throttles", "duration", "concurrency", "iterator-age", "mapping", "filtered", "depth"),
    *("queue-age", "dead-letters", "dead-letter-errors", "lost", "api-5xx", "api-4xx", "endpoint"),
    *("table-throttles", "exists", "alarms"),
)
"""What a cell of `opskit health` can be about."""
PLAIN = "plain"
STRENGTHS = ("mild", PLAIN, "severe")


@dataclass(frozen=True, slots=True)
class Shift:
    """`before_s` seconds before now, the parameters in `values` of a part change."""

    part: str
    before_s: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident; `cause` is the id that a diagnosis must name, None where nothing is wrong."""

    name: str
    title: str
    runbook: str
    target: str
    cause: str | None
    also: tuple[str, ...]
    turns: tuple[str, ...]
    """The cells of `opskit health` that are not OK at its end."""
    start: Mapping[str, Mapping[str, Any]]
    shifts: tuple[Shift, ...]
    strengths: Mapping[str, Mapping[str, Any]]
    """What the other strengths say differently."""

    def of(self, strength: str) -> "Incident":
        """Return the incident in one of its strengths; UsageError for another word."""
        if strength == PLAIN:
            return self
        if strength not in self.strengths:
            raise UsageError(f'no strength "{strength}" of {self.name}', f"known: {', '.join(self.known)}")
        said = dict(self.strengths[strength])
        at, turns = said.pop("at", None), said.pop("turns", self.turns)
        return replace(self, turns=tuple(turns), shifts=tuple(_overruled(self.shifts, said, at)))

    @property
    def known(self) -> tuple[str, ...]:
        """The strengths that it has."""
        return tuple(word for word in STRENGTHS if word == PLAIN or word in self.strengths)


def catalogue() -> list[Incident]:
    """Return every incident there is, by name."""
    files = [f for f in resources.files(__package__).iterdir() if f.name.endswith(".toml")]
    parsed = (parse(f.name.removesuffix(".toml"), f.read_text("utf-8")) for f in files)
    return sorted(parsed, key=lambda incident: incident.name)


def find(name: str) -> Incident:
    """Return the incident called `name`; UsageError with the nearest names if there is none."""
    known = {incident.name: incident for incident in catalogue()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    raise UsageError(f'no incident "{name}"', hint)


def parse(name: str, text: str) -> Incident:
    """Return the incident that a file's text describes; ValueError or KeyError for a wrong one."""
    data = tomllib.loads(text)
    return Incident(
        name=name,
        title=data["title"],
        runbook=data["runbook"],
        target=data["target"],
        cause=data["cause"] or None,
        also=tuple(data.get("also", ())),
        turns=tuple(data["turns"]),
        start=data.get("start", {}),
        shifts=tuple(
            Shift(change["on"], _minutes(change["at"]) * 60, change["set"])
            for change in data.get("change", ())
        ),
        strengths={word: data[word] for word in STRENGTHS if word in data},
    )


def _overruled(shifts: tuple[Shift, ...], said: Mapping[str, Any], at: str | None) -> list[Shift]:
    """Return the changes with what a strength says: of each part its last change is overruled."""
    changed = list(shifts)
    for part, values in said.items():
        place = max(i for i, shift in enumerate(changed) if shift.part == part)
        changed[place] = replace(changed[place], values={**changed[place].values, **values})
    if at is not None and changed:
        changed[-1] = replace(changed[-1], before_s=_minutes(at) * 60)
    return changed


def _minutes(at: str) -> int:
    match = re.fullmatch(r"-(\d+)m", at)
    if not match:
        raise ValueError(f'expected minutes before now such as "-95m", got "{at}"')
    return int(match[1])
