"""What the worker needs is there, and its tables take what it sends."""

from collections.abc import Iterator
from dataclasses import replace

from opskit.health import asking
from opskit.health.holding import said
from opskit.health.indicators.function import count
from opskit.health.indicators.stream import added
from opskit.health.model import Cell, State
from opskit.inventory import round0
from opskit.inventory.worker import Worker
from opskit.model import Readings, Severity, Status, UnreadError
from opskit.series import Series

ABSENT = (
    "ResourceNotFoundException",
    "NotFoundException",
    "QueueDoesNotExist",
    "AWS.SimpleQueueService.NonExistentQueue",
)
"""How Lambda, Kinesis, DynamoDB, API Gateway and SQS say that there is no such thing."""
UNUSABLE = ("DELETING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "ARCHIVING", "ARCHIVED")
"""The statuses in which a table takes neither reads nor writes (DynamoDB API, TableDescription)."""


def exists(worker: Worker, readings: Readings) -> Cell | None:
    """Every resource that the worker is configured with exists, and the function can run."""
    missing: list[str] = []
    unread: list[tuple[str, str]] = []
    for what, key in _needed(worker, readings):
        reading = readings.reading(key)
        if reading.status is Status.FAILED:
            if reading.code in ABSENT:
                missing.append(what)
            else:
                unread.append((key, reading.reason))
    missing += _not_listed(worker, readings)
    if missing:
        text = f"{', '.join(missing)} {'does' if len(missing) == 1 else 'do'} not exist"
        return said("exists", State.CRIT, "missing", text, Severity.HIGH)
    if unusable := list(_unusable(worker, readings)):
        return said("exists", State.CRIT, "unusable", ", ".join(unusable), Severity.HIGH)
    if unread:
        raise UnreadError(*unread[0])
    return _able(readings)


def _unusable(worker: Worker, readings: Readings) -> Iterator[str]:
    for table in asking.tables_of(worker):
        status = (readings.reading(asking.table_key(table)).document or {}).get("status")
        if status in UNUSABLE:
            yield f"table {table} is {status}"


def _needed(worker: Worker, readings: Readings) -> Iterator[tuple[str, str]]:
    yield f"function {worker.function}", round0.FUNCTION
    for table in asking.tables_of(worker):
        yield f"table {table}", asking.table_key(table)
    if worker.trigger == "kinesis":
        yield f"stream {worker.sources[0].name}", "stream"
    if worker.trigger in asking.APIS:
        yield f"API {worker.sources[0].name}", "apis"
    if worker.trigger == "sqs":
        yield f"queue {worker.sources[0].name}", _queue(readings, "queue")
    if dead := asking.dead_letter_queue(worker, readings):
        yield f"dead-letter queue {dead}", _queue(readings, "dead-queue")


def _queue(readings: Readings, key: str) -> str:
    """Return what tells of a queue; without the account's number it has no address to be asked at."""
    return key if key in readings else round0.IDENTITY


def _not_listed(worker: Worker, readings: Readings) -> Iterator[str]:
    """Yield what a complete list does not hold."""
    name = worker.sources[0].name if worker.sources else ""
    for kind, key in (("stream", "stream"), ("API", "apis")):
        if key in readings and readings.reading(key).status is Status.OK:
            listed = readings.reading(key).document
            if isinstance(listed, list) and all(one["name"] != name for one in listed):
                yield f"{kind} {name}"


def _able(readings: Readings) -> Cell:
    document = readings.document(round0.FUNCTION)
    if document["state"] in ("Failed", "Inactive"):
        bad = Severity.HIGH if document["state"] == "Failed" else Severity.LOW
        of = State.CRIT if document["state"] == "Failed" else State.WARN
        why = f": {document['state_reason']}" if document["state_reason"] else ""
        return said("exists", of, document["state"].lower(), f"the function is {document['state']}{why}", bad)
    if document["last_update_status"] == "Failed":
        text = "the function's last update failed: it runs as it was before"
        return said("exists", State.WARN, "update", text, Severity.MEDIUM)
    return said("exists", State.OK, "", "all that it is configured with exists")


def table_throttles(worker: Worker, readings: Readings) -> Cell | None:
    """Reads and writes that its tables, or their indexes, refuse; the SDK retries them, and they are slow."""
    names = [name for name in readings if "-throttles " in name]
    if not asking.tables_of(worker):
        return None
    for table in asking.tables_of(worker):
        readings.reading(asking.table_key(table))  # its indexes are counted on their own
    refused = {name: _refused(readings, name) for name in names}
    worst = max(names, key=lambda name: refused[name].total)
    total = added(list(refused.values()))
    cell = count(
        "table-throttles",
        worker.limits["dynamodb_throttles"],
        total,
        readings,
        ("refused request", "refused requests"),
    )
    if cell.state is State.OK:
        return cell
    kind, _, where = worst.partition("-throttles ")
    return replace(cell, summary=f"{cell.summary}; most are {kind}s of {where}")


def _refused(readings: Readings, name: str) -> Series:
    """Return a counter; one without a datapoint, beside none of what was consumed, is of an unused table.

    What could not be read is zero here: beside it what is refused elsewhere is still found.
    """
    readings.reading(name.replace("-throttles ", "-used "))
    return Series(readings.reading(name).points)
