"""One changed place of one answer, and the one difference that it makes: a row each."""

import json
from typing import Any

from drift_live import FAN_STREAM, LIVE, REDRIVE, arn, function

Key = tuple[str, str]
Case = tuple[Key, Any, Any, Key, str, str]
"""A call, the place in its answer, what stands there; the resource, what is said of it, how bad it is."""

QUEUES, REST, HTTP = function("queues"), function("rest"), function("http")
GROUP = f"/aws/lambda/{REST}"
UPDATES, UPDATES_DLQ = "https://queues/updates", "https://queues/updates-dlq"
POST = (1, "methods", "POST", "methodIntegration")
VIEW_LATER = FAN_STREAM.replace("11-24", "11-25")
# fmt: off
_ROWS: dict[tuple[Key, Key], tuple[tuple[Any, Any, str, str], ...]] = {
    (("GetFunction", QUEUES), ("function", QUEUES)): (
        ("timeout_s", 60, "timeout: 60 s live, 30 s in the manifest", "medium"),
        ("memory_mb", 512, "memory: 512 MB live, 128 MB in the manifest", "medium"),
        ("reserved_concurrency", None, "reserved concurrency: none live, 20 in the manifest", "medium"),
        ("reserved_concurrency", 0, "reserved concurrency: 0 live, 20 in the manifest", "high"),
        ("log_format", "JSON", "log format: JSON live, Text in the manifest", "medium"),
        ("log_group", "/x", f"log group: /x live, /aws/lambda/{QUEUES} in the manifest", "medium"),
        ("tags", None, "tag stack: none live, fans in the manifest", "low"),
        ("state", "Failed", "state: Failed live, Active expected", "critical"),
        ("last_update_status", "Failed", "last update status: Failed live, Successful expected", "high"),
    ),
    (("GetFunction", REST), ("function", REST)): (
        ("dead_letter_arn", None, "dead letter queue: none live, rest-dlq in the manifest", "medium"),
    ),
    (("GetFunctionConfiguration", function("streams")), ("function", function("streams"))): (
        ("timeout_s", 31, "timeout: 31 s live, 30 s in the manifest", "medium"),
    ),
    (("ListAttachedRolePolicies", "queues-role"), ("role", "queues-role")): (
        ((), [], "policies: none live, some expected", "high"),
    ),
    (("ListAttachedRolePolicies", "rest-role"), ("role", "rest-role")): (
        ((), [], "policies: none live, some expected", "medium"),
    ),
    (("ListEventSourceMappings", LIVE), ("mapping", "events")): (
        ((0, "state"), "Disabled", "state: Disabled live (User action), Enabled expected", "high"),
        ((0, "batch_size"), 10, "batch size: 10 live, 100 in the manifest", "medium"),
        ((0, "batch_window_s"), 5, "batch window: 5 s live, 0 s in the manifest", "medium"),
        ((0, "parallelization"), 2, "parallelization: 2 live, 1 in the manifest", "medium"),
        ((0, "tumbling_window_s"), 60, "tumbling window: 60 s live, 0 s in the manifest", "medium"),
        ((0, "max_retries"), -1, "max retries: no end live, 10 in the manifest", "medium"),
        ((0, "max_record_age_s"), 60, "max record age: 60 s live, no end in the manifest", "medium"),
        ((0, "bisect"), True, "bisect: on live, off in the manifest", "medium"),
        ((0, "report_batch_item_failures"), True,
         "report batch item failures: on live, off in the manifest", "medium"),
        ((0, "on_failure_arn"), None, "on failure: none live, events-failed in the manifest", "high"),
        ((0, "on_failure_arn"), arn("sqs", "x"),
         "on failure: x live, events-failed in the manifest", "medium"),
        ((0, "metrics"), [], "event counts: off live, on in the manifest", "medium"),
        ((0, "filters"), ['{"a":[1]}'], 'filters: {"a":[1]} live, none in the manifest', "medium"),
    ),
    (("ListEventSourceMappings", QUEUES), ("mapping", "updates")): (
        ((0, "max_concurrency"), None, "max concurrency: no limit live, 10 in the manifest", "medium"),
        ((0, "filters"), [], 'filters: none live, {"body": {"kind": ["new"]}} in the manifest', "medium"),
    ),
    (("DescribeStreamConsumer", arn("kinesis", "stream/events/consumer/fan-out:1")), ("mapping", "events")): (
        ("status", "DELETING", "fan-out consumer: DELETING live, ACTIVE expected", "high"),
    ),
    (("DescribeStreamSummary", "events"), ("stream", "events")): (
        ("shards", 2, "shards: 2 live, 4 in the manifest", "medium"),
        ("retention_h", 48, "retention: 48 h live, 24 h in the manifest", "medium"),
        ("mode", "ON_DEMAND", "mode: ON_DEMAND live, PROVISIONED in the manifest", "medium"),
    ),
    (("DescribeStreamSummary", "scores"), ("stream", "scores")): (
        ("status", "DELETING", "status: DELETING live, ACTIVE expected", "high"),
    ),
    (("DescribeTable", "idle"), ("table", "idle")): (
        ("status", "ARCHIVED", "status: ARCHIVED live, ACTIVE expected", "high"),
        ("indexes", [{"name": "by-age", "status": "CREATING"}],
         "index by-age: CREATING live, ACTIVE expected", "medium"),
    ),
    (("DescribeTable", "fans"), ("table", "fans")): (
        ("streamed", None, "stream: off live, on expected", "high"),
        ("stream_view", "KEYS_ONLY", "stream view: KEYS_ONLY live, NEW_IMAGE in the manifest", "medium"),
    ),
    (("DescribeTable", "fans"), ("mapping", "fans")): (
        ("stream_arn", VIEW_LATER,
         "table's stream: 2026-11-24T00:00:00.000 live, 2026-11-25T00:00:00.000 expected", "high"),
    ),
    (("GetQueueAttributes", UPDATES), ("queue", "updates")): (
        ("visibility_timeout_s", "200", "visibility timeout: 200 s live, 180 s in the manifest", "medium"),
        ("retention_s", "60", "retention: 60 s live, 345600 s in the manifest", "medium"),
        ("fifo", "true", "fifo: on live, off in the manifest", "medium"),
        ("redrive", None, "dead letter queue: none live, updates-dlq in the manifest", "high"),
        ("redrive", json.dumps(REDRIVE | {"maxReceiveCount": "3"}),
         "max receive count: 3 live, 5 in the manifest", "medium"),
        ("redrive", json.dumps(REDRIVE | {"deadLetterTargetArn": arn("sqs", "x")}),
         "dead letter queue: x live, updates-dlq in the manifest", "medium"),
    ),
    (("GetQueueAttributes", UPDATES_DLQ), ("queue", "updates-dlq")): (
        ("redrive_allow", json.dumps({"redrivePermission": "denyAll"}),
         "redrive allow policy: denyAll live, updates expected", "high"),
        ("redrive_allow", json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn("sqs", "x")]}),
         "redrive allow policy: x live, updates expected", "high"),
    ),
    (("GetRestApis", ""), ("api", "site")): (
        ((0, "name"), "site", "APIs of that name: 2 live, 1 expected", "medium"),
    ),
    (("GetStages", "r1"), ("stage", "site/v1")): (
        ((0, "deployment"), None, "deployment: none live, one expected", "high"),
    ),
    (("GetResources", "r1"), ("route", "site POST /fans/{id}")): (
        (POST, {"type": "MOCK"}, f"integration: none live, {REST} in the manifest", "high"),
        ((*POST, "timeoutInMillis"), 5000,
         "integration timeout: 5000 ms live, 29000 ms in the manifest", "medium"),
    ),
    (("GetIntegrations", "h1"), ("route", "shop GET /fans")): (
        ((0, "uri"), arn("lambda", "function:other:live"),
         f"integration: other:live live, {HTTP} in the manifest", "high"),
    ),
    (("GetPolicy", REST), ("permission", REST)): (
        ("policy", json.dumps({"Statement": []}), "invoked by: none live, site in the manifest", "high"),
    ),
    (("GetSchedule", "nights"), ("schedule", "nights/nightly")): (
        ("state", "DISABLED", "state: DISABLED live, ENABLED expected", "high"),
        ("expression", "rate(1 hour)",
         "expression: rate(1 hour) live, rate(1 day) in the manifest", "medium"),
        ("timezone", "Europe/Rome", "timezone: Europe/Rome live, UTC in the manifest", "medium"),
        ("target_arn", arn("lambda", "function:x"),
         f"target: x live, {function('nightly')} in the manifest", "high"),
        ("target_arn", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
         f"target: arn:aws:scheduler:::aws-sdk:sqs:sendMessage live, {function('nightly')} in the manifest",
         "high"),
        ("dead_letter_arn", None, "dead letter queue: none live, nightly-dlq in the manifest", "high"),
    ),
    (("DescribeLogGroups", GROUP), ("log group", GROUP)): (
        ((1, "log_retention_days"), None, "log retention: for ever live, 30 days in the manifest", "low"),
        ((1, "class"), "DELIVERY", "class: DELIVERY live, STANDARD expected", "medium"),
    ),
}
EXTRA: list[tuple[Key, Any, Any]] = [
    (("ListEventSourceMappings", function("tables")), (0, "on_failure_arn"), arn("sqs", "kept")),
    (("ListEventSourceMappings", function("tables")), (0, "metrics"), ["EventCount"]),
    (("ListEventSourceMappings", function("tables")), (0, "state"), "Updating"),
    (("ListEventSourceMappings", QUEUES), (0, "filters"), ['{ "body": {"kind":\n["new"]}}']),
    (("ListEventSourceMappings", function("tables")), (0, "tumbling_window_s"), None),
    (("ListEventSourceMappings", function("tables")), (0, "max_retries"), None),
    (("ListEventSourceMappings", function("tables")), (0, "parallelization"), None),
    (("ListEventSourceMappings", QUEUES), (0, "batch_window_s"), None),
    (("ListEventSourceMappings", LIVE), (0, "bisect"), None),
    (("GetFunction", QUEUES), "log_format", None),
    (("GetFunction", QUEUES), "log_group", None),
    (("GetFunction", QUEUES), "dead_letter_arn", arn("sqs", "extra")),
    (("GetFunction", QUEUES), "state", "Inactive"),
    (("GetFunction", QUEUES), "last_update_status", "InProgress"),
    (("DescribeTable", "idle"), "streamed", True),
    (("DescribeTable", "idle"), "status", "UPDATING"),
    (("GetQueueAttributes", UPDATES_DLQ), "redrive", json.dumps(REDRIVE)),
    (("GetQueueAttributes", UPDATES_DLQ), "redrive_allow",
     json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn("sqs", "updates")]})),
    (("GetStages", "h1"), (0, "deployment"), "d9"),
    (("DescribeLogGroups", GROUP), (1, "class"), None),
]
"""What no manifest speaks of, and what is passing."""
# fmt: on
CASES: list[Case] = [
    (asked, path, value, named, text, severity)
    for (asked, named), rows in _ROWS.items()
    for path, value, text, severity in rows
]
