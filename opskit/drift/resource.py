"""What was found of one resource: there and as its manifest says, or how it differs."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from opskit.model import Json, Severity


class State(StrEnum):
    """What became of one resource that a manifest names."""

    FOUND = "found"
    """It is there, and as its manifest says."""
    MISSING = "missing"
    """AWS says that there is none."""
    DIFFERS = "differs"
    UNKNOWN = "unknown"
    """It could not be looked at, or not wholly."""
    NOT_DEPLOYED_HERE = "not-deployed-here"
    """Its manifest deploys it in other regions; nothing was asked."""


_UNITS = {"_s": "s", "_ms": "ms", "_mb": "MB", "_h": "h", "_days": "days"}
"""The ends of manifest fields' names, and the units that they stand for."""
_ENDLESS = -1
_UNSET = {"log_retention_days": "for ever", "max_concurrency": "no limit"}
"""What it means that a setting is not there; "none" for all others."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not as expected; `field` is the manifest's name where it has one."""

    field: str
    live: Json
    expected: Json
    severity: Severity = Severity.MEDIUM
    by_manifest: bool = True
    """False: what is expected goes without saying, such as a mapping that is enabled."""
    why: str = ""
    """What AWS says about it."""

    @property
    def text(self) -> str:
        """The difference as people read it: "timeout: 60 s live, 30 s in the manifest"."""
        where = "in the manifest" if self.by_manifest else "expected"
        why = f" ({self.why})" if self.why else ""
        return (
            f"{label(self.field)}: {self._shown(self.live)} live{why}, {self._shown(self.expected)} {where}"
        )

    def _shown(self, value: Json) -> str:
        if value is None or value == []:
            return _UNSET.get(self.field, "none")
        if isinstance(value, bool):
            return "on" if value else "off"
        if value == _ENDLESS:
            return "no end"
        if isinstance(value, (list, tuple)):
            return ", ".join(map(str, value))
        return f"{value} {unit}" if (unit := unit_of(self.field)) else str(value)


def unit_of(field: str) -> str:
    """Return the unit in a manifest field's name, or ""."""
    return next((unit for end, unit in _UNITS.items() if field.endswith(end)), "")


def label(field: str) -> str:
    """Return a manifest field's name in words, without its unit."""
    end = next((end for end in _UNITS if field.endswith(end)), "")
    return field.removesuffix(end).replace("_", " ")


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that is as its manifest says and unwise all the same."""

    cause: str
    text: str


@dataclass(frozen=True, slots=True)
class Detail:
    """Something worth knowing that no manifest speaks of, such as the version that an alias points at."""

    text: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that manifests name, and what became of it."""

    kind: str
    name: str
    workers: tuple[str, ...]
    state: State
    differences: tuple[Difference, ...] = ()
    advice: tuple[Advice, ...] = ()
    reason: str = ""
    """Why it, or a part of it, could not be looked at."""
    detail: str = ""
    look: str = ""
    """The command that looks further."""


MAPPING = "mapping"
"""The one kind whose name, that of its source, does not say which worker's it is."""
_WORST = (State.MISSING, State.DIFFERS, State.UNKNOWN, State.FOUND, State.NOT_DEPLOYED_HERE)


def merged(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return the resources in their order, one that several workers name once, with all of them."""
    found: dict[tuple[object, ...], Resource] = {}
    for one in resources:
        key = (one.kind, one.name, one.workers if one.kind == MAPPING else ())
        found[key] = _joined(found[key], one) if key in found else one
    return tuple(found.values())


def _joined(first: Resource, second: Resource) -> Resource:
    worst, other = sorted((first, second), key=lambda one: _WORST.index(one.state))
    return Resource(
        first.kind,
        first.name,
        tuple(dict.fromkeys((*first.workers, *second.workers))),
        worst.state,
        tuple(dict.fromkeys((*first.differences, *second.differences))),
        tuple(dict.fromkeys((*first.advice, *second.advice))),
        worst.reason or other.reason,
        first.detail or second.detail,
        worst.look,
    )
