"""The frozen values that travel through the house: signals, readings, findings, reports. No I/O, no clock.

Times are epoch seconds UTC; durations carry their unit in the name.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from opskit.series import Point, Series

Json = Any
"""A value that JSON can hold."""


class Severity(StrEnum):
    """How bad a finding is; it decides the channel (see the README's table)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for low, 3 for critical."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Status(StrEnum):
    """What became of one asked signal."""

    OK = "ok"
    EMPTY = "empty"
    """Answered, and nothing was there."""
    PARTIAL = "partial"
    """Answered in part; what is there is true, what is missing is unknown."""
    FAILED = "failed"
    """Not answered: denied, throttled, timed out, refused or left out of the answer."""


class Role(StrEnum):
    """A finding's place in its chain."""

    PRIMARY = "primary"
    EFFECT = "effect"
    CONTRIBUTING = "contributing"


class Verdict(StrEnum):
    """A report in one word; `ok` only if everything asked was read."""

    BREACH = "breach"
    OK = "ok"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Window:
    """The judged time: start <= t < end, whole minutes. `end` leaves out the incomplete newest minutes."""

    start: int
    end: int

    @property
    def seconds(self) -> int:
        """The window's length."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Metric:
    """One CloudWatch series, asked with the exact dimensions it is published with.

    `absent=0.0` with `beside` says: no datapoint means zero, if `beside` (a traffic metric) has data in
    the window. Unset, as for ages and depths, no datapoint means unknown.
    """

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    stat: str
    period_s: int = 60
    absent: float | None = None
    beside: "Metric | None" = None

    def __hash__(self) -> int:
        """Return a hash of what tells most metrics apart: it is taken often, and `beside` is deep."""
        return hash((self.name, self.dimensions, self.stat))


@dataclass(frozen=True, slots=True)
class LogQuery:
    """One Logs Insights query; an answer with rows that lack one of `columns` is failed."""

    groups: tuple[str, ...]
    query: str
    columns: tuple[str, ...]
    limit: int = 100


Param: TypeAlias = "str | int | tuple[Param, ...]"
"""A value of a call's parameter: pairs of a name and a value are a structure, any other tuple is a list."""


@dataclass(frozen=True, slots=True)
class Describe:
    """One read-only AWS call, all its pages, reduced by the JMESPath `select` before anything is kept."""

    service: str
    operation: str
    params: tuple[tuple[str, "Param"], ...] = ()
    select: str = "@"


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at an HTTP endpoint, from where opskit runs: name, connection, certificate, then one request.

    Without a `method` nothing is sent. `host` is another Host header than the URL's; `expect` holds the
    statuses that say the endpoint is well. The reading's document has `status` (null without an answer),
    `latency_ms` (from connecting until the status came, null likewise), `dns` (addresses), `tls` (null, or
    `days_left`, `not_after` in epoch seconds, `subject`, `issuer`), `error` (null, or `stage`: one of dns,
    connect, tls, http, timeout, and `text`) and `body` (its masked beginning). A definite answer, a refused
    connection too, is ok: it was looked at. What kept opskit from looking, such as its proxy, is failed.
    """

    url: str
    method: str = "GET"
    host: str = ""
    expect: tuple[int, ...] = (200,)


Signal = Metric | LogQuery | Describe | Probe


@dataclass(frozen=True, slots=True)
class Reading:
    """The one answer to one signal. `code` is AWS's error code where there is one."""

    status: Status
    reason: str = ""
    code: str = ""
    points: tuple[Point, ...] = ()
    rows: tuple[Mapping[str, str], ...] = ()
    document: Json = None


class UnreadError(Exception):
    """A rule asked for a signal that could not be read; `key` names it."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


@dataclass(frozen=True)
class Readings:
    """Readings by the names a runbook gave its signals; every read is remembered in `read`."""

    named: Mapping[str, Signal]
    answers: Mapping[Signal, Reading]
    read: set[str] = field(default_factory=set, compare=False)
    window: Window = Window(0, 0)
    """The judged time: a rule has no clock, and a series that ended an hour ago is silent now."""
    indexes: dict[Hashable, Mapping[Hashable, Sequence[Json]]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """What `listed` has sorted; a fleet's readings share it, as they share the answers."""

    def __contains__(self, key: str) -> bool:
        return key in self.named

    def __iter__(self) -> Iterator[str]:
        return iter(self.named)

    def afresh(self) -> "Readings":
        """Return the same readings, of which none has been read yet."""
        return Readings(self.named, self.answers, set(), self.window, self.indexes)

    def reading(self, key: str) -> Reading:
        """Return the reading of `key` whatever its status; UnreadError if it was never asked."""
        self.read.add(key)
        if key not in self.named:
            raise UnreadError(key, "not asked")
        return self.answers[self.named[key]]

    def _usable(self, key: str) -> Reading:
        reading = self.reading(key)
        if reading.status in (Status.OK, Status.PARTIAL):
            return reading
        raise UnreadError(key, reading.reason or "no data in the window")

    def series(self, key: str) -> Series:
        """Return a metric's datapoints, at least one; UnreadError when there are none or it failed."""
        return Series(self._usable(key).points)

    def rows(self, key: str) -> tuple[Mapping[str, str], ...]:
        """Return a log query's rows; an answered query without a match is an empty tuple."""
        reading = self.reading(key)
        return () if reading.status is Status.EMPTY else self._usable(key).rows

    def document(self, key: str) -> Json:
        """Return what a describe call's `select` kept; UnreadError when it failed."""
        return self._usable(key).document

    def listed(self, key: str, by: Callable[[Json], Hashable], wanted: Hashable) -> Sequence[Json]:
        """Return the rows of a list for which `by` is `wanted`; UnreadError when it failed.

        A thousand workers look into one list, so it is sorted by each key once.
        """
        rows = self.document(key) or ()
        which = (self.named[key], by)
        if which not in self.indexes:
            index: dict[Hashable, list[Json]] = defaultdict(list)
            for row in rows:
                index[by(row)].append(row)
            self.indexes[which] = index
        return self.indexes[which].get(wanted, ())


@dataclass(frozen=True, slots=True)
class Limit:
    """One row of the threshold table. `unit` is the unit of `warn` and `crit`: s, ms, count, percent."""

    warn: float | None
    crit: float | None
    unit: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Target:
    """What one judgement is about: one worker and, for a stream runbook, one of its event sources.

    `source_arn` is the stream's or queue's ARN, or "" when it is not known; `mapping_uuid` likewise.
    """

    worker: str
    function: str
    trigger: str
    env: str
    region: str
    account: str = ""
    source_arn: str = ""
    mapping_uuid: str = ""
    log_group: str = ""
    event_counts: bool = False
    """The mapping publishes EventCount metrics (opt-in)."""
    limits: Mapping[str, Limit] = field(default_factory=dict, hash=False)
    expected: Mapping[str, Json] = field(default_factory=dict, hash=False)
    """The manifest's trigger settings, if there is a manifest."""
    tables: tuple[str, ...] = ()
    """The DynamoDB tables that the worker writes to, by its manifest; empty when they are not known."""

    @property
    def source(self) -> str:
        """The name of the stream, table or queue in `source_arn`; "" when it is not known."""
        resource = self.source_arn.rpartition(":")[2] if "/" not in self.source_arn else self.source_arn
        return resource.split("/")[1] if "/" in resource else resource


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measured value with its limit and time. `series` is drawn as a sparkline where there is room."""

    signal: str
    text: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    at: int | None = None
    series: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause, named by its catalogue id, with what was measured and what to do.

    `explains` lists cause ids that are only effects of this one when both are found; `chain` is numbered
    by the judge, worst chain first, from 1.
    """

    cause: str
    severity: Severity
    subject: str
    summary: str
    since: int | None = None
    evidence: tuple[Evidence, ...] = ()
    fix: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    explains: tuple[str, ...] = ()
    source: str = ""
    role: Role = Role.PRIMARY
    chain: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be looked at, why, and which rules it leaves undetermined."""

    signal: str
    reason: str
    affects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A derived figure worth a line of its own, such as the data-loss countdown."""

    name: str
    text: str
    value: float | None = None
    unit: str = ""
    at: int | None = None


def verdict_of(findings: Sequence[Finding], gaps: Sequence[Gap]) -> Verdict:
    """Return breach with any finding; ok only if nothing was found and everything asked was read."""
    if findings:
        return Verdict.BREACH
    return Verdict.UNKNOWN if gaps else Verdict.OK


def severity_of(findings: Sequence[Finding]) -> Severity | None:
    """Return the worst finding's severity; None without a finding."""
    return max((f.severity for f in findings), key=lambda s: s.rank, default=None)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the look cost, counted as it happened. `metrics` is billed metrics, USD at list price."""

    api_calls: int = 0
    metrics: int = 0
    bytes_scanned: int = 0
    usd: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.api_calls + other.api_calls,
            self.metrics + other.metrics,
            self.bytes_scanned + other.bytes_scanned,
            self.usd + other.usd,
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What a judging command found. Renderers and channels are pure functions of it."""

    command: str
    runbook: str
    target: Target
    window: Window
    verdict: Verdict
    severity: Severity | None
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    facts: tuple[Fact, ...]
    cost: Cost
    run: str = ""
    endpoint: str = ""
    """The AWS endpoint if it is not AWS's own, such as the embedded AWS on loopback."""
    next_commands: tuple[str, ...] = ()
    at: int | None = None
    """The past moment, in epoch seconds, that the report is of; None: it is of when the look was."""
    asked: Mapping[str, Signal] = field(default_factory=dict, hash=False)
    """The signals asked about the target, by name, for the links to where they can be seen."""


Rule = Callable[[Target, Readings], Finding | None]
"""A pure function named after its cause id (`-` as `_`); its docstring's first line is the catalogue text."""


class Runbook(Protocol):
    """One symptom: a module in `runbooks/` with these names."""

    @property
    def NAME(self) -> str: ...  # noqa: N802, D102 - a module's constant
    @property
    def TITLE(self) -> str: ...  # noqa: N802, D102
    @property
    def TRIGGERS(self) -> tuple[str, ...]: ...  # noqa: N802, D102 - the worker triggers it fits
    @property
    def RULES(self) -> tuple[Rule, ...]: ...  # noqa: N802, D102
    @property
    def signals(self) -> Callable[[Target], Mapping[str, Signal]]: ...  # noqa: D102
    @property
    def more_signals(self) -> Callable[[Target, Readings], Mapping[str, Signal]]: ...  # noqa: D102
    @property
    def facts(self) -> Callable[[Target, Readings], Sequence[Fact]]: ...  # noqa: D102
    @property
    def symptom(self) -> Rule: ...  # noqa: D102 - the lag itself: an effect of a cause, or unexplained
