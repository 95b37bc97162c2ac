"""What a manifest says reaches the argument that it is meant for: no record is lost by a line that went."""

import pytest
from terraforming import INFRA, Block, labelled

FIELDS = {
    ("mapping", "aws_lambda_event_source_mapping"): {
        "batch_size": "batch_size",
        "maximum_batching_window_in_seconds": "batch_window_s",
        "starting_position": "starting_position",
        "parallelization_factor": "parallelization",
        "maximum_retry_attempts": "max_retries",
        "maximum_record_age_in_seconds": "max_record_age_s",
        "bisect_batch_on_function_error": "bisect",
    },
    ("sqs", "aws_sqs_queue"): {
        "name": "queue",
        "visibility_timeout_seconds": "visibility_timeout_s",
        "message_retention_seconds": "retention_s",
    },
    ("kinesis", "aws_kinesis_stream"): {
        "name": "stream",
        "shard_count": "shards",
        "retention_period": "retention_h",
    },
    ("function", "aws_lambda_function"): {
        "function_name": "function",
        "timeout": "timeout_s",
        "memory_size": "memory_mb",
    },
    ("function", "aws_cloudwatch_log_group"): {
        "name": "log_group",
        "retention_in_days": "log_retention_days",
    },
}
"""Argument: the manifest's field, by module and kind of resource."""


def resource(module: str, kind: str) -> Block:
    (body,) = (body for labels, body in labelled(INFRA / "modules" / module, "resource") if labels[0] == kind)
    return body


def call(module: str, name: str) -> Block:
    return dict(labelled(INFRA / "modules" / module, "module"))[(name,)]


@pytest.mark.parametrize(("module", "kind"), FIELDS)
def test_an_argument_is_the_manifests_field(module: str, kind: str) -> None:
    body = resource(module, kind)
    for argument, field in FIELDS[module, kind].items():
        forms = (f"local.trigger.{field}", f'lookup(local.trigger, "{field}", null)', f"var.worker.{field}")
        assert body[argument] in {f"${{{form}}}" for form in forms}, argument


def test_a_mapping_reports_failures_one_by_one_and_tells_of_what_it_gives_up() -> None:
    body = resource("mapping", "aws_lambda_event_source_mapping")
    told = '${local.trigger.report_batch_item_failures ? ["ReportBatchItemFailures"] : []}'
    assert body["function_response_types"] == told
    (destination,) = (one["destination_config"] for one in body["dynamic"] if "destination_config" in one)
    assert destination["for_each"] == "${var.on_failure_arn == null ? [] : [var.on_failure_arn]}"
    for module in ("kinesis", "dynamodb-stream"):
        assert call(module, "mapping")["on_failure_arn"] == "${module.dead_letters.arn}"
        assert call(module, "dead_letters")["name"] == "${local.trigger.on_failure}"
        assert call(module, "function")["failure_queue_arns"] == ["${module.dead_letters.arn}"]


def test_a_queue_hands_its_dead_letters_to_one_that_keeps_them_as_long_as_can_be() -> None:
    arguments = (
        "deadLetterTargetArn = module.dead_letters.arn, maxReceiveCount = local.trigger.max_receive_count"
    )
    assert resource("sqs", "aws_sqs_queue")["redrive_policy"] == f"${{jsonencode({{{arguments}}})}}"
    assert call("sqs", "dead_letters")["name"] == "${var.worker.dead_letter_queue}"
    kept_s = resource("dead-letter-queue", "aws_sqs_queue")["message_retention_seconds"]
    assert kept_s == 14 * 24 * 3600, "as long as SQS can: a letter's age counts from when it was first sent"


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("sqs", {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}),
        (
            "kinesis",
            {
                "kinesis:DescribeStream",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            },
        ),
        (
            "dynamodb-stream",
            {
                f"dynamodb:{name}"
                for name in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
            },
        ),
    ],
)
def test_a_mapping_may_read_its_source(module: str, needed: set[str]) -> None:
    """By the execution roles that the Lambda guide asks for, each kind of source its own."""
    (statement,) = call(module, "function")["source_statements"]
    assert needed <= set(statement["actions"])


def test_an_alarm_is_as_it_was_planned_and_tells_somebody_of_both_ends() -> None:
    body = resource("alarms", "aws_cloudwatch_metric_alarm")
    planned = {
        "threshold": "threshold",
        "comparison_operator": "comparison",
        "evaluation_periods": "evaluated",
        "datapoints_to_alarm": "breaching",
        "treat_missing_data": "missing_data",
    }
    assert {name: body[name] for name in planned} == {
        name: f"${{each.value.{one}}}" for name, one in planned.items()
    }
    assert body["alarm_actions"] == body["ok_actions"] == ["${var.topics[each.value.severity]}"]
