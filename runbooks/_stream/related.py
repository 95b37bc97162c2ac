"""What stream-lag asks about what is around the stream: its readers, the account's pool, tables, changes."""

from opskit.model import Describe, Metric, Readings, Signal, Target
from runbooks._stream import settings
from runbooks._stream import source as of_source
from runbooks._stream.facts import known

TABLE_THROTTLES, TABLE_KEY_RANGE = "table-throttles ", "table-key-range "
TABLE_PROVISIONED, TABLE_ON_DEMAND_MAX = "table-provisioned ", "table-on-demand-max "
TABLE_CONSUMED, TABLE_SETTINGS = "table-consumed ", "table-settings "
"""Names of what is asked about a table; the table's name follows."""

AROUND_S = 300
"""How far around a change's known time its event is looked for."""

HISTORY_S = 90 * 86_400
"""CloudTrail's event history: 90 days (LookupEvents in CloudTrail's API reference)."""

READERS = (
    "EventSourceMappings[].{uuid: UUID, function_arn: FunctionArn, state: State, source_arn: EventSourceArn}"
)
TABLE = (
    "Table.{billing: BillingModeSummary.BillingMode, "
    "read_units: ProvisionedThroughput.ReadCapacityUnits, "
    "write_units: ProvisionedThroughput.WriteCapacityUnits, "
    "max_write_units: OnDemandThroughput.MaxWriteRequestUnits, status: TableStatus, "
    "indexes: GlobalSecondaryIndexes[].{name: IndexName, "
    "write_units: ProvisionedThroughput.WriteCapacityUnits, "
    "max_write_units: OnDemandThroughput.MaxWriteRequestUnits, backfilling: Backfilling}}"
)


def consumers(target: Target) -> dict[str, Signal]:
    """Return the question which functions read this stream; nothing while its ARN is not known."""
    arn = of_source.stream_arn(target)
    if not arn or (target.trigger == "dynamodb-stream" and "/stream/" not in arn):
        return {}
    call = Describe("lambda", "ListEventSourceMappings", (("EventSourceArn", arn),), READERS)
    return {"consumers": call}


def pool() -> dict[str, Signal]:
    """Return how much of the region's concurrency is claimed and in use; published without dimensions."""
    return {
        "claimed": Metric("AWS/Lambda", "ClaimedAccountConcurrency", (), "Maximum"),
        "account-concurrency": Metric("AWS/Lambda", "ConcurrentExecutions", (), "Maximum"),
    }


def tables(target: Target) -> dict[str, Signal]:
    """Return for every table that the worker writes to its throttles by reason, its use and its settings."""
    asked: dict[str, Signal] = {}
    for table in target.tables:
        name = (("TableName", table),)
        consumed = Metric("AWS/DynamoDB", "ConsumedWriteCapacityUnits", name, "Sum")
        asked[f"{TABLE_CONSUMED}{table}"] = consumed
        for key, metric in (
            (TABLE_THROTTLES, "WriteThrottleEvents"),
            (TABLE_KEY_RANGE, "WriteKeyRangeThroughputThrottleEvents"),
            (TABLE_PROVISIONED, "WriteProvisionedThroughputThrottleEvents"),
            (TABLE_ON_DEMAND_MAX, "WriteMaxOnDemandThroughputThrottleEvents"),
        ):
            asked[f"{key}{table}"] = Metric("AWS/DynamoDB", metric, name, "Sum", absent=0.0, beside=consumed)
        asked[f"{TABLE_SETTINGS}{table}"] = Describe("dynamodb", "DescribeTable", name, TABLE)
    return asked


def changes(target: Target, readings: Readings) -> dict[str, Signal]:
    """Return the one CloudTrail question that says who did it, where a setting is what stops the stream.

    One attribute a lookup, two lookups a second. The event's name is the one attribute that every event
    has for sure: a mapping's events name the mapping's UUID and a deletion or a reservation names the
    function, but only in the event's text, not reliably as its resource. So that text is searched here.
    """
    found = known(lambda: settings.mapping(target, readings))
    if found is None and known(lambda: readings.document("mappings")) is not None:
        return _event(readings, "DeleteEventSourceMapping20150331", target.function, None)
    if found and found["state"] != "Enabled":
        changed = found.get("last_modified")
        return _event(readings, "UpdateEventSourceMapping20150331", str(found["uuid"]), changed)
    if known(lambda: settings.reserved(readings)) == 0:
        return _event(readings, "PutFunctionConcurrency20171031", target.function, None)
    return {}


def _event(readings: Readings, name: str, within: str, at: int | None) -> dict[str, Signal]:
    """Ask for the events of one name that speak of `within`, around `at` or in the whole window."""
    window = readings.window
    start, end = (at - AROUND_S, at + AROUND_S) if at else (window.start, window.end + AROUND_S)
    if start < window.end - HISTORY_S:
        return {}
    attribute = (("AttributeKey", "EventName"), ("AttributeValue", name))
    call = Describe(
        "cloudtrail",
        "LookupEvents",
        (("LookupAttributes", (attribute,)), ("StartTime", start), ("EndTime", end)),
        f"Events[?contains(CloudTrailEvent, '{within}')].{{at: EventTime, name: EventName, by: Username}}",
    )
    return {"changes": call}
