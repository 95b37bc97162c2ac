"""Rules x readings -> findings in causal chains, gaps and facts. Pure: no AWS, no clock, no network."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar, runtime_checkable

from opskit.chains import by_chain, chains_of, numbered, unrepeated, worst
from opskit.model import (
    Fact,
    Finding,
    Gap,
    LogQuery,
    Reading,
    Readings,
    Role,
    Rule,
    Runbook,
    Severity,
    Signal,
    Status,
    Target,
    UnreadError,
    Verdict,
    severity_of,
    verdict_of,
)

T = TypeVar("T")
S = TypeVar("S")
T_co = TypeVar("T_co", covariant=True)

UNEXPLAINED = "unexplained"
"""A symptom without a found cause is itself primary, as `<symptom>-unexplained`."""

NOTHING_MATCHED = ("", "no matching line")
"""The reasons of an empty log query that did read the log: no match is then an answer."""


@runtime_checkable
class ExplainsSilence(Protocol):
    """A runbook that can say why a signal is silent: "" where it cannot."""

    def silence(self, target: Target, readings: Readings, key: str) -> str:
        """Return why the empty reading of `key` says nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one runbook says about one target, or about several when merged.

    `findings[0]` is the primary cause of the worst chain.
    """

    target: Target
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    facts: tuple[Fact, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Breach with any finding; ok only if nothing was found and everything asked was read."""
        return verdict_of(self.findings, self.gaps)

    @property
    def severity(self) -> Severity | None:
        """The worst finding's severity; None without a finding."""
        return severity_of(self.findings)


def judge(runbook: Runbook, target: Target, readings: Readings) -> Judgement:
    """Run every rule in isolation and rank what they found.

    `readings` must be total: one reading for every named signal.
    """
    runs = [attempt(_cause(rule), rule, target, readings) for rule in runbook.RULES]
    symptom = attempt(runbook.NAME, runbook.symptom, target, readings)
    facts = attempt(f"{runbook.NAME} facts", runbook.facts, target, readings)
    found = [run.found for run in runs if run.found is not None]
    gaps = _gaps(runbook, target, readings, [*runs, symptom, facts])
    return Judgement(target, _ranked(found, symptom, runs, gaps), gaps, tuple(facts.found or ()))


def merge(judgements: Sequence[Judgement]) -> Judgement:
    """Join what was found at several targets of one worker; equal things are said once.

    The merged target is the one with the worst chain. ValueError for an empty sequence.
    """
    if not judgements:
        raise ValueError("nothing was judged")
    if len(judgements) == 1:
        return judgements[0]
    chains = [(judgement.target, chain) for judgement in judgements for chain in by_chain(judgement.findings)]
    chains.sort(key=lambda pair: -worst(pair[1]).rank)
    return Judgement(
        chains[0][0] if chains else judgements[0].target,
        numbered(unrepeated(chain for _, chain in chains)),
        _united(gap for judgement in judgements for gap in judgement.gaps),
        tuple(dict.fromkeys(fact for judgement in judgements for fact in _told_apart(judgement))),
    )


@dataclass(frozen=True, slots=True)
class Attempt(Generic[T_co]):
    """What became of one rule: what it returned, what it read, and what kept it from an answer."""

    name: str
    found: T_co | None
    read: frozenset[str] = frozenset()
    unread: tuple[str, str] | None = None
    """The signal that it missed, and why."""
    error: str = ""

    @property
    def undetermined(self) -> str:
        """Why the rule has no answer; "" if it has one."""
        return f"{self.unread[0]}: {self.unread[1]}" if self.unread else self.error


def _cause(rule: Rule) -> str:
    """Return the cause id that a rule is named after."""
    return str(rule.__name__).replace("_", "-")


def attempt(name: str, rule: Callable[[S, Readings], T | None], about: S, readings: Readings) -> Attempt[T]:
    """Run one rule with a record of its own of what it read; what it raises is its own and no other's."""
    seen = readings.afresh()
    try:
        found = rule(about, seen)
    except UnreadError as error:
        return Attempt(name, None, frozenset(seen.read), (error.key, error.reason))
    except Exception as error:  # noqa: BLE001 - one broken rule must not silence the others
        said = f"{type(error).__name__}: {error}"
        return Attempt(name, None, frozenset(seen.read), error=f"rule {name} failed: {said}")
    finally:
        readings.read.update(seen.read)
    return Attempt(name, found, frozenset(seen.read))


# --- gaps -------------------------------------------------------------------------------------------


def _gaps(
    runbook: Runbook, target: Target, readings: Readings, runs: Sequence[Attempt[object]]
) -> tuple[Gap, ...]:
    """Return one gap per signal that was not read, then what the rules missed besides."""
    gaps = [
        Gap(key, _why_silent(runbook, target, readings, key), _left_open(runs, key))
        for key, signal in readings.named.items()
        if is_gap(signal, readings.answers[signal])
    ]
    told = {gap.signal for gap in gaps}
    for run in runs:
        if run.unread and run.unread[0] not in told:
            gaps.append(Gap(run.unread[0], run.unread[1], (run.name,)))
        elif run.error:
            gaps.append(Gap(run.name, run.error, (run.name,)))
    return _united(gaps)


def is_gap(signal: Signal, reading: Reading) -> bool:
    """Tell whether a reading leaves something unknown: all but ok, and a read log without a match."""
    if reading.status is Status.EMPTY and isinstance(signal, LogQuery):
        return reading.reason not in NOTHING_MATCHED
    return reading.status is not Status.OK


def _why_silent(runbook: Runbook, target: Target, readings: Readings, key: str) -> str:
    reading = readings.answers[readings.named[key]]
    if reading.status is Status.EMPTY and isinstance(runbook, ExplainsSilence):
        explained = attempt(key, lambda t, r: runbook.silence(t, r, key), target, readings).found
        if explained:
            return explained
    return reading.reason or "no data in the window"


def _left_open(runs: Sequence[Attempt[object]], key: str) -> tuple[str, ...]:
    """Return the rules that read `key` and found nothing: with it they might have."""
    return tuple(run.name for run in runs if key in run.read and not run.found)


def _united(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Return each (signal, reason) once, with all that it leaves open."""
    affects: dict[tuple[str, str], dict[str, None]] = {}
    for gap in gaps:
        affects.setdefault((gap.signal, gap.reason), {}).update(dict.fromkeys(gap.affects))
    return tuple(Gap(signal, reason, tuple(rules)) for (signal, reason), rules in affects.items())


# --- ranking ----------------------------------------------------------------------------------------


def _ranked(
    found: Sequence[Finding],
    symptom: Attempt[Finding],
    rules: Sequence[Attempt[Finding]],
    gaps: Sequence[Gap],
) -> tuple[Finding, ...]:
    chains = chains_of(found)
    if symptom.found is None:
        return numbered(chains)
    if not chains:
        return numbered([[_unexplained(symptom.found, rules, gaps)]])
    # An effect is not worse than the cause that was judged with the same numbers.
    severity = min(symptom.found.severity, worst(chains[0]), key=lambda s: s.rank)
    chains[0].append(replace(symptom.found, severity=severity, role=Role.EFFECT))
    return numbered(chains)


def _unexplained(symptom: Finding, rules: Sequence[Attempt[Finding]], gaps: Sequence[Gap]) -> Finding:
    """Say of a symptom without a cause what was ruled out: only what missed nothing that it read."""
    open_ = [f"{run.name} ({run.undetermined})" for run in rules if run.undetermined]
    answered = [run.name for run in rules if not run.undetermined]
    missed = {rule for gap in gaps for rule in gap.affects}
    said = [symptom.summary]
    if out := [name for name in answered if name not in missed]:
        said.append(f"ruled out: {', '.join(out)}")
    if partly := [name for name in answered if name in missed]:
        said.append(f"not found, but judged in part only: {', '.join(partly)}")
    if open_:
        said.append(f"could not be judged: {'; '.join(open_)}")
    return replace(
        symptom, cause=f"{symptom.cause}-{UNEXPLAINED}", role=Role.PRIMARY, summary="; ".join(said)
    )


# --- several targets --------------------------------------------------------------------------------


def _told_apart(judgement: Judgement) -> Iterable[Fact]:
    source = judgement.target.source
    return (replace(fact, text=f"{source}: {fact.text}" if source else fact.text) for fact in judgement.facts)
