"""`opskit dlq` run by its command line, its JSON checked against the contract's schema."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource

from opskit.cli import main

DOCS = Path(__file__).parents[1] / "docs"
PREFIX = "prd2011-prod-us-east-1-"


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.out)
        report, own = (
            json.loads((DOCS / f"{name}.schema.json").read_text("utf-8"))
            for name in ("report", "dead-letters")
        )
        registry = Registry().with_resource("report.schema.json", Resource.from_contents(report))
        jsonschema.Draft202012Validator(own, registry=registry).validate(document)
        return document

    @property
    def queues(self) -> dict[str, dict[str, Any]]:
        return {one["name"].removeprefix(PREFIX): one for one in self.document["queues"]}


class Ask:
    def __init__(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capfd = capfd
        self._patch = monkeypatch

    def __call__(self, *words: str, endpoint: str = "") -> Outcome:
        if endpoint:
            self._patch.setenv("AWS_ENDPOINT_URL", endpoint)
        self._capfd.readouterr()
        code = main(["dlq", *words])
        return Outcome(code, *self._capfd.readouterr())


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    monkeypatch.chdir(tmp_path)
    return Ask(capfd, monkeypatch)
