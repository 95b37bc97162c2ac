"""What to do about each cause of stream-lag and what not to do: command lines with the values at hand."""

import math
from collections.abc import Mapping

from opskit.model import Json, Readings, Target
from runbooks._stream import facts as stream
from runbooks._stream import settings
from runbooks._stream.advice_mapping import create_mapping, destination

RETRIES = 10
"""Bounded retries where the manifest names none: with pauses up to a minute, several minutes of trying."""

PARALLELIZATION_AT_MOST = 10
"""Lambda's limit of concurrent batches per shard."""

UNRESERVED_AT_LEAST = 100
"""Lambda keeps this much of the account's concurrency for functions without a reservation."""

HEADROOM = 1.5
"""Drain over arrival to aim at: it must also work off the backlog."""

STOPGAP_RETENTION_H = 168
"""A week, while the fault is being mended; longer costs more per shard hour than it is worth here."""

Advice = tuple[tuple[str, ...], tuple[str, ...]]
"""What to do, and what not to do."""


def update_mapping(target: Target, options: str) -> str:
    """Return the command that changes the target's mapping."""
    uuid = target.mapping_uuid or "<UUID>"
    return f"aws lambda update-event-source-mapping --uuid {uuid} {options} --region {target.region}"


def delete_mapping(target: Target) -> str:
    """Return the command that deletes the target's mapping, once another one reads in its place."""
    return (
        f"aws lambda delete-event-source-mapping --uuid {target.mapping_uuid or '<UUID>'} "
        f"--region {target.region}"
    )


def who_changed(target: Target, event: str) -> str:
    """Return the command that finds who made a change."""
    return (
        "aws cloudtrail lookup-events --lookup-attributes "
        f"AttributeKey=EventName,AttributeValue={event} --region {target.region}"
    )


def enable(target: Target) -> Advice:
    """Advise on a mapping that exists and is disabled."""
    return (
        (
            f"find who disabled it and why: {who_changed(target, 'UpdateEventSourceMapping20150331')}",
            "when that reason is gone, enable it; it goes on from its checkpoint: "
            + update_mapping(target, "--enabled"),
        ),
        (
            "do not enable it before the reason is known: what still fails would drop or spoil what waits",
            "do not delete and recreate it: with LATEST the whole backlog would be skipped",
        ),
    )


def recreate(target: Target, read_until: int | None) -> Advice:
    """Advise on a mapping that is gone, and its checkpoint with it; all before `read_until` was read."""
    create = create_mapping(target, target.source_arn, read_until)
    as_it_was = " with the manifest's settings" if target.expected else ", with the settings that it had"
    return (
        (
            f"find who deleted it and why: {who_changed(target, 'DeleteEventSourceMapping20150331')}",
            f"then create it again{as_it_was}, from before it stopped: {create}",
            "expect some records twice: the start is set so that none is skipped",
        ),
        ("do not start it at LATEST: every record since it was deleted would be skipped",),
    )


def bound_retries(target: Target, found: Mapping[str, Json] | None) -> Advice:
    """Advise on a record that blocks its shard: bounded retries, halving, and a place for it."""
    options = []
    if not (found or {}).get("bisect"):
        options.append("--bisect-batch-on-function-error")
    if (found or {}).get("max_retries", -1) in (None, -1):
        retries = target.expected.get("max_retries") or -1
        options.append(f"--maximum-retry-attempts {retries if retries > 0 else RETRIES}")
    if not (found or {}).get("on_failure_arn"):
        options.append(f"--destination-config {destination(target)}")
    do = [
        f"let the batch be halved, bounded and kept: {update_mapping(target, ' '.join(options))}"
        if options
        else "wait: the mapping halves the batch and gives the record up by itself",
        "then mend what refuses the record; it is named in the destination, and replay it from there",
    ]
    return (
        tuple(do),
        (
            "do not add shards, parallelization or memory: the record stays where it is",
            "do not recreate the mapping at LATEST: the good records behind it would be skipped",
            "do not set a small MaximumRecordAgeInSeconds: it drops the good records behind the bad one",
        ),
    )


def look_again(target: Target) -> Advice:
    """Advise where it is not told yet whether one batch fails or those of every shard."""
    return (
        (f"look again in two minutes: opskit diagnose stream-lag --fn {target.worker}",),
        ("do not bound the retries before that: if every shard fails, all of them would be given up",),
    )


def mend(target: Target, *, deployed: bool, retention_h: float | None) -> Advice:
    """Advise on a consumer that fails on every shard."""
    do = []
    if deployed:
        do.append(
            "roll back: it began with a change of the function: aws lambda list-versions-by-function "
            f"--function-name {target.function} --region {target.region}"
        )
        do.append(
            "without a version to go back to, deploy the former package: aws lambda update-function-code "
            f"--function-name {target.function} --s3-bucket '<bucket of the packages>' "
            f"--s3-key '<key of the former one>' --region {target.region}"
        )
    else:
        do.append("mend what the error text names: the code, its permissions or the service it calls")
    if target.trigger == "kinesis" and retention_h is not None and retention_h < STOPGAP_RETENTION_H:
        do.append(f"keep the records meanwhile (costs more per shard hour): {keep_longer(target)}")
    return (
        tuple(do),
        (
            "do not bound the retries now: during an outage every batch would be given up",
            "do not add capacity: more invocations fail just the same",
        ),
    )


def keep_longer(target: Target) -> str:
    """Return the command that lets a Kinesis stream keep its records for a week."""
    return (
        f"aws kinesis increase-stream-retention-period --stream-name {target.source} "
        f"--retention-period-hours {STOPGAP_RETENTION_H} --region {target.region}"
    )


def unthrottle(target: Target, readings: Readings, reserved: int) -> Advice:
    """Advise on a reserved concurrency that is below what the stream needs, or 0."""
    needed = stream.known(lambda: settings.lanes(target, readings))
    do = []
    if reserved == 0:
        do.append(
            f"find who switched it off and why: {who_changed(target, 'PutFunctionConcurrency20171031')}"
        )
    if needed:
        # Another caller used the reservation up where the stream alone does not.
        wanted = needed if needed > reserved else 2 * reserved
        do.append(reserve(target, wanted) + room(readings, wanted - reserved))
    else:
        do.append(
            "reserve at least open shards x parallelization factor, or remove the limit: aws lambda "
            f"delete-function-concurrency --function-name {target.function} --region {target.region}"
        )
    return (
        tuple(do),
        (
            "do not raise the batch size: a throttled batch is not invoked at all",
            "do not wait for retries to run out: throttles use up none, only a record's age ends them",
        ),
    )


def reserve(target: Target, wanted: int) -> str:
    return (
        f"aws lambda put-function-concurrency --function-name {target.function} "
        f"--reserved-concurrent-executions {wanted} --region {target.region}"
    )


def room(readings: Readings, more: int) -> str:
    """Return a warning if the account cannot give `more`; "" if it can or nobody knows."""
    account = stream.known(lambda: readings.document("account")) or {}
    unreserved = account.get("unreserved")
    if unreserved is None or unreserved - more >= UNRESERVED_AT_LEAST:
        return ""
    return f" (first make room: {unreserved} are unreserved, and {UNRESERVED_AT_LEAST} must stay so)"


def widen(target: Target, readings: Readings, arrival_per_s: float | None, drain_per_s: float) -> Advice:
    """Advise on a consumer whose every lane is busy: more lanes, and the concurrency that they need."""
    shards = settings.open_shards(readings)
    now = settings.lanes(target, readings) // shards
    ratio = HEADROOM * arrival_per_s / drain_per_s if arrival_per_s and drain_per_s else HEADROOM
    wanted = max(now + 1, math.ceil(now * ratio))
    # Lambda takes no factor above 1 beside a tumbling window.
    most = 1 if settings.live_mapping(target, readings)["tumbling_window_s"] else PARALLELIZATION_AT_MOST
    factor = min(wanted, max(now, most))
    do = []
    reserved = stream.known(lambda: settings.reserved(readings))
    if reserved is not None and reserved < shards * factor:
        space = room(readings, shards * factor - reserved)
        do.append(f"first let it run that wide: {reserve(target, shards * factor)}{space}")
    if factor > now:
        option = f"--parallelization-factor {factor}"
        do.append(
            f"more batches at a time (order is kept per partition key): {update_mapping(target, option)}"
        )
    if wanted > factor and target.trigger == "kinesis":
        do.append(_more_shards(target, readings, min(2 * shards, math.ceil(shards * wanted / factor))))
    do.append("and make the handler faster: what it waits for per record is what the stream waits for")
    return (
        tuple(do),
        (
            "do not raise the reserved concurrency alone: nothing is throttled, shards x factor is the limit",
            "do not widen it while a service that it calls is what is slow: that would be pressed harder",
        ),
    )


def _more_shards(target: Target, readings: Readings, count: int) -> str:
    """Return how to get `count` shards: at most twice as many in one step, none by hand on demand."""
    if (readings.document("stream") or {}).get("mode") == "ON_DEMAND":
        return "its shards are AWS's to set (on demand): they follow what is written, not what is read"
    return (
        f"and more shards: aws kinesis update-shard-count --stream-name {target.source} "
        f"--target-shard-count {count} --scaling-type UNIFORM_SCALING --region {target.region}"
    )


def shorten_window(target: Target, option: str, delay: int) -> Advice:
    """Advise on a lag that the mapping's own window makes."""
    wanted = max(1, min(30, int(stream.limit_s(target) // 2)))
    return (
        (
            f"shorten the window: {update_mapping(target, f'{option} {wanted}')}",
            f"or, if {delay} s are wanted, set the worker's iterator_age limits in its manifest above them",
        ),
        (
            "do not add shards, parallelization or concurrency: emptier batches wait just as long",
            "do not raise the batch size: it fills later still",
        ),
    )
