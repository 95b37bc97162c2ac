"""What Lambda accepts as an event source mapping's settings, and what it fills in."""

from collections.abc import Mapping
from typing import Any

from opskit.sandbox.control.common import check_ranges
from opskit.sandbox.front import RefusedError

_STREAM_ONLY = (
    "ParallelizationFactor",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "StartingPosition",
)
_RANGES = {
    "BatchSize": (1, 10000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "ParallelizationFactor": (1, 10),
    "MaximumRecordAgeInSeconds": (-1, 604800),
    "MaximumRetryAttempts": (-1, 10000),
    "TumblingWindowInSeconds": (0, 900),
}
_SMALLEST_BATCHED = 10
"""SQS batches above this need a batching window."""
_LEAST_AGE_S = 60

_STREAM_DEFAULTS: Mapping[str, Any] = {
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
_QUEUE_DEFAULTS: Mapping[str, Any] = {
    "BatchSize": 10,
    "MaximumBatchingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
}


def with_defaults(kind: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with AWS's defaults for what was not asked."""
    return {**(_QUEUE_DEFAULTS if kind == "sqs" else _STREAM_DEFAULTS), **asked}


def check_mapping(kind: str, asked: Mapping[str, Any], becoming: Mapping[str, Any] | None = None) -> None:
    """Refuse settings AWS refuses; `becoming` is what an update would make of the mapping."""
    check_ranges(asked, _RANGES)
    whole = becoming or asked
    if kind == "sqs":
        _check_queue(asked, whole)
    else:
        _check_stream(whole)


def _check_queue(asked: Mapping[str, Any], whole: Mapping[str, Any]) -> None:
    for name in _STREAM_ONLY:
        if asked.get(name) is not None:
            _refuse(f"Unsupported {name} parameter for given event source mapping type.")
    batch, window_s = whole.get("BatchSize") or 0, whole.get("MaximumBatchingWindowInSeconds") or 0
    if batch > _SMALLEST_BATCHED and str(whole.get("EventSourceArn", "")).endswith(".fifo"):
        _refuse(f"Maximum batch size for a FIFO queue is {_SMALLEST_BATCHED}.")
    if batch > _SMALLEST_BATCHED and not window_s:
        _refuse(
            "Maximum batch window in seconds must be greater than 0 "
            f"if maximum batch size is greater than {_SMALLEST_BATCHED}"
        )
    check_ranges(asked.get("ScalingConfig") or {}, {"MaximumConcurrency": (2, 1000)})


def _check_stream(whole: Mapping[str, Any]) -> None:
    if not whole.get("StartingPosition"):
        problem = "Value null at 'startingPosition' failed to satisfy constraint: Member must not be null."
        raise RefusedError("ValidationException", f"1 validation error detected: {problem}")
    if whole.get("ScalingConfig"):
        _refuse("Unsupported ScalingConfig parameter for given event source mapping type.")
    if 0 <= whole.get("MaximumRecordAgeInSeconds", -1) < _LEAST_AGE_S:
        _refuse(f"MaximumRecordAgeInSeconds must be -1 or between {_LEAST_AGE_S} and 604800.")


def _refuse(problem: str) -> None:
    raise RefusedError("InvalidParameterValueException", problem, Type="User")
