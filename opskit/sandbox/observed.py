"""The settings in force in the embedded AWS, as the workload model's parameters."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.iam.models import iam_backends
from moto.kinesis.models import kinesis_backends

from opskit.inventory.worker import Worker
from opskit.sandbox.apis import API_GATEWAY, INVOKE
from opskit.sandbox.fleet import API_TRIGGERS, STREAM_TRIGGERS
from opskit.sandbox.front import ACCOUNT, Call, RefusedError
from opskit.sandbox.planes import Planes
from opskit.sandbox.resources import REGION, Placed, arn, package

Values = dict[str, Any]
VERSIONS = 9
"""How many versions of a package are told apart."""


def worker(planes: Planes, one: Worker, place: Placed) -> Values:
    """Return the parameters that can be read off a worker's function, mapping and source."""
    seen: Values = {}
    for part in (_function(planes, one, place), _mapping(planes, one, place), _source(planes, one)):
        seen.update(part)
    return seen


def table(planes: Planes, name: str) -> Values:
    """Return the parameters that can be read off a table; nothing if there is no such table."""
    found = dynamodb_backends[ACCOUNT][REGION].tables.get(name)
    if found is None:
        return {}
    on_demand = found.billing_mode == "PAY_PER_REQUEST"
    seen: Values = {"on_demand": on_demand}
    if not on_demand:
        seen["write_capacity"] = float(found.throughput["WriteCapacityUnits"])
        seen["read_capacity"] = float(found.throughput["ReadCapacityUnits"])
    most = planes.control.tables.caps(REGION, name).get("MaxWriteRequestUnits") if on_demand else None
    seen["max_write_units"] = None if most is None else float(most)
    for index in found.global_indexes:
        if not on_demand:
            seen["index_write_capacity"] = float(index.throughput["WriteCapacityUnits"])
    return seen


def account(planes: Planes) -> Values:
    """Return the account's own parameter."""
    return {"concurrency_limit": planes.control.concurrency.limit(_call())}


def _call(**params: Any) -> Call:
    return Call("lambda", "", params, REGION, "")


def _function(planes: Planes, one: Worker, place: Placed) -> Values:
    try:
        found = planes.control.functions.find(_call(FunctionName=place.function))
    except RefusedError:
        return {"reserved_concurrency": 0}  # what is gone runs no more
    version = _version(found.code_sha_256)
    callable_by_api = {"invocable": _lets_call(found)} if one.trigger in API_TRIGGERS else {}
    return {
        **callable_by_api,
        "timeout_s": float(found.timeout),
        "memory_mb": int(found.memory_size),
        "reserved_concurrency": found.reserved_concurrency,
        **({"version": version} if version else {}),
    }


def _lets_call(function: Any) -> bool:
    """Tell whether a function's policy lets API Gateway call it; of which API is not looked at."""
    may = (one for one in function.policy.statements if one["Action"] in {INVOKE, "lambda:*"})
    return any(API_GATEWAY in str(one["Principal"]) or one["Principal"] == "*" for one in may)


def _version(sha: str) -> int:
    """Return which version's package has this digest, as Lambda's CodeSha256; 0: one of somebody else's."""
    return next((version for version in range(1, VERSIONS + 1) if sha == _digest(version)), 0)


@cache
def _digest(version: int) -> str:
    return base64.b64encode(hashlib.sha256(package(version)).digest()).decode()


_RIGHTS = {
    "kinesis": "kinesis:GetRecords",
    "dynamodb-stream": "dynamodb:GetRecords",
    "sqs": "sqs:ReceiveMessage",
}
"""The right that reading a worker's source takes, by its trigger."""


def _readable(one: Worker, place: Placed) -> bool:
    """Tell whether the role's policies let the mapping read; resources and conditions are not looked at."""
    role = next((r for r in iam_backends[ACCOUNT]["aws"].get_roles() if r.name == place.role), None)
    if role is None:
        return False
    documents = [*role.policies.values(), *(policy.document for policy in role.managed_policies.values())]
    right = _RIGHTS[one.trigger]
    effects = {effect for text in documents if text for effect in _effects(json.loads(text), right)}
    return effects == {"Allow"}


def _effects(document: Mapping[str, Any], right: str) -> Iterator[str]:
    """Yield what each statement that speaks of a right says of it."""
    statements = document.get("Statement", ())
    for one in [statements] if isinstance(statements, Mapping) else statements:
        actions = one.get("Action", ())
        named = [actions] if isinstance(actions, str) else actions
        if any(fnmatchcase(right.lower(), action.lower()) for action in named):
            yield one["Effect"]


_STREAM_SETTINGS = {
    "batch_size": "BatchSize",
    "batch_window_s": "MaximumBatchingWindowInSeconds",
    "tumbling_window_s": "TumblingWindowInSeconds",
    "parallelization": "ParallelizationFactor",
    "max_retries": "MaximumRetryAttempts",
    "max_record_age_s": "MaximumRecordAgeInSeconds",
    "bisect": "BisectBatchOnFunctionError",
}
_QUEUE_SETTINGS = {"batch_size": "BatchSize", "batch_window_s": "MaximumBatchingWindowInSeconds"}


def mapping_of(planes: Planes, place: Placed) -> Values | None:
    """Return a worker's newest mapping of its source as GetEventSourceMapping tells it; None without one."""
    if not place.source_arn:
        return None
    try:
        found = planes.control.mappings.list(_call(FunctionName=place.function))["EventSourceMappings"]
    except RefusedError:
        return None
    source = _source_of(place.source_arn)
    mine = [one for one in found if _source_of(one["EventSourceArn"]) == source]
    return dict(mine[-1]) if mine else None


def _source_of(arn: str) -> str:
    """Return the ARN of the queue, the stream or the table that a mapping reads from, however it does."""
    return re.sub(r"/(consumer|stream)/.*", "", arn)


def _mapping(planes: Planes, one: Worker, place: Placed) -> Values:
    if not place.source_arn:
        return {}
    found = mapping_of(planes, place)
    readable = {"readable": _readable(one, place)}
    if found is None:
        return {**readable, "enabled": False}
    stream = one.trigger in STREAM_TRIGGERS
    names = _STREAM_SETTINGS if stream else _QUEUE_SETTINGS
    seen = readable | {mine: found[theirs] for mine, theirs in names.items() if found.get(theirs) is not None}
    seen["enabled"] = found["State"] not in {"Disabled", "Disabling", "Deleting"}
    seen["report_batch_item_failures"] = "ReportBatchItemFailures" in found.get("FunctionResponseTypes", ())
    seen["filter"] = json.dumps(found.get("FilterCriteria", {}).get("Filters", []))
    if not stream:
        return {**seen, "max_concurrency": found.get("ScalingConfig", {}).get("MaximumConcurrency")}
    seen["on_failure"] = bool(found.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
    seen["attached"] = _exists(one, found["EventSourceArn"])
    seen["fan_out"] = "/consumer/" in found["EventSourceArn"]
    return seen


def _exists(one: Worker, arn: str) -> bool:
    """Tell whether what a mapping names is there: its stream, its consumer, its table's newest stream."""
    if one.trigger == "kinesis":
        stream = kinesis_backends[ACCOUNT][REGION].streams.get(one.sources[0].name)
        if stream is None or "/consumer/" not in arn:
            return stream is not None
        return any(consumer.consumer_arn == arn for consumer in stream.consumers)
    table = dynamodb_backends[ACCOUNT][REGION].tables.get(one.sources[0].name)
    return table is not None and arn.endswith(f"/stream/{table.latest_stream_label}")


def _source(planes: Planes, one: Worker) -> Values:
    if one.trigger == "sqs":
        return _queue(planes, one)
    stream = kinesis_backends[ACCOUNT][REGION].streams.get(one.sources[0].name)
    if one.trigger != "kinesis" or stream is None:
        return {}
    return {
        "shards": sum(1 for shard in stream.shards.values() if shard.is_open),
        "retention_s": int(stream.retention_period_hours) * 3600,
        "shard_metrics": bool(stream.shard_level_metrics),
    }


def _queue(planes: Planes, one: Worker) -> Values:
    try:
        found = planes.queues.attributes(arn("sqs", one.sources[0].name))
    except RefusedError:
        return {}
    policy = json.loads(found.get("RedrivePolicy", "{}"))
    return {
        "visibility_s": int(found["VisibilityTimeout"]),
        "retention_s": int(found["MessageRetentionPeriod"]),
        "delay_s": int(found["DelaySeconds"]),
        "max_receive_count": int(policy["maxReceiveCount"]) if policy else None,
    }
