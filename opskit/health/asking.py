"""What is asked about one worker, in two rounds: how it is set up, then what was measured of it. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from opskit.health import endpoint
from opskit.inventory import arns, round0
from opskit.inventory.worker import Worker
from opskit.model import Describe, Json, Metric, Readings, Signal, Status

OFF = ("Disabled", "Disabling", "Deleting")
"""The states in which an event source mapping reads nothing, or is about to."""
LISTED_FROM = 20
"""From this many workers on, what AWS can list is listed: DescribeStreamSummary and ListEventSourceMappings
allow 20 and 15 calls a second, and a list holds a hundred."""
SLOW_S = 300
"""The period of p95: a minute of a quiet function is too few executions for a percentile."""

MAPPED = ("kinesis", "dynamodb-stream", "sqs")
APIS = ("rest-api", "http-api")
TABLE = "Table.{status: TableStatus, indexes: GlobalSecondaryIndexes[].IndexName || `[]`}"
STREAM = "StreamDescriptionSummary.{name: StreamName, retention_h: RetentionPeriodHours}"
STREAMS = "StreamSummaries[].{name: StreamName}"
QUEUE = (
    "Attributes.{retention_s: MessageRetentionPeriod, visible: ApproximateNumberOfMessages, "
    "in_flight: ApproximateNumberOfMessagesNotVisible, delayed: ApproximateNumberOfMessagesDelayed, "
    "redrive: RedrivePolicy}"
)
REST_APIS = "items[].{id: id, name: name}"
HTTP_APIS = "Items[].{id: ApiId, name: Name}"
ACCOUNT = "{limit: AccountLimit.ConcurrentExecutions}"


def split(worker: Worker) -> tuple[Worker, ...]:
    """Return the worker once for each of its sources, so that none of them is overlooked."""
    return tuple(replace(worker, sources=(source,)) for source in worker.sources) or (worker,)


def tables_of(worker: Worker) -> tuple[str, ...]:
    """Return the tables that a worker reads the changes of, writes to or calls, by its manifest."""
    source = (worker.sources[0].name,) if worker.trigger == "dynamodb-stream" else ()
    written = (name for kind, name in worker.downstream if kind == "table")
    return tuple(dict.fromkeys((*source, *worker.tables, *written)))


def table_key(name: str) -> str:
    """Return the name of the signal that describes a table."""
    return f"table {name}"


# --- round 1: how it is set up -----------------------------------------------------------------------


def shared() -> dict[str, Signal]:
    """Return what is asked once for a whole account and region."""
    return {
        round0.IDENTITY: round0.identity(),
        "account": Describe("lambda", "GetAccountSettings", (), ACCOUNT),
        "claimed": Metric("AWS/Lambda", "ClaimedAccountConcurrency", (), "Maximum"),
    }


def settings(worker: Worker, *, listed: bool) -> dict[str, Signal]:
    """Return the first round; `listed`: streams and mappings come from the account's lists."""
    name = ":".join(part for part in (worker.function, worker.alias) if part)
    asked: dict[str, Signal] = {round0.FUNCTION: round0.function(name)}
    if worker.trigger in MAPPED:
        asked[round0.MAPPINGS] = round0.all_mappings() if listed else round0.mappings(name)
    if worker.trigger == "kinesis":
        asked["stream"] = _streams() if listed else _stream(worker.sources[0].name)
    if worker.trigger == "rest-api":
        asked["apis"] = Describe("apigateway", "GetRestApis", (), REST_APIS)
    if worker.trigger == "http-api":
        asked["apis"] = Describe("apigatewayv2", "GetApis", (), HTTP_APIS)
    for table in tables_of(worker):
        asked[table_key(table)] = Describe("dynamodb", "DescribeTable", (("TableName", table),), TABLE)
    return asked


def _stream(name: str) -> Describe:
    return Describe("kinesis", "DescribeStreamSummary", (("StreamName", name),), STREAM)


def _streams() -> Describe:
    return Describe("kinesis", "ListStreams", (), STREAMS)


# --- what the first round says -----------------------------------------------------------------------


def own_mappings(worker: Worker, readings: Readings) -> list[Mapping[str, Json]]:
    """Return the mappings of this worker's function and source, those that work first.

    UnreadError when they could not be read.
    """
    source = worker.sources[0]
    own = [
        row
        for row in readings.listed(round0.MAPPINGS, _source_of, (source.trigger, source.name))
        if arns.parse_function(row["function_arn"]).name == worker.function
    ]
    return sorted(own, key=lambda row: row["state"] in OFF)


def _source_of(mapping: Mapping[str, Json]) -> tuple[str, str]:
    """Return the trigger and the name of what a mapping reads; ("", "") if that has no ARN."""
    arn = mapping["source_arn"] or ""
    return arns.trigger_of(arn), arns.resource_of(arn)


def api_id(worker: Worker, readings: Readings) -> str:
    """Return the id of the worker's API by its name; "" when there is none, or it could not be read."""
    reading = readings.reading("apis")
    return next((api["id"] for api in reading.document or () if api["name"] == worker.sources[0].name), "")


def dead_letter_queue(worker: Worker, readings: Readings) -> str:
    """Return the queue for what cannot be processed: the manifest's, else what AWS wires; "" if none."""
    if worker.dead_letter_queue or worker.trigger not in MAPPED:
        return worker.dead_letter_queue
    if round0.MAPPINGS in readings and readings.reading(round0.MAPPINGS).status is Status.OK:
        wired = (row["on_failure_arn"] or "" for row in own_mappings(worker, readings))
        name = next((arns.resource_of(arn) for arn in wired if ":sqs:" in arn), "")
        if name:
            return name
    if "queue" in readings and readings.reading("queue").status is Status.OK:
        return redrive_target(readings.document("queue")["redrive"])
    return ""


def redrive_target(policy: str | None) -> str:
    """Return the dead-letter queue that a RedrivePolicy (a JSON text) names; "" without one."""
    try:
        return arns.resource_of(json.loads(policy or "{}").get("deadLetterTargetArn", ""))
    except (ValueError, AttributeError):
        return ""


# --- round 2: what was measured ----------------------------------------------------------------------


def measures(worker: Worker, readings: Readings, queue_url: str, aws: str) -> dict[str, Signal]:
    """Return the second round.

    `queue_url` is where queues stand, a name behind it makes one's URL, "" if that is not known; `aws` is
    the AWS endpoint if it is not AWS's own.
    """
    asked: dict[str, Signal] = dict(_function(worker))
    if worker.trigger in ("kinesis", "dynamodb-stream"):
        asked |= _stream_metrics(worker)
    if worker.trigger == "sqs":
        asked |= _queue(worker.sources[0].name, queue_url)
    if worker.trigger in APIS:
        asked |= _api(worker, readings)
        look = endpoint.probe(worker, api_id(worker, readings), aws)
        asked |= {"endpoint": look} if look else {}
    if worker.trigger in MAPPED:
        asked |= _event_counts(worker, readings)
    asked |= dead_letters(worker, readings, queue_url)
    for table in tables_of(worker):
        asked |= _table(table, readings)
    return asked


def dead_letters(worker: Worker, readings: Readings, queue_url: str) -> dict[str, Signal]:
    """Return what is asked about the dead-letter queue, as far as one is known; nothing twice.

    Where only the queue itself names it, by its RedrivePolicy, it is known after round 2.
    """
    dead = dead_letter_queue(worker, readings)
    if not dead or "dead" in readings:
        return {}
    depth = _gauge("ApproximateNumberOfMessagesVisible", dead)
    return {"dead": depth, **_attributes("dead-queue", dead, queue_url)}


def _function(worker: Worker) -> Iterator[tuple[str, Signal]]:
    dimensions = (("FunctionName", worker.function),)
    runs = Metric("AWS/Lambda", "Invocations", dimensions, "Sum")

    def counter(name: str) -> Metric:
        return Metric("AWS/Lambda", name, dimensions, "Sum", absent=0.0, beside=runs)

    yield "invocations", runs
    yield "errors", counter("Errors")
    yield "throttles", counter("Throttles")
    yield "duration", Metric("AWS/Lambda", "Duration", dimensions, "p95", period_s=SLOW_S)
    yield "concurrency", Metric("AWS/Lambda", "ConcurrentExecutions", dimensions, "Maximum")
    if worker.dead_letter_queue:
        yield "dead-letter-errors", counter("DeadLetterErrors")
        yield "delivery-failures", counter("DestinationDeliveryFailures")


def _stream_metrics(worker: Worker) -> dict[str, Signal]:
    source = worker.sources[0]
    age = Metric("AWS/Lambda", "IteratorAge", (("FunctionName", worker.function),), "Maximum")
    if source.trigger == "kinesis":
        arrivals = Metric("AWS/Kinesis", "IncomingRecords", (("StreamName", source.name),), "Sum")
    else:  # no metric counts a table stream's records; what is written to the table becomes one
        arrivals = Metric("AWS/DynamoDB", "ConsumedWriteCapacityUnits", (("TableName", source.name),), "Sum")
    return {"iterator-age": age, "arrivals": arrivals}


def _queue(name: str, queue_url: str) -> dict[str, Signal]:
    dimensions = (("QueueName", name),)
    return {
        "depth": _gauge("ApproximateNumberOfMessagesVisible", name),
        "queue-age": _gauge("ApproximateAgeOfOldestMessage", name),
        "arrivals": Metric("AWS/SQS", "NumberOfMessagesSent", dimensions, "Sum"),
        "received": Metric("AWS/SQS", "NumberOfMessagesReceived", dimensions, "Sum"),
        **_attributes("queue", name, queue_url),
    }


def _gauge(metric: str, queue: str) -> Metric:
    return Metric("AWS/SQS", metric, (("QueueName", queue),), "Maximum")


def _attributes(key: str, queue: str, queue_url: str) -> dict[str, Signal]:
    if not queue_url:
        return {}
    params = (("QueueUrl", f"{queue_url}/{queue}"), ("AttributeNames", ("All",)))
    return {key: Describe("sqs", "GetQueueAttributes", params, QUEUE)}


def _event_counts(worker: Worker, readings: Readings) -> dict[str, Signal]:
    """Return the opt-in counts of the worker's mapping, where they are on."""
    if readings.reading(round0.MAPPINGS).status is not Status.OK:
        return {}
    counted = [row for row in own_mappings(worker, readings) if "EventCount" in (row["metrics"] or ())]
    if not counted:
        return {}
    dimensions = (("EventSourceMappingUUID", counted[0]["uuid"]),)
    polled = Metric("AWS/Lambda", "PolledEventCount", dimensions, "Sum")
    return {
        "polled": polled,
        "filtered": Metric("AWS/Lambda", "FilteredOutEventCount", dimensions, "Sum", 60, 0.0, polled),
        "invoked-events": Metric("AWS/Lambda", "InvokedEventCount", dimensions, "Sum", 60, 0.0, polled),
        # Streams only: a queue's messages go to its dead-letter queue, or expire.
        "dropped": Metric("AWS/Lambda", "DroppedEventCount", dimensions, "Sum", 60, 0.0, polled),
    }


def _api(worker: Worker, readings: Readings) -> dict[str, Signal]:
    """REST and HTTP APIs differ in dimensions and names (API Gateway guide, "dimensions and metrics").

    There too: a REST API's name loses what is not ASCII, and is the API's id if nothing is left.
    """
    stage = str(worker.expected.get("stage") or "")
    if worker.trigger == "rest-api":
        name = worker.sources[0].name.encode("ascii", "ignore").decode() or api_id(worker, readings)
        whole, names = (("ApiName", name),), ("5XXError", "4XXError")
    else:
        whole, names = (("ApiId", api_id(worker, readings)),), ("5xx", "4xx")
        if not whole[0][1]:
            return {}
    dimensions = (*whole, ("Stage", stage)) if stage else whole
    requests = Metric("AWS/ApiGateway", "Count", dimensions, "SampleCount")
    return {
        "requests": requests,
        "5xx": Metric("AWS/ApiGateway", names[0], dimensions, "Sum", 60, 0.0, requests),
        "4xx": Metric("AWS/ApiGateway", names[1], dimensions, "Sum", 60, 0.0, requests),
        "latency": Metric("AWS/ApiGateway", "Latency", dimensions, "p99", SLOW_S),
    }


def _table(name: str, readings: Readings) -> Iterator[tuple[str, Signal]]:
    """Yield the throttles of a table and of each index; the table's own leave its indexes out."""
    table = (("TableName", name),)
    document = readings.reading(table_key(name)).document or {}
    indexes = ((("GlobalSecondaryIndexName", index),) for index in document.get("indexes") or ())
    for index in ((), *indexes):
        label = f"{name}/{index[0][1]}" if index else name
        for kind in ("Read", "Write"):
            used = Metric("AWS/DynamoDB", f"Consumed{kind}CapacityUnits", (*table, *index), "Sum")
            throttles = f"{kind}ThrottleEvents"
            yield f"{kind.lower()}-used {label}", used
            yield (
                f"{kind.lower()}-throttles {label}",
                Metric("AWS/DynamoDB", throttles, (*table, *index), "Sum", 60, 0.0, used),
            )
