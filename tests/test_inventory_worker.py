"""The packaged workers are valid everywhere, and their settings agree with what AWS advises."""

import subprocess
import sys
from pathlib import Path

import pytest

from opskit import inventory
from opskit.errors import UsageError
from opskit.inventory import Worker
from opskit.inventory.arns import account_of, resource_of, source_arn, trigger_of
from opskit.inventory.worker import function_name, match_function
from opskit.settings import ENVIRONMENTS, Settings

TRIGGERS = {
    "handleEvent": "sqs",
    "publishScores": "dynamodb-stream",
    "scoreUsers": "kinesis",
    "validateToken": "rest-api",
}


def packaged(env: str = "prod", region: str = "us-east-1") -> dict[str, Worker]:
    return {worker.name: worker for worker in inventory.load(Settings(env=env, region=region)).workers}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_packaged_workers_are_valid_in_every_environment(env: str) -> None:
    workers = packaged(env)
    assert {name: worker.trigger for name, worker in workers.items()} == TRIGGERS
    for name, worker in workers.items():
        assert worker.function == f"prd2011-{env}-us-east-1-{name}"
        assert worker.log_group == f"/aws/lambda/{worker.function}"
        assert worker.sources[0].name.startswith(f"prd2011-{env}-us-east-1-")
        assert all(table.startswith(f"prd2011-{env}-us-east-1-") for table in worker.tables)
        assert len(worker.function) <= 64, "Lambda's limit for a function's name"
        assert set(worker.escalation) == {"L1", "L2", "L3"}
        assert "{env}" not in repr(worker)


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_their_settings_agree_with_each_other(env: str) -> None:
    workers = packaged(env)
    api, queue = workers["validateToken"].expected, workers["handleEvent"].expected
    assert api["timeout_s"] * 1000 < api["integration_timeout_ms"] == 29_000
    assert queue["visibility_timeout_s"] >= 6 * queue["timeout_s"] + queue["batch_window_s"]
    assert queue["max_receive_count"] >= 5
    assert workers["handleEvent"].dead_letter_queue.endswith("-fan-updates-dlq")
    for name in ("scoreUsers", "publishScores"):
        stream, worker = workers[name].expected, workers[name]
        assert 0 <= stream["max_retries"] < 100, "a poison record must not block its shard"
        assert worker.dead_letter_queue == stream["on_failure"]
        needed = stream.get("shards", 1) * stream["parallelization"]
        assert (
            worker.expected["reserved_concurrency"] is None
            or worker.expected["reserved_concurrency"] >= needed
        )


def test_the_scoring_stack_fails_over_to_the_west() -> None:
    west = packaged(region="us-west-2")
    assert {name for name, worker in west.items() if worker.deployed_here} == {"publishScores", "scoreUsers"}
    assert {worker.stack for worker in west.values() if worker.deployed_here} == {"scoring"}
    assert west["scoreUsers"].sources[0].name == "prd2011-prod-us-west-2-fan-events"


def test_what_a_worker_calls_is_there() -> None:
    workers = packaged()
    called = {name for worker in workers.values() for kind, name in worker.downstream if kind == "worker"}
    assert called <= set(workers)


def test_environments_of_ones_own_need_manifests_that_fit_them() -> None:
    with pytest.raises(UsageError) as caught:
        inventory.load(Settings(env="live", environments=("dev", "live")))
    assert str(caught.value) == (
        "environments: the packaged workers are for local-dev, qa, prod; "
        "set workers_dir to the folder of your own"
    )


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("prd2011-{env}-{region}-{name}", "prd2011-prod-us-east-1-x-y"),
        ("{name}", "x-y"),
        ("{env}.{name}.{env}", "prod.x-y.prod"),
    ],
)
def test_a_function_name_is_made_and_read_by_the_pattern(pattern: str, name: str) -> None:
    settings = Settings(function_pattern=pattern)
    assert function_name(settings, "x-y") == name
    assert (match_function(settings, name) or {})["name"] == "x-y"


def test_a_repeated_placeholder_stands_for_one_thing() -> None:
    assert match_function(Settings(function_pattern="{env}.{name}.{env}"), "prod.x.qa") is None


@pytest.mark.parametrize(
    ("trigger", "region", "arn"),
    [
        ("kinesis", "us-east-1", "arn:aws:kinesis:us-east-1:123456789012:stream/n"),
        ("dynamodb-stream", "cn-north-1", "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/n"),
        ("sqs", "us-gov-west-1", "arn:aws-us-gov:sqs:us-gov-west-1:123456789012:n"),
    ],
)
def test_a_sources_arn_is_made_and_read(trigger: str, region: str, arn: str) -> None:
    assert source_arn(trigger, "n", region, "123456789012") == arn
    assert (trigger_of(arn), resource_of(arn), account_of(arn)) == (trigger, "n", "123456789012")


@pytest.mark.parametrize("arn", ["", "x", "arn:aws:kafka:us-east-1:123456789012:cluster/c/1"])
def test_a_source_that_is_not_read_has_no_trigger(arn: str) -> None:
    assert trigger_of(arn) == ""


def test_a_workers_own_limits_reach_the_worker(tmp_path: Path) -> None:
    (tmp_path / "score").mkdir()
    packaged_file = Path(__file__).parents[1] / "workers" / "score_users" / "worker.yaml"
    own = "thresholds:\n  iterator_age: {warn: 300, crit: 600, severity: critical}\n"
    own += "  queue_depth: {warn: null}\n"
    (tmp_path / "score" / "worker.yaml").write_text(packaged_file.read_text() + own)
    (worker,) = inventory.load(Settings(workers_dir=tmp_path)).workers
    age = worker.limits["iterator_age"]
    assert (age.warn, age.crit, age.severity, age.unit) == (300, 600, "critical", "s")
    assert worker.limits["queue_depth"].warn is None
    assert worker.limits["lambda_errors"].crit == 5


def test_a_worker_has_its_stacks_tag_and_its_own_and_its_logs_are_kept_as_its_manifest_says(
    tmp_path: Path,
) -> None:
    assert packaged()["scoreUsers"].tags == {"stack": "scoring"}
    assert (packaged()["scoreUsers"].log_retention_days, packaged("qa")["scoreUsers"].log_retention_days) == (
        30,
        14,
    )
    (tmp_path / "score").mkdir()
    packaged_file = Path(__file__).parents[1] / "workers" / "score_users" / "worker.yaml"
    own = "tags: {stack: null, team: scoring}\n"
    (tmp_path / "score" / "worker.yaml").write_text(packaged_file.read_text() + own)
    (worker,) = inventory.load(Settings(workers_dir=tmp_path)).workers
    assert worker.tags == {"team": "scoring"}


def test_reading_names_without_manifests_needs_no_pydantic() -> None:
    code = "import sys, opskit.inventory; sys.exit('pydantic' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
