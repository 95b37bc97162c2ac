"""Causal chains: which finding explains which, one primary cause per chain, the worst chain first. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from opskit.model import Finding, Role, Severity


def chains_of(found: Sequence[Finding]) -> list[list[Finding]]:
    """Split findings into chains, the most upstream cause first in each, the worst chain first.

    What two chains explain belongs to the worse one; among equals the runbook's order of rules decides.
    """
    reach = _reach(found)
    by_cause = {finding.cause: finding for finding in found}
    order = {cause: place for place, cause in enumerate(by_cause)}
    roots = [cause for cause in by_cause if _is_root(cause, reach, order)]
    chains = [[by_cause[cause] for cause in (root, *reach[root])] for root in roots]
    chains.sort(key=lambda chain: -worst(chain).rank)
    return _once(chains)


def _reach(found: Sequence[Finding]) -> dict[str, list[str]]:
    """Return for each found cause the found causes that it explains, directly or through others."""
    direct = {finding.cause: finding.explains for finding in found}
    reach: dict[str, list[str]] = {}
    for start in direct:
        seen = [start]
        for cause in seen:
            seen.extend(c for c in direct[cause] if c in direct and c not in seen)
        reach[start] = seen[1:]
    return reach


def _is_root(cause: str, reach: Mapping[str, Sequence[str]], order: Mapping[str, int]) -> bool:
    """Tell whether nothing explains a cause but what it explains itself; of a circle the first stands."""
    above = [other for other in reach if cause in reach[other]]
    return all(other in reach[cause] and order[cause] < order[other] for other in above)


def _once(chains: Iterable[list[Finding]]) -> list[list[Finding]]:
    taken: set[str] = set()
    kept: list[list[Finding]] = []
    for chain in chains:
        kept.append([finding for finding in chain if finding.cause not in taken])
        taken.update(finding.cause for finding in chain)
    return kept


def worst(chain: Iterable[Finding]) -> Severity:
    """Return the worst severity in a chain; ValueError for an empty one."""
    return max((finding.severity for finding in chain), key=lambda severity: severity.rank)


def numbered(chains: Iterable[Sequence[Finding]]) -> tuple[Finding, ...]:
    """Return the findings of chains in order, with their numbers from 1; the first of each is primary."""
    return tuple(
        replace(finding, chain=number, role=_role(finding, place))
        for number, chain in enumerate(chains, start=1)
        for place, finding in enumerate(chain)
    )


def _role(finding: Finding, place: int) -> Role:
    if place == 0:
        return Role.PRIMARY
    return finding.role if finding.role is Role.CONTRIBUTING else Role.EFFECT


def by_chain(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Take numbered findings apart into their chains."""
    numbers = dict.fromkeys(finding.chain for finding in findings)
    return [[finding for finding in findings if finding.chain == number] for number in numbers]


def unrepeated(chains: Iterable[Sequence[Finding]]) -> list[list[Finding]]:
    """Say each cause of a subject once; what else follows from it joins the chain that has it."""
    said: dict[tuple[str, str], list[Finding]] = {}
    kept: list[list[Finding]] = []
    for chain in chains:
        joined = said.get((chain[0].cause, chain[0].subject))
        if joined is None:
            joined = []
            kept.append(joined)
        for finding in chain:
            if said.setdefault((finding.cause, finding.subject), joined) is joined and finding not in joined:
                joined.append(finding)
    return kept
