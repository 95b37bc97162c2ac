"""The JSON contract, version 1: `docs/report.schema.json` describes it; times are ISO 8601 in UTC."""

import json
import math
import re
from typing import Any

from opskit.model import Cost, Evidence, Fact, Finding, Gap, Report, Target
from opskit.render.figures import iso
from opskit.render.links import links
from opskit.render.words import chains

SCHEMA = 1
_PAIR = re.compile(r'\[\n\s+("[^"\n]*"),\n\s+(\S+)\n\s+\]')
"""A datapoint spread over four lines. JSON strings hold no line break, so none of them can match."""


def dumps(report: Report) -> str:
    """Return the report as indented JSON text."""
    return compact(document(report))


def compact(value: Any) -> str:
    """Return any JSON value as indented text, a datapoint on one line."""
    return _PAIR.sub(r"[\1, \2]", encoded(value))


def encoded(value: Any) -> str:
    """Return any JSON value as indented text."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)


def document(report: Report) -> dict[str, Any]:
    """Return the report as the contract's document; `findings[0]` is the primary cause."""
    return {
        "schema": SCHEMA,
        "command": report.command,
        "runbook": report.runbook,
        "run": report.run or None,
        "account": report.target.account or None,
        "region": report.target.region,
        "env": report.target.env,
        "endpoint": report.endpoint or None,
        "target": _target(report.target),
        "window": {"start": iso(report.window.start), "end": iso(report.window.end)},
        "verdict": report.verdict.value,
        "severity": report.severity.value if report.severity else None,
        "findings": [finding_document(finding) for chain in chains(report) for finding in chain],
        "facts": [_fact(fact) for fact in report.facts],
        "gaps": [gap_document(gap) for gap in report.gaps],
        "cost": cost_document(report.cost),
        "steps": [],
        "next": list(report.next_commands),
        "links": links(report),
    }


def _target(target: Target) -> dict[str, Any]:
    return {
        "worker": target.worker,
        "function": target.function,
        "trigger": target.trigger,
        "source": target.source or None,
        "source_arn": target.source_arn or None,
        "mapping_uuid": target.mapping_uuid or None,
        "log_group": target.log_group or None,
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return a finding as every judging command writes it."""
    return {
        "cause": finding.cause,
        "role": finding.role.value,
        "chain": finding.chain,
        "severity": finding.severity.value,
        "subject": finding.subject,
        "summary": finding.summary,
        "since": time_of(finding.since),
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "fix": list(finding.fix),
        "avoid": list(finding.avoid),
        "source": finding.source or None,
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "signal": evidence.signal,
        "text": evidence.text,
        "value": number_of(evidence.value),
        "limit": number_of(evidence.limit),
        "unit": evidence.unit or None,
        "at": time_of(evidence.at),
        "series": [[iso(at), number_of(value)] for at, value in evidence.series],
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "name": fact.name,
        "text": fact.text,
        "value": number_of(fact.value),
        "unit": fact.unit or None,
        "at": time_of(fact.at),
    }


def gap_document(gap: Gap) -> dict[str, Any]:
    """Return a gap as every judging command writes it."""
    return {"signal": gap.signal, "reason": gap.reason, "affects": list(gap.affects)}


def cost_document(cost: Cost) -> dict[str, Any]:
    """Return what a look cost as every judging command writes it."""
    return {
        "api_calls": cost.api_calls,
        "metrics": cost.metrics,
        "bytes_scanned": cost.bytes_scanned,
        "usd": cost.usd,
    }


def time_of(at: int | None) -> str | None:
    """Return a time in ISO 8601, if there is one."""
    return None if at is None else iso(at)


def number_of(value: float | None) -> float | None:
    """Return a number that JSON can hold: it has no infinity and no NaN, they are null."""
    return value if value is not None and math.isfinite(value) else None
