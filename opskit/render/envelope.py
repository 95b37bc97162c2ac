"""The common members of the JSON contract, for commands that act on a queue; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opskit.model import Cost, Finding, Gap, severity_of, verdict_of
from opskit.render.json import SCHEMA, cost_document, finding_document, gap_document


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who did it where, and what it cost; `document` puts what was found around a command's own body."""

    command: str
    account: str
    region: str
    env: str
    endpoint: str = ""
    """The AWS endpoint if it is not AWS's own."""
    cost: Cost = field(default_factory=Cost)

    def document(
        self,
        body: Mapping[str, Any],
        findings: Sequence[Finding] = (),
        gaps: Sequence[Gap] = (),
        steps: Sequence[Mapping[str, Any]] = (),
        next_commands: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Return the document: the members that `docs/report.schema.json` requires, then `body`."""
        severity = severity_of(findings)
        return {
            "schema": SCHEMA,
            "command": self.command,
            "runbook": None,
            "run": None,
            "account": self.account or None,
            "region": self.region,
            "env": self.env,
            "endpoint": self.endpoint or None,
            "target": None,
            "window": None,
            "verdict": verdict_of(findings, gaps).value,
            "severity": severity.value if severity else None,
            "findings": [finding_document(finding) for finding in findings],
            "facts": [],
            "gaps": [gap_document(gap) for gap in gaps],
            "cost": cost_document(self.cost),
            "steps": [dict(step) for step in steps],
            "next": list(next_commands),
            "links": {},
            **body,
        }
