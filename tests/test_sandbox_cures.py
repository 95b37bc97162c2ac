"""A cure applied by hand, through the AWS CLI, recovers the metrics; the catalogue's harmful fix does not."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awscli
import pytest
from awscli.clidriver import create_clidriver
from conftest import EmbeddedAws

from opskit.sandbox import resources, stage
from opskit.sandbox.incidents import find

pytestmark = pytest.mark.timeout(300)
FUNCTION = "prd2011-prod-us-east-1-scoreUsers"
STREAM = "prd2011-prod-us-east-1-fan-events"
TABLE = "prd2011-prod-us-east-1-fan-scores"
SOURCE = f"arn:aws:kinesis:us-east-1:123456789012:stream/{STREAM}"
MAPPING = ("lambda", "update-event-source-mapping", "--uuid", "UUID")
CONCURRENCY = ("lambda", "put-function-concurrency", "--function-name", FUNCTION)
LIMITS = {"IteratorAge": 120_000, "Errors": 0}
"""The handbook's: an age of two minutes in ms, no error."""

Command = tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """An incident, the commands that cure it, and those of a harmful fix."""

    incident: str
    cure: tuple[Command, ...]
    harm: tuple[Command, ...]
    minutes: int = 40
    measure: str = "IteratorAge"


def reserved(count: int) -> Command:
    return (*CONCURRENCY, "--reserved-concurrent-executions", str(count))


def recreated(position: str) -> tuple[Command, ...]:
    created = ("--function-name", FUNCTION, "--event-source-arn", SOURCE, "--starting-position", position)
    return (
        ("lambda", "delete-event-source-mapping", "--uuid", "UUID"),
        ("lambda", "create-event-source-mapping", *created),
    )


WIDER = (*MAPPING, "--parallelization-factor", "10")
LARGER = (*MAPPING, "--batch-size", "1000")
RIGHT = {"Effect": "Allow", "Action": "kinesis:GetRecords", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [RIGHT]})
ROLE = ("--role-name", f"{FUNCTION}-role", "--policy-name", "read", "--policy-document", POLICY)
SETTINGS = ("lambda", "update-function-configuration", "--function-name", FUNCTION)
EIGHT_SHARDS = ("--stream-name", STREAM, "--target-shard-count", "8", "--scaling-type", "UNIFORM_SCALING")
PAIRS = (
    Pair(
        "poison-record",
        cure=((*MAPPING, "--bisect-batch-on-function-error", "--maximum-retry-attempts", "3"),),
        harm=(WIDER, reserved(60)),
    ),
    Pair("reserved-concurrency", cure=(reserved(16),), harm=(LARGER,)),
    Pair("switched-off", cure=(reserved(16),), harm=(WIDER,)),
    Pair(
        "under-capacity",
        cure=(reserved(60), (*MAPPING, "--parallelization-factor", "8")),
        harm=(reserved(100),),
        minutes=60,
    ),
    Pair("slow-batches-time-out", cure=((*MAPPING, "--batch-size", "20"),), harm=(WIDER,), measure="Errors"),
    Pair(
        "table-throttled",
        cure=(("dynamodb", "update-table", "--table-name", TABLE, "--billing-mode", "PAY_PER_REQUEST"),),
        harm=((*SETTINGS, "--memory-size", "3008"),),
    ),
    Pair("batch-window", cure=((*MAPPING, "--maximum-batching-window-in-seconds", "5"),), harm=(WIDER,)),
    Pair("read-denied", cure=(("iam", "put-role-policy", *ROLE),), harm=recreated("TRIM_HORIZON")),
    Pair(
        "hot-shard",
        cure=(reserved(60), WIDER),
        harm=(("kinesis", "update-shard-count", *EIGHT_SHARDS),),
        minutes=60,
    ),
)


@dataclass
class Practice:
    """An incident that goes on, and what is done about it."""

    aws: EmbeddedAws

    @property
    def world(self) -> Any:
        return self.aws.planes.live.world

    def uuid(self) -> str:
        found = self.aws.client("lambda").list_event_source_mappings(FunctionName=FUNCTION)
        return found["EventSourceMappings"][0]["UUID"]

    def do(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            self.aws.clock.advance(2)  # a mapping's change settles in a second
            words = [self.uuid() if word == "UUID" else word for word in command]
            # In this process; test_awscli starts the program itself.
            ended = create_clidriver().main([*words, "--endpoint-url", self.aws.endpoint])
            assert ended == 0, words

    def highest(self, metric: str = "IteratorAge") -> float:
        """The highest value of the last ten minutes; infinity where there is none: nothing is invoked."""
        now = time.time() + self.aws.clock.ahead_s
        found = self.aws.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": FUNCTION}],
            StartTime=now - 600,
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )
        return max((point["Maximum"] for point in found["Datapoints"]), default=float("inf"))

    def healthy(self, metric: str = "IteratorAge") -> bool:
        return self.highest(metric) <= LIMITS[metric]

    def passes(self, minutes: int) -> None:
        self.aws.planes.live.tick(60 * minutes)


@pytest.fixture
def practice(embedded_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Practice:
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).with_name("data")))
    return Practice(embedded_aws)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.incident)
def test_a_cure_recovers_and_a_harmful_fix_does_not(pair: Pair, practice: Practice) -> None:
    incident = find(pair.incident)
    stage.play(practice.aws.planes, incident, seed=3)
    assert not practice.healthy(pair.measure)
    practice.do(pair.harm)
    practice.passes(pair.minutes)
    assert not practice.healthy(pair.measure), "the harmful fix cured it"
    practice.aws.sandbox.renew()
    stage.play(practice.aws.planes, incident, seed=3)
    practice.do(pair.cure)
    practice.passes(pair.minutes)
    assert practice.healthy(pair.measure), "the cure did not cure it"


def test_enabling_a_mapping_goes_on_from_its_checkpoint_and_a_new_one_at_latest_loses_the_backlog(
    practice: Practice,
) -> None:
    stage.play(practice.aws.planes, find("esm-disabled"), seed=3)
    practice.do(recreated("LATEST"))
    practice.passes(10)
    lost = practice.world.workers["scoreUsers"].skipped
    assert lost > 40 * 60 * 60
    practice.aws.sandbox.renew()
    stage.play(practice.aws.planes, find("esm-disabled"), seed=3)
    practice.do(((*MAPPING, "--enabled"),))
    practice.passes(20)
    assert practice.world.workers["scoreUsers"].skipped == 0
    assert practice.healthy()


def test_a_roll_back_cures_a_bad_deploy_and_bounded_retries_throw_the_records_away(
    practice: Practice, tmp_path: Path
) -> None:
    stage.play(practice.aws.planes, find("bad-deploy"), seed=3)
    practice.do(((*MAPPING, "--maximum-retry-attempts", "1"),))
    practice.passes(30)
    assert practice.world.workers["scoreUsers"].dropped > 40 * 60 * 30
    practice.aws.sandbox.renew()
    stage.play(practice.aws.planes, find("bad-deploy"), seed=3)
    former = tmp_path / "former.zip"
    former.write_bytes(resources.package(1))
    update = ("lambda", "update-function-code", "--function-name", FUNCTION, "--zip-file")
    practice.do(((*update, f"fileb://{former}"),))
    practice.passes(30)
    assert practice.world.workers["scoreUsers"].dropped == 0
    assert practice.healthy()


def test_time_passes_for_all_that_was_told(practice: Practice) -> None:
    stage.play(practice.aws.planes, find("poison-record"), seed=3)
    before = practice.highest()
    practice.passes(10)
    assert practice.highest() == pytest.approx(before + 600_000, abs=120_000)
