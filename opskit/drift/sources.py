"""What workers read from and write to: event source mappings, streams, tables, topics, schedules."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from opskit.drift import asks
from opskit.drift.command import command
from opskit.drift.resource import MAPPING, Difference
from opskit.drift.seen import AbsentError, Seen
from opskit.drift.thing import Place, Said, Thing, differing, invoked, invoked_by
from opskit.inventory import Worker, arns, round0
from opskit.mask import mask_document
from opskit.model import Describe, Json, Severity

_WORKING = ("ACTIVE", "UPDATING")
"""A stream or table that is being changed works all the while."""
_CONSUMER = "/consumer/"
"""In the ARN of a mapping's source: it reads through an enhanced fan-out consumer of the stream."""
_STOPPED = ("Disabled", "Disabling", "Deleting")
_MAPPING = ("batch_size", "report_batch_item_failures", "max_concurrency")
_DEFAULTS = {
    "batch_window_s": 0,
    "parallelization": 1,
    "tumbling_window_s": 0,
    "max_retries": -1,
    "max_record_age_s": -1,
    "bisect": False,
}
"""What it means where an answer leaves these out (Lambda API Reference, EventSourceMappingConfiguration)."""


def mapping(worker: Worker, place: Place) -> Thing:
    """Return the mapping by which a worker reads its source: one, enabled, as the manifest says."""
    own = round0.mappings(invoked(worker))
    asked = round0.all_mappings() if place.lists else own
    source = worker.sources[0]

    def signals(seen: Seen) -> Iterator[Describe]:
        if source.trigger == "dynamodb-stream":
            yield asks.table(source.name)
        rows = seen.rows(asked, _reads, _read_by(worker)) if seen.known(asked) else ()
        yield from (asks.consumer(row["source_arn"]) for row in rows if _CONSUMER in row["source_arn"])
        yield asked

    look = command(own, place.region)
    if source.trigger in ("kinesis", "dynamodb-stream"):
        look = f"opskit diagnose stream-lag --fn {worker.name} --env {worker.env} --region {place.region}"
    return Thing(MAPPING, worker, source.name, signals, partial(_compare_mapping, worker, asked), look)


def _compare_mapping(worker: Worker, asked: Describe, seen: Seen) -> Iterator[Said]:
    rows = seen.rows(asked, _reads, _read_by(worker))
    if not rows:
        raise AbsentError
    if len(rows) > 1:
        yield Difference("mappings", len(rows), 1, by_manifest=False)
    for row in rows:
        yield from _compare_row(row, worker)
    if worker.trigger == "dynamodb-stream":
        yield from _old_stream(rows, worker, seen)
    for row in rows:
        if _CONSUMER in row["source_arn"]:
            yield from _consumer(row["source_arn"], seen)


def _reads(row: Mapping[str, Json]) -> tuple[str, ...]:
    """Return what a mapping joins: function, alias, and its source's kind and name."""
    source, function = row["source_arn"] or "", arns.parse_function(row["function_arn"])
    return function.name, function.qualifier, arns.trigger_of(source), arns.resource_of(source)


def _read_by(worker: Worker) -> tuple[str, ...]:
    return worker.function, worker.alias, worker.trigger, worker.sources[0].name


def _compare_row(row: Mapping[str, Json], worker: Worker) -> Iterator[Difference]:
    expected = worker.expected
    if row["state"] in _STOPPED:
        why = row["state_reason"] or ""
        yield Difference("state", row["state"], "Enabled", Severity.HIGH, by_manifest=False, why=why)
    set_here = {name: default if row[name] is None else row[name] for name, default in _DEFAULTS.items()}
    yield from differing((*_MAPPING, *_DEFAULTS), {**row, **set_here}, expected)
    wanted, arn = expected.get("on_failure"), row["on_failure_arn"]
    live = arns.resource_of(arn) if arn else None
    if wanted and live != wanted:
        yield Difference("on_failure", live, wanted, Severity.MEDIUM if live else Severity.HIGH)
    if expected.get("event_counts") and "EventCount" not in row["metrics"]:
        yield Difference("event_counts", live=False, expected=True)
    # What was read has its secrets hidden, so what is expected must have them hidden too.
    filters = mask_document(list(expected["filters"]))
    if sorted(map(_canonical, row["filters"])) != sorted(map(_canonical, filters)):
        yield Difference("filters", row["filters"], filters)


def _consumer(arn: str, seen: Seen) -> Iterator[Difference]:
    """Yield a mapping that reads through a fan-out consumer which is gone."""
    try:
        yield from _status(seen.document(asks.consumer(arn))["status"], "fan-out consumer")
    except AbsentError:
        yield Difference("fan-out consumer", None, "ACTIVE", Severity.HIGH, by_manifest=False)


def _canonical(pattern: str) -> str:
    """Return a filter pattern written in one way only; one that is no JSON as it stands."""
    try:
        return json.dumps(json.loads(pattern), sort_keys=True)
    except ValueError:
        return pattern


def _old_stream(rows: Sequence[Mapping[str, Json]], worker: Worker, seen: Seen) -> Iterator[Difference]:
    """Yield a mapping that reads a stream which its table has no longer: one switched on again is new."""
    try:
        now = seen.document(asks.table(worker.sources[0].name))["stream_arn"] or ""
    except AbsentError:
        return
    for row in rows:
        if row["source_arn"] != now:
            live, expected = (arn.rpartition("/")[2] or None for arn in (row["source_arn"], now))
            yield Difference("table's stream", live, expected, Severity.HIGH, by_manifest=False)


def stream(worker: Worker, name: str, *, settings: bool) -> Thing:
    """Return a Kinesis stream; with `settings` as the manifest of the worker that reads it says."""
    asked = asks.stream(name)

    def compare(seen: Seen) -> Iterator[Said]:
        live = seen.document(asked)
        yield from _status(live["status"])
        if settings:
            fixed = worker.expected["shards"] is not None
            mode = {"mode": "PROVISIONED" if fixed else "ON_DEMAND"}
            yield from differing(mode, live, mode)
            fields = ("retention_h", *(("shards",) if fixed else ()))
            yield from differing(fields, live, worker.expected)

    return Thing("stream", worker, name, lambda _: (asked,), compare)


def _status(live: str, field: str = "status", severity: Severity = Severity.HIGH) -> Iterator[Difference]:
    if live not in _WORKING:
        yield Difference(field, live, "ACTIVE", severity, by_manifest=False)


def table(worker: Worker, name: str) -> Thing:
    """Return a table with its indexes, and its change stream if the worker reads that."""
    asked = asks.table(name)
    is_source = worker.trigger == "dynamodb-stream" and worker.sources[0].name == name

    def compare(seen: Seen) -> Iterator[Said]:
        live = seen.document(asked)
        yield from _status(live["status"])
        for index in live["indexes"]:
            yield from _status(index["status"], f"index {index['name']}", Severity.MEDIUM)
        if is_source:
            yield from _change_stream(live, worker)

    return Thing("table", worker, name, lambda _: (asked,), compare)


def _change_stream(live: Mapping[str, Json], worker: Worker) -> Iterator[Difference]:
    if not live["streamed"]:
        yield Difference("stream", live=False, expected=True, severity=Severity.HIGH, by_manifest=False)
    elif worker.expected["stream_view"] is not None:
        yield from differing(("stream_view",), live, worker.expected)


def topic(worker: Worker, name: str, place: Place) -> Thing:
    """Return a topic that a worker writes to."""

    def arn(seen: Seen) -> str:
        region = place.region
        return f"arn:{arns.partition(region)}:sns:{region}:{seen.account()}:{name}"

    def signals(seen: Seen) -> Iterator[Describe]:
        yield round0.identity()
        if seen.known(round0.identity()):
            yield asks.topic(arn(seen))

    def compare(seen: Seen) -> Iterable[Said]:
        seen.document(asks.topic(arn(seen)))
        return ()

    return Thing("topic", worker, name, signals, compare)


def schedule(worker: Worker) -> Thing:
    """Return the schedule that invokes a worker: enabled, as the manifest says, its dead letters kept."""
    asked = asks.schedule(worker.sources[0].name)
    function = asks.function(worker.function)

    def compare(seen: Seen) -> Iterator[Said]:
        live = seen.document(asked)
        if live["state"] != "ENABLED":
            yield Difference("state", live["state"], "ENABLED", Severity.HIGH, by_manifest=False)
        yield from differing(("expression", "timezone"), live, worker.expected)
        target = invoked_by(live["target_arn"])
        if target != invoked(worker):
            yield Difference("target", target, invoked(worker), Severity.HIGH)
        if worker.dead_letter_queue and not live["dead_letter_arn"]:
            live = seen.document(function)  # an event that the function failed on is the function's to keep
        if worker.dead_letter_queue:
            kept = arns.resource_of(live["dead_letter_arn"] or "") or None
            expected = {"dead_letter_queue": worker.dead_letter_queue}
            yield from differing(expected, {"dead_letter_queue": kept}, expected, Severity.HIGH)

    return Thing("schedule", worker, worker.sources[0].name, lambda _: (function, asked), compare)
