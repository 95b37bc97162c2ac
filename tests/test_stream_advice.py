"""The command that makes a mapping anew carries what the worker's manifest says, and nothing else."""

import json
from dataclasses import replace

import pytest

from opskit.model import Target
from runbooks._stream.advice import recreate
from runbooks._stream.advice_mapping import create_mapping

ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/scores"
TARGET = Target("w", "f", "kinesis", "prod", "us-east-1", account="123456789012", source_arn=ARN)
BARE = (
    f"aws lambda create-event-source-mapping --function-name f --event-source-arn {ARN} --starting-position"
)
LOST = {"OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:lost"}}
QUOTED = r"""'{"Filters": [{"Pattern": "{\"data\": [\"it'"'"'s\"]}"}]}'"""


def test_a_worker_without_a_manifest_gets_lambdas_defaults_and_the_reader_is_told() -> None:
    assert create_mapping(TARGET, ARN, None) == f"{BARE} TRIM_HORIZON --region us-east-1"
    (_, create, _), _ = recreate(TARGET, None)
    assert create.startswith("then create it again, with the settings that it had, from before it stopped: ")


@pytest.mark.parametrize(
    ("expected", "options"),
    [
        ({"batch_size": 50, "parallelization": 1}, "--batch-size 50 --parallelization-factor 1"),
        ({"batch_window_s": 5}, "--maximum-batching-window-in-seconds 5"),
        ({"tumbling_window_s": 60}, "--tumbling-window-in-seconds 60"),
        ({"max_retries": 0}, "--maximum-retry-attempts 0"),
        ({"max_record_age_s": 21600}, "--maximum-record-age-in-seconds 21600"),
        ({"bisect": True}, "--bisect-batch-on-function-error"),
        ({"report_batch_item_failures": True}, "--function-response-types ReportBatchItemFailures"),
        ({"event_counts": True}, "--metrics-config Metrics=EventCount"),
        ({"filters": ('{"data": ["it\'s"]}',)}, f"--filter-criteria {QUOTED}"),
        ({"on_failure": "lost"}, f"--destination-config '{json.dumps(LOST)}'"),
        (
            {"max_retries": -1, "max_record_age_s": -1, "batch_window_s": 0, "bisect": False, "filters": ()},
            "",
        ),
    ],
)
def test_each_setting_of_the_manifest_is_an_option(expected: dict[str, object], options: str) -> None:
    command = create_mapping(replace(TARGET, expected=expected), ARN, None)
    assert command == " ".join(filter(None, (f"{BARE} TRIM_HORIZON", options, "--region us-east-1")))


def test_it_starts_where_reading_stopped_and_never_at_the_newest_record() -> None:
    target = replace(TARGET, expected={"starting_position": "LATEST"})
    begun = f"{BARE} AT_TIMESTAMP --starting-position-timestamp 1800000000 --region us-east-1"
    assert create_mapping(target, ARN, 1_800_000_000) == begun
    assert "TRIM_HORIZON" in create_mapping(target, ARN, None)
    (_, create, _), _ = recreate(target, 1_800_000_000)
    assert create.startswith("then create it again with the manifest's settings, from before it stopped: ")
