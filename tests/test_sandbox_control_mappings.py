"""Event source mappings: their states, their pages, what is refused, and that they consume nothing."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, EmbeddedAws

STREAM_DEFAULTS = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
    "DestinationConfig": {"OnFailure": {}},
}


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    embedded_aws.function("scoreUsers", Timeout=30)
    return embedded_aws


def mapped(aws: EmbeddedAws, stream: str = "players", **settings: Any) -> dict[str, Any]:
    asked = {"FunctionName": "scoreUsers", "StartingPosition": "LATEST", **settings}
    if "EventSourceArn" not in asked:
        asked["EventSourceArn"] = aws.stream(stream)
    return aws.client("lambda").create_event_source_mapping(**asked)


def settled(aws: EmbeddedAws, **settings: Any) -> str:
    uuid = mapped(aws, **settings)["UUID"]
    aws.clock.advance(2)
    return uuid


def state(aws: EmbeddedAws, uuid: str) -> str:
    return aws.client("lambda").get_event_source_mapping(UUID=uuid)["State"]


def refusal(call: Any, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        call(**params)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_stream_mapping_has_the_defaults_of_aws(aws: EmbeddedAws) -> None:
    mapping = mapped(aws)
    assert mapping.items() >= STREAM_DEFAULTS.items()
    assert mapping["StateTransitionReason"] == "User action"
    assert mapping["LastProcessingResult"] == "No records processed"
    assert mapping["FunctionArn"] == f"arn:aws:lambda:{REGION}:123456789012:function:scoreUsers"


def test_a_queue_mapping_has_the_defaults_of_aws(aws: EmbeddedAws) -> None:
    mapping = aws.client("lambda").create_event_source_mapping(
        FunctionName="scoreUsers", EventSourceArn=aws.queue("events", VisibilityTimeout=180)
    )
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (10, 0)
    assert mapping["StateTransitionReason"] == "USER_INITIATED"
    assert not {"ParallelizationFactor", "LastProcessingResult", "StartingPosition"} & set(mapping)


def test_settings_are_kept(aws: EmbeddedAws) -> None:
    settings = {
        "BatchSize": 500,
        "MaximumBatchingWindowInSeconds": 5,
        "ParallelizationFactor": 4,
        "MaximumRecordAgeInSeconds": 3600,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 3,
        "TumblingWindowInSeconds": 60,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": aws.queue("dead")}},
        "FilterCriteria": {"Filters": [{"Pattern": '{"data": {"kind": ["score"]}}'}]},
        "MetricsConfig": {"Metrics": ["EventCount"]},
    }
    uuid = mapped(aws, **settings)["UUID"]
    assert aws.client("lambda").get_event_source_mapping(UUID=uuid).items() >= settings.items()


def test_it_is_created_then_enabled(aws: EmbeddedAws) -> None:
    mapping = mapped(aws)
    assert mapping["State"] == "Creating"
    aws.clock.advance(2)
    assert state(aws, mapping["UUID"]) == "Enabled"


@pytest.mark.parametrize("enabled", [True, False])
def test_switching_goes_through_its_transition(aws: EmbeddedAws, enabled: bool) -> None:
    uuid = settled(aws, Enabled=not enabled)
    change = aws.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=enabled)
    assert change["State"] == ("Enabling" if enabled else "Disabling")
    aws.clock.advance(2)
    assert state(aws, uuid) == ("Enabled" if enabled else "Disabled")


def test_a_changed_setting_updates_and_stays_enabled(aws: EmbeddedAws) -> None:
    uuid = settled(aws)
    change = aws.client("lambda").update_event_source_mapping(UUID=uuid, BatchSize=250)
    assert (change["State"], change["BatchSize"]) == ("Updating", 250)
    aws.clock.advance(2)
    assert state(aws, uuid) == "Enabled"


def test_a_change_under_way_refuses_the_next(aws: EmbeddedAws) -> None:
    uuid = mapped(aws)["UUID"]
    code, message = refusal(aws.client("lambda").update_event_source_mapping, UUID=uuid, BatchSize=1)
    assert (code, "is Creating" in message) == ("ResourceInUseException", True)


def test_deleted_it_is_deleting_then_unknown(aws: EmbeddedAws) -> None:
    uuid = settled(aws)
    client = aws.client("lambda")
    assert client.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    aws.clock.advance(2)
    code, _ = refusal(client.get_event_source_mapping, UUID=uuid)
    assert code == "ResourceNotFoundException"
    assert client.list_event_source_mappings()["EventSourceMappings"] == []


def test_the_admin_route_sets_what_no_call_can(aws: EmbeddedAws) -> None:
    uuid = mapped(aws)["UUID"]
    told = {
        "State": "Disabled",
        "StateTransitionReason": "Lambda disabled it",
        "LastProcessingResult": "PROBLEM: Function call failed",
        "LastModified": 1_790_000_000,
    }
    assert aws.admin(f"mappings/{uuid}", told)[0] == 200
    mapping = aws.client("lambda").get_event_source_mapping(UUID=uuid)
    assert mapping["LastModified"].timestamp() == told.pop("LastModified")
    assert mapping.items() >= told.items()


def test_a_last_result_outlives_a_change_of_settings(aws: EmbeddedAws) -> None:
    uuid = settled(aws)
    aws.admin(f"mappings/{uuid}", {"LastProcessingResult": "PROBLEM: Function call failed"})
    changed = aws.client("lambda").update_event_source_mapping(UUID=uuid, BatchSize=10)
    assert changed["LastProcessingResult"] == "PROBLEM: Function call failed"


def test_the_admin_route_refuses_other_members(aws: EmbeddedAws) -> None:
    status, answer = aws.admin(f"mappings/{mapped(aws)['UUID']}", {"BatchSize": 1})
    assert status == 400
    assert "not settable: BatchSize" in answer["message"]


def test_the_list_is_paged(aws: EmbeddedAws) -> None:
    for number in range(5):
        mapped(aws, f"stream-{number}")
    client = aws.client("lambda")
    first = client.list_event_source_mappings(MaxItems=2)
    assert len(first["EventSourceMappings"]) == 2
    pages = client.get_paginator("list_event_source_mappings").paginate(PaginationConfig={"PageSize": 2})
    sources = [row["EventSourceArn"] for page in pages for row in page["EventSourceMappings"]]
    assert [source.rsplit("/")[-1] for source in sources] == [f"stream-{number}" for number in range(5)]


def test_an_invented_marker_is_refused(aws: EmbeddedAws) -> None:
    code, _ = refusal(aws.client("lambda").list_event_source_mappings, Marker="invented")
    assert code == "InvalidParameterValueException"


@pytest.mark.parametrize(
    "name",
    [
        "scoreUsers",
        "123456789012:function:scoreUsers",
        f"arn:aws:lambda:{REGION}:123456789012:function:scoreUsers",
    ],
)
def test_the_list_is_filtered_by_any_name_of_the_function(aws: EmbeddedAws, name: str) -> None:
    aws.function("other")
    uuid = mapped(aws)["UUID"]
    mapped(aws, "elsewhere", FunctionName="other")
    found = aws.client("lambda").list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    assert [row["UUID"] for row in found] == [uuid]


def test_the_list_is_filtered_by_source(aws: EmbeddedAws) -> None:
    mapped(aws, "one")
    mapping = mapped(aws, "two")
    client = aws.client("lambda")
    found = client.list_event_source_mappings(EventSourceArn=mapping["EventSourceArn"])
    assert [row["UUID"] for row in found["EventSourceMappings"]] == [mapping["UUID"]]


def test_the_same_source_and_function_are_mapped_once(aws: EmbeddedAws) -> None:
    first = mapped(aws)
    code, message = refusal(mapped, aws=aws, EventSourceArn=first["EventSourceArn"])
    assert code == "ResourceConflictException"
    assert f"existing mapping with UUID {first['UUID']}" in message


def test_regions_are_apart(aws: EmbeddedAws) -> None:
    mapped(aws)
    west = aws.client("lambda", "us-west-2")
    assert west.list_event_source_mappings()["EventSourceMappings"] == []


def test_a_queue_whose_messages_reappear_too_early_is_refused(aws: EmbeddedAws) -> None:
    code, message = refusal(
        aws.client("lambda").create_event_source_mapping,
        FunctionName="scoreUsers",
        EventSourceArn=aws.queue("events", VisibilityTimeout=10),
    )
    assert code == "InvalidParameterValueException"
    assert message == "Queue visibility timeout: 10 seconds is less than Function timeout: 30 seconds"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (f"arn:aws:kinesis:{REGION}:123456789012:stream/none", "Stream not found"),
        (
            f"arn:aws:dynamodb:{REGION}:123456789012:table/t/stream/2026-01-01T00:00:00.000",
            "Stream not found",
        ),
        (f"arn:aws:sqs:{REGION}:123456789012:none", "SQS Error Code"),
        (f"arn:aws:s3:{REGION}:123456789012:bucket", "Unrecognized event source"),
    ],
)
def test_a_source_that_is_not_there_is_refused(aws: EmbeddedAws, source: str, says: str) -> None:
    asked: dict[str, Any] = {"FunctionName": "scoreUsers", "EventSourceArn": source}
    if ":sqs:" not in source:
        asked["StartingPosition"] = "LATEST"
    code, message = refusal(aws.client("lambda").create_event_source_mapping, **asked)
    assert code == "InvalidParameterValueException"
    assert says in message


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ParallelizationFactor": 11}, "less than or equal to 10"),
        ({"MaximumRetryAttempts": 10_001}, "less than or equal to 10000"),
        ({"MaximumRecordAgeInSeconds": 30}, "must be -1 or between 60"),
        ({"ScalingConfig": {"MaximumConcurrency": 2}}, "Unsupported ScalingConfig"),
        ({"StartingPosition": None}, "'startingPosition'"),
    ],
)
def test_settings_that_no_stream_takes_are_refused(
    aws: EmbeddedAws, settings: dict[str, Any], says: str
) -> None:
    asked = {"EventSourceArn": aws.stream("s"), "FunctionName": "scoreUsers", "StartingPosition": "LATEST"}
    asked = {name: value for name, value in (asked | settings).items() if value is not None}
    _, message = refusal(aws.client("lambda").create_event_source_mapping, **asked)
    assert says in message


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"BatchSize": 11}, "batch window in seconds must be greater than 0"),
        ({"ParallelizationFactor": 2}, "Unsupported ParallelizationFactor"),
        ({"ScalingConfig": {"MaximumConcurrency": 1001}}, "less than or equal to 1000"),
    ],
)
def test_settings_that_no_queue_takes_are_refused(
    aws: EmbeddedAws, settings: dict[str, Any], says: str
) -> None:
    asked = {"EventSourceArn": aws.queue("q", VisibilityTimeout=180), "FunctionName": "scoreUsers"}
    _, message = refusal(aws.client("lambda").create_event_source_mapping, **asked, **settings)
    assert says in message


def test_an_unknown_function_is_refused(aws: EmbeddedAws) -> None:
    code, _ = refusal(mapped, aws=aws, FunctionName="nobody")
    assert code == "ResourceNotFoundException"


def test_nothing_is_consumed(aws: EmbeddedAws) -> None:
    queue = aws.queue("events", VisibilityTimeout=180)
    client = aws.client("lambda")
    client.create_event_source_mapping(FunctionName="scoreUsers", EventSourceArn=queue)
    mapped(aws)
    sqs, kinesis = aws.client("sqs"), aws.client("kinesis")
    url = sqs.get_queue_url(QueueName="events")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="kept")
    assert kinesis.put_record(StreamName="players", Data=b"kept", PartitionKey="1")["ShardId"]
    assert [m["Body"] for m in sqs.receive_message(QueueUrl=url)["Messages"]] == ["kept"]
    assert aws.client("logs").describe_log_groups()["logGroups"] == []


def test_a_mapping_reads_through_a_consumer_that_exists(aws: EmbeddedAws) -> None:
    stream, kinesis = aws.stream("players"), aws.client("kinesis")
    consumer = kinesis.register_stream_consumer(StreamARN=stream, ConsumerName="fan-out")["Consumer"]
    arn = consumer["ConsumerARN"]
    uuid = settled(aws, EventSourceArn=arn)
    client = aws.client("lambda")
    (found,) = client.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    assert (found["UUID"], found["State"]) == (uuid, "Enabled")
    code, problem = refusal(
        client.create_event_source_mapping,
        FunctionName="scoreUsers",
        EventSourceArn=f"{stream}/consumer/none:1",
        StartingPosition="LATEST",
    )
    assert (code, "Stream not found" in problem) == ("InvalidParameterValueException", True)


def test_a_mapping_whose_source_has_gone_stays(aws: EmbeddedAws) -> None:
    uuid = settled(aws)
    aws.client("kinesis").delete_stream(StreamName="players")
    client = aws.client("lambda")
    arn = client.get_event_source_mapping(UUID=uuid)["EventSourceArn"]
    client.update_event_source_mapping(UUID=uuid, BatchSize=7)
    (found,) = client.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
    assert found["BatchSize"] == 7


def test_ids_come_from_who_plays_an_incident(aws: EmbeddedAws) -> None:
    numbers = iter(range(1, 9))
    aws.planes.control.mappings.new_id = lambda: f"00000000-0000-4000-8000-{next(numbers):012}"
    assert mapped(aws)["UUID"] == "00000000-0000-4000-8000-000000000001"


def test_all_mappings_are_known_in_process_but_deleted_ones(aws: EmbeddedAws) -> None:
    mappings = aws.planes.control.mappings
    first, second = settled(aws, stream="one"), settled(aws, stream="two", BatchSize=7)
    arn = mapped(aws, stream="three")["EventSourceMappingArn"]
    aws.client("lambda").delete_event_source_mapping(UUID=first)
    aws.clock.advance(2)
    found = mappings.known()
    assert [known.source_arn.rpartition("/")[2] for known in found] == ["two", "three"]
    assert found[0].uuid == second
    assert found[0].function_arn.endswith(":function:scoreUsers")
    assert (found[0].settings["BatchSize"], found[0].state) == (7, "Enabled")
    assert found[0].created_s == found[0].changed_s < found[1].created_s
    assert mappings.settings_of(second)["BatchSize"] == 7
    assert mappings.settings_of(arn)["BatchSize"] == 100
    assert mappings.settings_of(first) is None


def test_results_of_many_mappings_are_set_at_once(aws: EmbeddedAws) -> None:
    uuid = settled(aws)
    aws.planes.control.mappings.set_results({uuid: "PROBLEM: Function call failed", "gone": "OK"})
    found = aws.client("lambda").get_event_source_mapping(UUID=uuid)
    assert found["LastProcessingResult"] == "PROBLEM: Function call failed"
