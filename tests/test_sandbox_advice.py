"""What a report advises, done as it stands: the cause goes away, and what is said until then is right."""

import re
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import awscli
import pytest
from awscli.clidriver import create_clidriver
from conftest import EmbeddedAws

from opskit.cli import look
from opskit.model import Fact, Finding, Report, Verdict
from opskit.render.words import step
from opskit.sandbox import resources, stage
from opskit.sandbox.incidents import find
from opskit.settings import Settings

LIMIT_S = 120
FUNCTION = "prd2011-prod-us-east-1-scoreUsers"
CHANGES = re.compile(r"^aws [a-z-]+ (?:create|put|register|update)-")
"""Commands that change something; the others look."""
LOST = ("dropped", "expired", "skipped")


@dataclass(frozen=True)
class Cure:
    """An incident, the minutes until it is over, which of its commands that change something to run."""

    incident: str
    minutes: int
    commands: slice = slice(None)
    strength: str = "plain"
    given_up: int = 0
    """Records that the cure puts aside."""
    filled: Mapping[str, str] = field(default_factory=dict)
    """What the reader puts in for a placeholder."""


CURES = (
    Cure("esm-disabled", 10),
    Cure("table-stream-disabled", 10),
    Cure("switched-off", 10),
    Cure("reserved-concurrency", 25),
    Cure("account-exhausted", 20, slice(0, 1)),
    Cure("poison-record", 25, given_up=1),
    Cure("poison-table", 25, given_up=1),
    Cure("under-capacity", 45),
    Cure("surge", 45),
    Cure("table-throttled", 25, slice(1, 2)),
    Cure("capped-table", 100, slice(0, 1)),
    Cure("hot-shard", 30, slice(-1, None)),
    Cure("batch-window", 10),
    Cure("read-denied", 15),
    Cure("stream-recreated", 20),
    Cure(
        "bad-deploy", 20, filled={"<bucket of the packages>": "packages", "<key of the former one>": "1.zip"}
    ),
)


@dataclass
class Shift:
    """Somebody on call: diagnoses, does what the report says, waits."""

    aws: EmbeddedAws
    worker: str = ""
    runbook: str = ""

    def begin(self, incident: str, strength: str = "plain") -> None:
        played = find(incident)
        self.worker, self.runbook = played.target, played.runbook
        self.aws.sandbox.renew()
        stage.play(self.aws.planes, played.of(strength), seed=3)

    def report(self) -> Report:
        asked = look.Asked(self.runbook, self.worker, 3 * 3600, 60)
        return look.look(Settings(env="prod", region="us-east-1"), asked, now=self.aws.clock)

    def run(self, command: str) -> None:
        self.aws.clock.advance(2)  # a mapping's change settles in a second
        ended = create_clidriver().main([*shlex.split(command)[1:], "--endpoint-url", self.aws.endpoint])
        self.aws.clock.advance(2)
        assert ended == 0, command

    def wait(self, minutes: int) -> None:
        self.aws.planes.live.tick(60 * minutes)

    @property
    def model(self) -> Any:
        return self.aws.planes.live.world.workers[self.worker]

    def oldest_s(self) -> float:
        """How long the oldest record has truly waited."""
        now = self.aws.planes.live.world.now_s
        waiting = [lane.arrivals[lane.head] for lane in self.model._every() if lane.waiting(now)]
        return now - min(waiting, default=now)

    def lost(self) -> int:
        return sum(getattr(self.model, name) for name in LOST)


@pytest.fixture
def shift(embedded_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shift]:
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).with_name("data")))
    s3 = embedded_aws.client("s3")
    s3.create_bucket(Bucket="packages")
    yield Shift(embedded_aws)


def commands(finding: Finding, filled: Mapping[str, str] | None = None) -> list[str]:
    """The commands of a finding's advice that change something, placeholders filled in."""
    found = [command for _, command in map(step, finding.fix) if CHANGES.match(command)]
    for place, value in (filled or {}).items():
        found = [command.replace(place, value) for command in found]
    return found


def fact(report: Report, name: str) -> Fact | None:
    return next((one for one in report.facts if one.name == name), None)


@pytest.mark.parametrize("cure", CURES, ids=lambda cure: f"{cure.incident}-{cure.strength}")
def test_what_the_report_advises_cures(cure: Cure, shift: Shift) -> None:
    shift.begin(cure.incident, cure.strength)
    shift.aws.client("s3").create_bucket(Bucket="packages")
    shift.aws.client("s3").put_object(Bucket="packages", Key="1.zip", Body=resources.package(1))
    primary = shift.report().findings[0]
    assert primary.cause == find(cure.incident).cause
    advised = commands(primary, cure.filled)[cure.commands]
    assert advised, primary.fix
    for command in advised:
        shift.run(command)
    shift.wait(cure.minutes)
    after = shift.report()
    assert shift.oldest_s() < LIMIT_S
    assert primary.cause not in {finding.cause for finding in after.findings}
    assert (after.verdict is Verdict.OK) == (not cure.given_up), after.findings
    assert shift.lost() == 0
    assert shift.model.delivered == cure.given_up
