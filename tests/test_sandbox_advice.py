"""What a report advises, done as it stands: the cause goes away, and what is said until then is right."""

import re
import shlex
from collections.abc import Mapping
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
from runbooks._stream.advice import delete_mapping
from runbooks._stream.advice_mapping import create_mapping

LIMIT_S = 120
FUNCTION = "prd2011-prod-us-east-1-scoreUsers"
CHANGES = re.compile(r"^aws [a-z-]+ (?:create|put|register|update)-")
"""Commands that change something; the others look."""
GIVEN_UP = {"records-dropped-by-policy"}
LASTING = {"traffic-surge"}
"""Causes that are still there while what they left behind is worked off."""
LATE_MIN = 5
"""By how much what is promised may be late: metrics are some minutes old, to the minute."""
LOST = ("dropped", "expired", "skipped")


@dataclass(frozen=True)
class Cure:
    """An incident, the minutes until it is over."""

    incident: str
    minutes: int
    only: tuple[int, ...] = ()
    """Which of the changing commands to run, by place; empty: all of them."""
    strength: str = "plain"
    asked_after: int = 0
    """Minutes after which it is asked when the stream will have caught up."""
    given_up: int = 0
    """Records that the cure puts aside."""
    filled: Mapping[str, str] = field(default_factory=dict)
    """What the reader puts in for a placeholder."""


CURES = (
    Cure("esm-disabled", 10),
    Cure("switched-off", 10),
    Cure("reserved-concurrency", 10, asked_after=9),
    Cure("account-exhausted", 20, (0,)),
    Cure("poison-record", 25, given_up=1),
    Cure("under-capacity", 10, asked_after=10),
    Cure("surge", 10, asked_after=10),
    Cure("capped-table", 100, (0,)),
    Cure("hot-shard", 30, (-1,)),
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
def shift(shared_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Shift:
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).with_name("data")))
    return Shift(shared_aws)


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
    advised = commands(primary, cure.filled)
    assert advised, primary.fix
    for place in cure.only or range(len(advised)):
        shift.run(advised[place])
    if cure.asked_after:
        shift.wait(cure.asked_after)
        promise_is_kept(shift, primary.cause)
    shift.wait(cure.minutes)
    after = shift.report()
    assert shift.oldest_s() < LIMIT_S
    assert {finding.cause for finding in after.findings} <= (GIVEN_UP if cure.given_up else set())
    assert after.findings or after.verdict is Verdict.OK
    assert shift.lost() == 0
    assert shift.model.delivered == cure.given_up


def promise_is_kept(shift: Shift, cause: str) -> None:
    """A stream that catches up is neither accused nor called healthy, and does so when the report says."""
    report = shift.report()
    assert report.findings
    assert cause not in {finding.cause for finding in report.findings} - LASTING
    promise = fact(report, "caught-up")
    assert promise, report.facts
    assert promise.at
    minutes = int(promise.at - shift.aws.clock()) // 60
    shift.wait(max(1, minutes // 2))
    assert shift.oldest_s() > LIMIT_S, "sooner than promised"
    shift.wait(minutes - minutes // 2 + LATE_MIN)
    assert shift.oldest_s() < LIMIT_S, "later than promised"


@pytest.mark.parametrize("incident", ["esm-disabled", "under-capacity"])
def test_right_after_a_cure_the_old_cause_is_not_named_and_nothing_is_called_healthy(
    incident: str, shift: Shift
) -> None:
    shift.begin(incident)
    for command in commands(shift.report().findings[0]):
        shift.run(command)
    shift.wait(1)
    report = shift.report()
    assert report.verdict is Verdict.BREACH
    assert find(incident).cause not in {finding.cause for finding in report.findings}
    said = fact(report, "settling")
    assert said
    assert "the event source mapping was changed at" in said.text


@pytest.mark.parametrize("worker", ["scoreUsers", "publishScores"])
def test_a_mapping_is_made_anew_as_it_was(worker: str, shift: Shift) -> None:
    shift.begin("healthy")
    shift.worker, shift.runbook = worker, "stream-lag"
    target = shift.report().target
    aws = shift.aws.client("lambda")
    own = {"UUID", "EventSourceMappingArn", "LastModified", "LastProcessingResult", "ResponseMetadata"}

    def settings(uuid: str) -> dict[str, Any]:
        found = aws.get_event_source_mapping(UUID=uuid)
        return {name: value for name, value in found.items() if name not in own}

    before = settings(target.mapping_uuid)
    shift.run(delete_mapping(target))
    shift.run(create_mapping(target, target.source_arn, None))
    (made,) = aws.list_event_source_mappings(FunctionName=target.function)["EventSourceMappings"]
    assert settings(made["UUID"]) == before


HARMS = (
    ("poison-record", "--maximum-record-age-in-seconds 60", "do not set a small MaximumRecordAge"),
    ("misreport", "--maximum-retry-attempts 1", "do not bound the retries first"),
)


@pytest.mark.parametrize(("incident", "options", "warning"), HARMS, ids=lambda value: value.split()[0])
def test_what_the_report_warns_of_throws_records_away(
    incident: str, options: str, warning: str, shift: Shift
) -> None:
    shift.begin(incident)
    report = shift.report()
    assert any(line.startswith(warning) for line in report.findings[0].avoid), report.findings[0].avoid
    before = shift.lost() + shift.model.delivered
    shift.run(
        f"aws lambda update-event-source-mapping --uuid {report.target.mapping_uuid} {options} "
        f"--region {report.target.region}"
    )
    shift.wait(20)
    assert shift.lost() + shift.model.delivered > before + 1000


def test_a_sandbox_that_is_left_alone_goes_on_publishing(shift: Shift) -> None:
    shift.begin("poison-record")
    before = shift.report()
    shift.aws.clock.advance(600)
    after = shift.report()
    assert after.findings[0].cause == before.findings[0].cause
    assert after.window.end - before.window.end == pytest.approx(600, abs=60)
    aged = [next(e.value for e in report.findings[-1].evidence if e.value) for report in (before, after)]
    assert aged[1] - aged[0] == pytest.approx(600, abs=130)
