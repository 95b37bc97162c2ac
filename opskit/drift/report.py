"""What a look at the resources found, worst first: the value that is rendered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from opskit.drift.resource import Difference, Resource, State, unit_of
from opskit.model import Cost, Evidence, Finding, Gap, Severity, Verdict, severity_of, verdict_of

MISSING, DIFFERS = "resource-missing", "resource-differs"
COMMAND = "find-resources"


@dataclass(frozen=True, slots=True)
class Inventoried:
    """What became of every resource that the manifests name."""

    resources: tuple[Resource, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]
    account: str
    region: str
    env: str
    prefix: str
    """What names begin with by the pattern of functions' names; people leave it out."""
    cost: Cost
    endpoint: str = ""
    """The AWS endpoint if it is not AWS's own."""
    run: str = ""
    """The run's id in the journal; "" if it is not there."""

    @property
    def verdict(self) -> Verdict:
        """Breach with any finding; ok only if all that was asked could be read."""
        return verdict_of(self.findings, self.gaps)

    @property
    def severity(self) -> Severity | None:
        """The worst finding's."""
        return severity_of(self.findings)

    def count(self, state: State) -> int:
        """Return how many resources are in a state."""
        return sum(resource.state is state for resource in self.resources)


def findings(resources: Sequence[Resource]) -> tuple[Finding, ...]:
    """Return what is missing, differs or is unwise: the worst first, each a chain of its own."""
    found = [finding for resource in resources for finding in _findings(resource)]
    found.sort(key=lambda finding: -finding.severity.rank)
    return tuple(replace(finding, chain=number) for number, finding in enumerate(found, 1))


def gaps(resources: Sequence[Resource]) -> tuple[Gap, ...]:
    """Return what could not be looked at, also the part of a resource that is known to differ."""
    return tuple(
        Gap(_subject(resource), resource.reason, (MISSING, DIFFERS))
        for resource in resources
        if resource.reason and resource.state is not State.NOT_DEPLOYED_HERE
    )


def _findings(resource: Resource) -> Iterator[Finding]:
    subject, look = _subject(resource), (resource.look,)
    workers = ", ".join(resource.workers)
    if resource.state is State.MISSING:
        need = "needs" if len(resource.workers) == 1 else "need"
        yield Finding(MISSING, Severity.HIGH, subject, f"does not exist; {workers} {need} it", fix=look)
    if resource.differences:
        yield Finding(
            DIFFERS,
            max((one.severity for one in resource.differences), key=lambda severity: severity.rank),
            subject,
            "; ".join(one.text for one in resource.differences),
            evidence=tuple(map(_evidence, resource.differences)),
            fix=look,
        )
    for advice in resource.advice:
        yield Finding(advice.cause, Severity.LOW, subject, advice.text, fix=look)


def _subject(resource: Resource) -> str:
    return f"{resource.kind} {resource.name}"


def _evidence(difference: Difference) -> Evidence:
    live, expected = (_number(value) for value in (difference.live, difference.expected))
    return Evidence(difference.field, difference.text, live, expected, unit_of(difference.field))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
