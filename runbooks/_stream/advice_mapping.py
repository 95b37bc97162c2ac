"""How a mapping is made anew: with all that the worker's manifest says of it, not with Lambda's defaults."""

import json
import shlex
from collections.abc import Iterator, Mapping

from opskit.model import Json, Target

_NUMBERS: Mapping[str, tuple[str, int | None]] = {
    "batch_size": ("--batch-size", None),
    "batch_window_s": ("--maximum-batching-window-in-seconds", 0),
    "tumbling_window_s": ("--tumbling-window-in-seconds", 0),
    "parallelization": ("--parallelization-factor", None),
    "max_retries": ("--maximum-retry-attempts", -1),
    "max_record_age_s": ("--maximum-record-age-in-seconds", -1),
}
"""The manifest's name, the option, and the number that stands for "none" (Lambda's default)."""

_SWITCHES: Mapping[str, str] = {
    "bisect": "--bisect-batch-on-function-error",
    "report_batch_item_failures": "--function-response-types ReportBatchItemFailures",
    "event_counts": "--metrics-config Metrics=EventCount",
}


def create_mapping(target: Target, source_arn: str, read_until: int | None) -> str:
    """Return the command that maps the function to a stream, from `read_until` or its oldest record on.

    Never from LATEST, even if the manifest starts a first mapping there: what waits would be skipped.
    """
    start = "TRIM_HORIZON"
    if target.trigger == "kinesis" and read_until is not None:
        start = f"AT_TIMESTAMP --starting-position-timestamp {read_until}"
    words = [
        f"aws lambda create-event-source-mapping --function-name {target.function}",
        f"--event-source-arn {source_arn or '<ARN of the stream>'} --starting-position {start}",
        *_settings(target),
        f"--region {target.region}",
    ]
    return " ".join(words)


def destination(target: Target) -> str:
    """Return the option's value that keeps failed batches in the manifest's queue."""
    name = target.expected.get("on_failure")
    arn = (
        f"arn:aws:sqs:{target.region}:{target.account}:{name}"
        if name and target.account
        else "<ARN of a queue>"
    )
    return _quoted({"OnFailure": {"Destination": arn}})


def _settings(target: Target) -> Iterator[str]:
    """Yield the options for what the manifest sets; nothing for a worker that has none."""
    expected = target.expected
    for name, (option, none) in _NUMBERS.items():
        if expected.get(name, none) != none:
            yield f"{option} {expected[name]}"
    yield from (option for name, option in _SWITCHES.items() if expected.get(name))
    if expected.get("filters"):
        filters = [{"Pattern": pattern} for pattern in expected["filters"]]
        yield f"--filter-criteria {_quoted({'Filters': filters})}"
    if expected.get("on_failure"):
        yield f"--destination-config {destination(target)}"


def _quoted(value: Json) -> str:
    return shlex.quote(json.dumps(value))
