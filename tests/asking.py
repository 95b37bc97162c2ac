"""`opskit diagnose` as a user calls it, in this process: exit code, JSON report, stderr."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from opskit.cli import main

Capture = Callable[[], tuple[str, str]]


@dataclass
class Outcome:
    code: int
    report: dict[str, Any]
    stderr: str

    @property
    def causes(self) -> list[str]:
        return [finding["cause"] for finding in self.report.get("findings", [])]


def diagnose(read: Capture, fn: str = "scoreUsers", *more: str) -> Outcome:
    """Run it against AWS_ENDPOINT_URL; `read` is capsys.readouterr."""
    read()
    code = main(["diagnose", "stream-lag", "--fn", fn, "--output", "json", *more])
    out, err = read()
    return Outcome(code, json.loads(out) if out else {}, err)
