"""What a name may stand for, and what round 0's answers make of it."""

from pathlib import Path
from typing import Any

import jmespath
import pytest

from opskit import inventory
from opskit.errors import UsageError
from opskit.inventory import Inventory, Lookup, round0
from opskit.model import Describe, Reading, Readings, Signal, Status, Target
from opskit.settings import Settings

ACCOUNT = "123456789012"
SCORE = "prd2011-prod-us-east-1-scoreUsers"
QA, LOCAL = "prd2011-qa-us-west-2-scoreUsers", "prd2011-local-dev-us-east-1-scoreUsers"
STAGE = "prd2011-stage-us-east-1-scoreUsers"
STREAM = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/prd2011-prod-us-east-1-fan-events"
OTHER = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/other"
TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/prd2011-prod-us-east-1-fan-scores"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"
STREAMS = ("kinesis", "dynamodb-stream")
DENIED = Reading(Status.FAILED, "AccessDeniedException", "AccessDeniedException")
NOT_FOUND = Reading(Status.FAILED, "Function not found", "ResourceNotFoundException")
IDENTITY = Reading(
    Status.OK, document={"account": ACCOUNT, "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/x/y"}
)


@pytest.fixture(scope="module")
def fleet() -> Inventory:
    return inventory.load(Settings())


def function(name: str, **more: Any) -> Reading:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"
    return Reading(Status.OK, document={"name": name, "arn": arn, "log_group": None, **more})


def mapping(source: str, uuid: str = "u-1", metrics: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"uuid": uuid, "source_arn": source, "metrics": list(metrics)}


def listed(*mappings: dict[str, Any], status: Status = Status.OK) -> Reading:
    return Reading(status, document=list(mappings))


def answer(lookup: Lookup, **answers: Reading) -> Readings:
    """Answer round 0; what is not given is denied."""
    named: dict[str, Signal] = dict(lookup.signals())
    given = {"identity": IDENTITY, **answers}
    return Readings(named, {signal: given.get(key, DENIED) for key, signal in named.items()})


def bind(lookup: Lookup, triggers: tuple[str, ...] = STREAMS, **answers: Reading) -> tuple[Target, ...]:
    return lookup.bind(answer(lookup, **answers), triggers, "stream-lag")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("scoreUsers", (SCORE, "scoreUsers", "prod", "us-east-1")),
        ("SCOREUSERS", (SCORE, "scoreUsers", "prod", "us-east-1")),
        (SCORE, (SCORE, "scoreUsers", "prod", "us-east-1")),
        (QA, (QA, "scoreUsers", "qa", "us-west-2")),
        (LOCAL, (LOCAL, "scoreUsers", "local-dev", "us-east-1")),
        (f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{SCORE}", (SCORE, "scoreUsers", "prod", "us-east-1")),
        (f"{ACCOUNT}:function:{SCORE}", (SCORE, "scoreUsers", "prod", "us-east-1")),
        (f"function:{SCORE}", (SCORE, "scoreUsers", "prod", "us-east-1")),
        (f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:scoreUsers", ("scoreUsers", "", "prod", "eu-west-1")),
        (STAGE, (STAGE, "", "prod", "us-east-1")),
    ],
)
def test_a_name_in_every_form(fleet: Inventory, name: str, found: tuple[str, str, str, str]) -> None:
    lookup = fleet.find(name)
    worker = lookup.worker.name if lookup.worker else ""
    where = (lookup.settings.env, lookup.settings.region)
    assert (lookup.candidates[0].function, worker, *where) == found


@pytest.mark.parametrize(
    "name", ["", "score users", "arn:aws:sqs:us-east-1:123456789012:jobs", "a/b", "x" * 141]
)
def test_what_no_function_can_be_called_is_refused(fleet: Inventory, name: str) -> None:
    with pytest.raises(
        UsageError, match=r"^--fn: expected a worker's name, a function's name or its ARN, got "
    ):
        fleet.find(name)


def test_a_discovered_functions_alias_is_asked_for_and_is_no_part_of_the_name(fleet: Inventory) -> None:
    lookup = fleet.find("billing:live")
    assert lookup.signals()["function"].params == (("FunctionName", "billing:live"),)
    (target,) = bind(lookup, function=function("billing"), mappings=listed(mapping(OTHER)))
    assert target.function == "billing"
    with pytest.raises(UsageError, match=r"event source mapping$"):
        bind(lookup, function=function("billing"), mappings=listed())


def test_a_workers_alias_is_the_manifests(fleet: Inventory, tmp_path: Path) -> None:
    lookup = fleet.find("scoreUsers:live")
    assert lookup.signals()["mappings"].params == (("FunctionName", SCORE),)
    assert lookup.notes == ("looking at the function itself, as its manifest says, not at live",)
    (tmp_path / "score").mkdir()
    packaged = Path(__file__).parents[1] / "workers" / "score_users" / "worker.yaml"
    (tmp_path / "score" / "worker.yaml").write_text(packaged.read_text() + "alias: live\n")
    aliased = inventory.load(Settings(workers_dir=tmp_path))
    for name in ("scoreUsers", "scoreUsers:live"):
        lookup = aliased.find(name)
        assert lookup.signals()["mappings"].params == (("FunctionName", f"{SCORE}:live"),)
        assert lookup.notes == ()
    assert aliased.find("scoreUsers:7").notes == ("looking at alias live, as its manifest says, not at 7",)


def test_a_names_region_and_environment_win_and_are_told(fleet: Inventory) -> None:
    assert fleet.find("prd2011-qa-us-west-2-scoreUsers").notes == (
        "environment qa, as --fn says",
        "region us-west-2, as --fn says",
    )
    assert fleet.find(SCORE).notes == ()


def test_a_flag_that_says_otherwise_is_refused() -> None:
    fleet = inventory.load(Settings(region="us-west-2", flags=frozenset({"region"})))
    with pytest.raises(UsageError, match=r"^--region us-west-2 contradicts --fn, whose region is us-east-1$"):
        fleet.find(SCORE)


def test_a_workers_round_0_has_the_three_names_that_rules_read(fleet: Inventory) -> None:
    lookup = fleet.find("scoreUsers")
    assert set(lookup.signals()) == {"function", "mappings", "identity"}
    assert lookup.named(answer(lookup, function=function(SCORE))) == lookup.signals()


def test_an_unknown_name_is_asked_for_as_it_is_and_by_the_pattern(fleet: Inventory) -> None:
    lookup = fleet.find("billing")
    assert {key: signal.params for key, signal in lookup.signals().items()} == {
        "identity": (),
        "function": (("FunctionName", "billing"),),
        "mappings": (("FunctionName", "billing"),),
        "function_2": (("FunctionName", "prd2011-prod-us-east-1-billing"),),
        "mappings_2": (("FunctionName", "prd2011-prod-us-east-1-billing"),),
        "functions": (),
    }


def test_a_manifests_target_carries_what_is_expected(fleet: Inventory) -> None:
    (target,) = bind(
        fleet.find("scoreUsers"),
        function=function(SCORE, log_group="/shared"),
        mappings=listed(mapping(STREAM, metrics=("EventCount",))),
    )
    assert (target.worker, target.function, target.trigger) == ("scoreUsers", SCORE, "kinesis")
    assert (target.env, target.region, target.account) == ("prod", "us-east-1", ACCOUNT)
    assert (target.source_arn, target.source, target.mapping_uuid) == (STREAM, STREAM.split("/")[1], "u-1")
    assert (target.log_group, target.event_counts) == ("/shared", True)
    assert target.expected["stream"] == "prd2011-prod-us-east-1-fan-events"
    assert (target.expected["max_retries"], target.expected["timeout_s"]) == (10, 60)
    assert target.tables == ("prd2011-prod-us-east-1-fan-scores",)
    assert target.limits["iterator_age"].crit == 120


def test_every_fitting_mapping_is_a_target_and_others_are_not(fleet: Inventory) -> None:
    consumer = f"{STREAM}/consumer/fast:1700000000"
    mappings = listed(
        mapping(OTHER, "u-0"), mapping(STREAM, "u-1"), mapping(consumer, "u-2"), mapping(QUEUE, "u-3")
    )
    targets = bind(fleet.find("scoreUsers"), function=function(SCORE), mappings=mappings)
    assert [(t.mapping_uuid, t.source) for t in targets] == [
        ("u-1", "prd2011-prod-us-east-1-fan-events"),
        ("u-2", "prd2011-prod-us-east-1-fan-events"),
    ]


@pytest.mark.parametrize("mappings", [DENIED, listed(), listed(mapping(OTHER)), Reading(Status.EMPTY)])
def test_without_a_fitting_mapping_the_source_is_the_manifests(fleet: Inventory, mappings: Reading) -> None:
    (target,) = bind(fleet.find("scoreUsers"), function=function(SCORE), mappings=mappings)
    assert (target.source_arn, target.mapping_uuid, target.event_counts) == (STREAM, "", True)


def test_a_tables_stream_fits_whatever_its_label(fleet: Inventory) -> None:
    stream = f"{TABLE}/stream/2026-01-01T00:00:00.000"
    (target,) = bind(fleet.find("publishScores"), mappings=listed(mapping(stream)))
    assert (target.trigger, target.source_arn, target.source) == (
        "dynamodb-stream",
        stream,
        TABLE.split("/")[1],
    )
    (target,) = bind(fleet.find("publishScores"))
    assert (target.source_arn, target.source) == (TABLE, TABLE.split("/")[1])
    assert target.tables == (), "the table whose changes it reads is none that it writes to"


def test_with_everything_denied_the_streams_name_is_still_known(fleet: Inventory) -> None:
    (target,) = bind(fleet.find("scoreUsers"), identity=DENIED)
    assert (target.account, target.source) == ("", "prd2011-prod-us-east-1-fan-events")


@pytest.mark.parametrize(
    ("identity", "function_", "bound", "account"),
    [
        (IDENTITY, DENIED, {"prod": ACCOUNT, "qa": "999999999999"}, ACCOUNT),
        (DENIED, function(SCORE), {"prod": "999999999999"}, ACCOUNT),
        (DENIED, DENIED, {"prod": "999999999999"}, "999999999999"),
    ],
)
def test_the_account_is_the_best_that_is_known(
    identity: Reading, function_: Reading, bound: dict[str, str], account: str
) -> None:
    fleet = inventory.load(Settings(accounts=bound))
    assert bind(fleet.find("scoreUsers"), identity=identity, function=function_)[0].account == account


def test_an_arn_of_another_account_is_refused(fleet: Inventory) -> None:
    arn = f"arn:aws:lambda:us-east-1:999999999999:function:{SCORE}"
    with pytest.raises(UsageError) as caught:
        bind(fleet.find(arn))
    assert str(caught.value) == (
        f"{arn} is in account 999999999999, but the credentials are of account {ACCOUNT}; "
        "choose others with --profile"
    )


@pytest.mark.parametrize("name", ["scoreUsers", "billing", SCORE])
def test_credentials_of_another_account_than_the_bound_one_are_refused(name: str) -> None:
    bound = Settings(accounts={"prod": "999999999999"}, config_file=Path("/etc/opskit.toml"))
    with pytest.raises(UsageError) as caught:
        bind(inventory.load(bound).find(name), function=function(SCORE))
    assert str(caught.value) == (
        f"/etc/opskit.toml binds prod to account 999999999999, but the credentials are of account {ACCOUNT} "
        f"(arn:aws:sts::{ACCOUNT}:assumed-role/x/y); "
        "choose others with --profile, or another environment with --env"
    )


def test_a_names_environment_decides_which_account_is_the_bound_one() -> None:
    bound = Settings(accounts={"prod": ACCOUNT, "qa": "999999999999"}, config_file=Path("/etc/opskit.toml"))
    with pytest.raises(UsageError, match="binds qa to account 999999999999"):
        bind(inventory.load(bound).find(QA))


def test_a_runbook_for_other_triggers_is_refused(fleet: Inventory) -> None:
    with pytest.raises(UsageError) as caught:
        bind(fleet.find("validateToken"))
    assert str(caught.value) == (
        "stream-lag is for kinesis and dynamodb-stream; validateToken is triggered by rest-api"
    )


def test_a_runbook_for_everything_fits_an_api(fleet: Inventory) -> None:
    (target,) = bind(fleet.find("validateToken"), ())
    assert (target.trigger, target.source_arn) == ("rest-api", "")


def test_a_manifests_function_that_is_not_there_is_a_line_not_a_refusal(fleet: Inventory) -> None:
    lookup = fleet.find("prd2011-prod-eu-west-1-scoreUsers")
    readings = answer(lookup, function=NOT_FOUND, mappings=listed())
    assert lookup.missing_function(readings) == (
        f"prd2011-prod-eu-west-1-scoreUsers does not exist in account {ACCOUNT}, region eu-west-1: "
        "deployed elsewhere? (--env, --region); its manifest says us-east-1, us-west-2"
    )
    assert len(lookup.bind(readings, STREAMS)) == 1


@pytest.mark.parametrize("reading", [DENIED, function(SCORE)])
def test_a_function_is_missing_only_if_aws_says_so(fleet: Inventory, reading: Reading) -> None:
    lookup = fleet.find("scoreUsers")
    assert lookup.missing_function(answer(lookup, function=reading)) is None


def test_a_discovered_function_has_a_target_per_fitting_mapping(fleet: Inventory) -> None:
    lookup = fleet.find("billing")
    full = "prd2011-prod-us-east-1-billing"
    answers = {
        "function": NOT_FOUND,
        "mappings": listed(),
        "function_2": function(full),
        "mappings_2": listed(
            mapping(OTHER, "u-1"), mapping(f"{TABLE}/stream/x", "u-2"), mapping(QUEUE, "u-3")
        ),
    }
    targets = bind(lookup, **answers)
    assert [(t.worker, t.trigger, t.mapping_uuid) for t in targets] == [
        (full, "kinesis", "u-1"),
        (full, "dynamodb-stream", "u-2"),
    ]
    assert targets[0].log_group == f"/aws/lambda/{full}"
    assert targets[0].limits["iterator_age"].warn == 60
    assert lookup.named(answer(lookup, **answers))["function"] == round0.function(full)


@pytest.mark.parametrize(
    ("mappings", "line"),
    [
        (
            listed(),
            (
                "function billing has no Kinesis or DynamoDB stream event source mapping; "
                "if an alias has it, ask for --fn billing:ALIAS"
            ),
        ),
        (
            listed(mapping(QUEUE)),
            "function billing has no Kinesis or DynamoDB stream event source mapping; it reads jobs",
        ),
    ],
)
def test_a_discovered_function_without_a_stream_is_refused(
    fleet: Inventory, mappings: Reading, line: str
) -> None:
    with pytest.raises(UsageError) as caught:
        bind(fleet.find("billing"), function=function("billing"), mappings=mappings)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("function_", "mappings"),
    [
        (function("billing"), DENIED),
        (function("billing"), listed(status=Status.PARTIAL)),
        (DENIED, DENIED),
    ],
)
def test_what_cannot_be_told_is_kept_without_a_source(
    fleet: Inventory, function_: Reading, mappings: Reading
) -> None:
    answers = {"function_2": NOT_FOUND, "mappings_2": listed()}
    (target,) = bind(fleet.find("billing"), function=function_, mappings=mappings, **answers)
    assert (target.function, target.trigger, target.source_arn) == ("billing", "", "")


def test_a_mapping_shows_that_an_unreadable_function_is_there(fleet: Inventory) -> None:
    (target,) = bind(
        fleet.find("billing"), function=DENIED, mappings=DENIED, mappings_2=listed(mapping(OTHER))
    )
    assert target.function == "prd2011-prod-us-east-1-billing"


@pytest.mark.parametrize(
    ("name", "functions", "line"),
    [
        ("scoreUser", DENIED, 'no worker or function "scoreUser": did you mean scoreUsers?'),
        (
            "invoces",
            Reading(Status.OK, document=[{"name": "prd2011-prod-us-east-1-invoices"}, {"name": "other"}]),
            'no worker or function "invoces": did you mean prd2011-prod-us-east-1-invoices?',
        ),
        (
            "zzz",
            Reading(Status.EMPTY, document=[]),
            (
                f'no worker or function "zzz" in account {ACCOUNT}, region us-east-1; '
                "known workers: handleEvent, publishScores, scoreUsers, validateToken"
            ),
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    fleet: Inventory, name: str, functions: Reading, line: str
) -> None:
    absent = {"function": NOT_FOUND, "function_2": NOT_FOUND, "mappings": listed(), "mappings_2": listed()}
    with pytest.raises(UsageError) as caught:
        bind(fleet.find(name), functions=functions, **absent)
    assert str(caught.value) == line


def test_one_denied_candidate_is_never_a_false_does_not_exist(fleet: Inventory) -> None:
    (target,) = bind(fleet.find("billing"), function=NOT_FOUND, function_2=DENIED)
    assert target.function == "prd2011-prod-us-east-1-billing"


def selected(signal: Describe, document: dict[str, Any]) -> Any:
    return jmespath.search(signal.select, document)


def test_the_functions_document_has_the_agreed_shape_and_no_environment() -> None:
    configuration = {
        "FunctionName": "f",
        "FunctionArn": "arn:f",
        "Timeout": 3,
        "MemorySize": 128,
        "Role": "arn:role",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "LastModified": "2026-01-01T00:00:00.000+0000",
        "Runtime": "python3.13",
        "Version": "$LATEST",
        "CodeSha256": "abc",
        "LoggingConfig": {"LogGroup": "/g", "LogFormat": "JSON", "SystemLogLevel": "WARN"},
        "DeadLetterConfig": {"TargetArn": "arn:q"},
        "Environment": {"Variables": {"TOKEN": "secret"}},
    }
    document = {"Configuration": configuration, "Concurrency": {"ReservedConcurrentExecutions": 0}}
    assert selected(round0.function("f"), document) == {
        "name": "f",
        "arn": "arn:f",
        "role": "arn:role",
        "timeout_s": 3,
        "memory_mb": 128,
        "state": "Active",
        "state_reason": None,
        "last_update_status": "Successful",
        "last_modified": "2026-01-01T00:00:00.000+0000",
        "runtime": "python3.13",
        "version": "$LATEST",
        "code_sha256": "abc",
        "log_group": "/g",
        "log_format": "JSON",
        "system_log_level": "WARN",
        "reserved_concurrency": 0,
        "dead_letter_arn": "arn:q",
    }
    assert selected(round0.function("f"), {"Configuration": configuration})["reserved_concurrency"] is None


def test_a_mappings_document_has_the_agreed_shape() -> None:
    full = {
        "UUID": "u",
        "EventSourceArn": STREAM,
        "FunctionArn": "arn:f",
        "State": "Disabled",
        "StateTransitionReason": "User action",
        "LastProcessingResult": "OK",
        "LastModified": 1700000000,
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 1,
        "ParallelizationFactor": 2,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": False,
        "TumblingWindowInSeconds": 0,
        "StartingPosition": "LATEST",
        "DestinationConfig": {"OnFailure": {"Destination": "arn:q"}},
        "FilterCriteria": {"Filters": [{"Pattern": "{}"}]},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 5},
        "MetricsConfig": {"Metrics": ["EventCount"]},
    }
    bare = {"UUID": "v", "EventSourceArn": QUEUE}
    one, other = selected(round0.mappings("f"), {"EventSourceMappings": [full, bare]})
    assert one == {
        "uuid": "u",
        "source_arn": STREAM,
        "function_arn": "arn:f",
        "state": "Disabled",
        "state_reason": "User action",
        "last_result": "OK",
        "last_modified": 1700000000,
        "batch_size": 100,
        "batch_window_s": 1,
        "parallelization": 2,
        "max_retries": -1,
        "max_record_age_s": -1,
        "bisect": False,
        "tumbling_window_s": 0,
        "starting_position": "LATEST",
        "on_failure_arn": "arn:q",
        "filters": ["{}"],
        "report_batch_item_failures": True,
        "max_concurrency": 5,
        "metrics": ["EventCount"],
    }
    assert (other["filters"], other["report_batch_item_failures"], other["metrics"]) == ([], False, [])


def test_a_folder_of_ones_own_replaces_the_packaged_workers(tmp_path: Path) -> None:
    assert inventory.load(Settings(workers_dir=tmp_path)).workers == ()
