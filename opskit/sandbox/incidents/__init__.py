"""The incidents to practise on: each a change of the workload's parameters, with its true cause.

One TOML file each: `title`, `runbook`, `target` (a worker), `cause` ("" where nothing is wrong),
`[start.WORKER]` for parameters that differ from the manifest all along, and `[[change]]` with `worker`, `at`
("-95m", before now) and `set`. The parameters are those of `opskit.sandbox.workload.params.Params`.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from opskit.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shift:
    """`before_s` seconds before now, `worker`'s parameters in `values` change."""

    worker: str
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
    start: Mapping[str, Mapping[str, Any]]
    shifts: tuple[Shift, ...]


def catalogue() -> list[Incident]:
    """Return every incident there is, by name."""
    files = [f for f in resources.files(__package__).iterdir() if f.name.endswith(".toml")]
    parsed = (_parse(f.name.removesuffix(".toml"), f.read_text("utf-8")) for f in files)
    return sorted(parsed, key=lambda incident: incident.name)


def find(name: str) -> Incident:
    """Return the incident called `name`; UsageError with the nearest names if there is none."""
    known = {incident.name: incident for incident in catalogue()}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    raise UsageError(f'no incident "{name}"', hint)


def _parse(name: str, text: str) -> Incident:
    data = tomllib.loads(text)
    return Incident(
        name=name,
        title=data["title"],
        runbook=data["runbook"],
        target=data["target"],
        cause=data["cause"] or None,
        start=data.get("start", {}),
        shifts=tuple(
            Shift(change["worker"], _minutes(change["at"]) * 60, change["set"])
            for change in data.get("change", ())
        ),
    )


def _minutes(at: str) -> int:
    match = re.fullmatch(r"-(\d+)m", at)
    if not match:
        raise ValueError(f'expected minutes before now such as "-95m", got "{at}"')
    return int(match[1])
