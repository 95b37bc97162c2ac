"""The frozen values of a look at the fleet: cells, rows, and the whole look."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from opskit.health.fleet import Choice
from opskit.inventory.worker import Worker
from opskit.model import Cost, Finding, Gap, Severity, Verdict, Window, severity_of, verdict_of
from opskit.series import Point


class State(StrEnum):
    """How an indicator stands, the worst first. UNKNOWN: it could not be looked at."""

    CRIT = "CRIT"
    WARN = "WARN"
    UNKNOWN = "UNKNOWN"
    OK = "OK"

    @property
    def rank(self) -> int:
        """0 for CRIT, 3 for OK."""
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class Cell:
    """One indicator of one worker: its state, the value as a table shows it, and a sentence on it."""

    indicator: str
    state: State
    shown: str
    """A few characters: "4 min", "12/s", "idle"; "" where the state says it all."""
    summary: str
    """What was measured, against which limit; for UNKNOWN why it could not be looked at."""
    severity: Severity | None = None
    """How bad a WARN or CRIT is; None for the others."""
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    since: int | None = None
    """Epoch seconds; None when it is not known."""
    series: tuple[Point, ...] = ()
    signal: str = ""
    """The signal that an UNKNOWN is missing."""
    queue: str = ""
    """The dead-letter queue that it is about, if it is about one."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value that no limit judges, such as the batch size; `text` may be "not measured"."""

    name: str
    text: str
    value: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """One account and region that was looked at."""

    account: str
    region: str
    env: str
    endpoint: str = ""
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One worker at one place; indicators that do not fit its trigger have no cell."""

    worker: Worker
    place: Place
    cells: tuple[Cell, ...]
    figures: tuple[Figure, ...] = ()

    @property
    def state(self) -> State:
        """The worst of its cells."""
        return worst(self.cells)

    def cell(self, indicator: str) -> Cell | None:
        """Return one indicator's cell; None where it does not fit."""
        return next((cell for cell in self.cells if cell.indicator == indicator), None)


@dataclass(frozen=True, slots=True)
class Health:
    """A whole look at the fleet. Renderers are pure functions of it."""

    places: tuple[Place, ...]
    window: Window
    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    """Worst first: those of cells, then those of the account's alarms, ranked together."""
    gaps: tuple[Gap, ...]
    cost: Cost
    alarms: str = ""
    """One line on the account's alarms."""
    notes: tuple[str, ...] = ()
    """What the reader should know besides, such as workers that are not deployed here."""
    run: str = ""
    since_last: "Since | None" = None
    asked: Choice = field(default_factory=Choice)
    """Which workers were asked for."""
    unusual: bool = False
    """Whether this hour was compared with the same hour of the days before."""

    @property
    def verdict(self) -> Verdict:
        """Breach with a finding; ok only if nothing was found and everything asked was read."""
        return verdict_of(self.findings, self.gaps)

    @property
    def severity(self) -> Severity | None:
        """The worst finding's; None without one."""
        return severity_of(self.findings)


@dataclass(frozen=True, slots=True)
class Since:
    """What changed since an earlier run; of several places' runs `run` and `at` are the newest one's."""

    run: str
    at: int
    """When that run began, epoch seconds."""
    marks: dict[tuple[str, str], str]
    """By subject and cause of a finding: new, worse, better, same, or unknown before."""
    gone: tuple[tuple[str, str], ...]
    """(subject, cause) of what was found then and is not now, and was looked at now."""


def apart(place: tuple[str, str], places: Sequence[tuple[str, str]]) -> str:
    """Return what tells a place, an account and a region, from the others: "" where it is the only one."""
    if len(places) < 2:  # noqa: PLR2004 - several
        return ""
    account, region = place
    several = len({one for one, _ in places}) > 1
    return f" ({account} {region})" if several else f" ({region})"


def worst(cells: Sequence[Cell]) -> State:
    """Return the worst state; OK of none."""
    return min((cell.state for cell in cells), key=lambda state: state.rank, default=State.OK)
