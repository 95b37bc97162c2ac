"""What to do about causes of load, and what not to do: command lines with the values at hand."""

import json

from opskit.model import Readings, Target
from opskit.render.figures import clock, iso
from runbooks._stream import facts as stream
from runbooks._stream import readers, settings
from runbooks._stream.advice import Advice, delete_mapping, reserve, room, update_mapping
from runbooks._stream.advice_mapping import create_mapping
from runbooks._stream.since import last_read

CONCURRENCY_QUOTA = "L-B99A9384"
"""Service Quotas' code of Lambda's "Concurrent executions"."""

TOP_CONSUMERS = (
    'SELECT MAX(ConcurrentExecutions) FROM SCHEMA("AWS/Lambda", FunctionName) '
    "GROUP BY FunctionName ORDER BY MAX() DESC LIMIT 10"
)
"""CloudWatch Metrics Insights; it reaches back a few hours only."""

SHARD_METRICS = "IncomingRecords IncomingBytes IteratorAgeMilliseconds"

_NEW = "'<ARN of the new consumer>'"
"""Quoted: a shell takes bare brackets for redirections."""


def wait_for_it(target: Target, readings: Readings, late: stream.Age) -> str:
    """Advise on a surge that the stream works off already."""
    now = readings.window.end
    done = now + int(late.seconds / -late.slope) if late.slope else None
    again = "in a few minutes" if done is None else f"at {clock(done, now)}"
    return f"wait, and look again {again}: more is processed than arrives, {target.function} catches up"


def only_while_it_lasts(target: Target) -> str:
    """Advise on what was widened for a surge."""
    return (
        "find out who sends it and whether it lasts; when it is over and the age is down, put the settings "
        f"of {target.worker or target.function} back"
    )


def cool(target: Target, readings: Readings, shard: str) -> Advice:
    """Advise on a shard that gets more than it can process; `shard` is "" where it is not known."""
    do = [_spread(target)]
    if target.trigger == "kinesis":
        do += _split(target, shard, on_demand=_is_on_demand(readings))
    do.append(
        "more batches at a time for each shard, if many keys share it (order is kept per partition key): "
        + update_mapping(target, f"--parallelization-factor {_wider(target, readings)}")
    )
    return (
        tuple(do),
        (
            "do not reshard uniformly: every shard is split, the hot key stays on one",
            "do not add consumers: each reads the same records from the same shard",
        ),
    )


def _spread(target: Target) -> str:
    if target.trigger == "kinesis":
        return "let the producer spread the records: a partition key with many values, used evenly"
    return "spread the writes: the stream's shards follow the table's partition key"


def _split(target: Target, shard: str, *, on_demand: bool) -> list[str]:
    stream_name = f"--stream-name {target.source}"
    if not shard:
        return [
            (
                "to know the shard, publish the shards' own metrics (costs per shard): aws kinesis "
                f"enable-enhanced-monitoring {stream_name} --shard-level-metrics {SHARD_METRICS} "
                f"--region {target.region}"
            )
        ]
    if on_demand:
        return ["its shards are AWS's to set (on demand): a hot one is split when it is written too fast"]
    half = f"<half of its HashKeyRange: aws kinesis list-shards {stream_name}>"
    return [
        (
            "split that shard, if it holds several keys (no quick way back): aws kinesis split-shard "
            f"{stream_name} --shard-to-split {shard} --new-starting-hash-key '{half}' "
            f"--region {target.region}"
        )
    ]


def _is_on_demand(readings: Readings) -> bool:
    found = stream.known(lambda: readings.document("stream")) or {}
    return found.get("mode") == "ON_DEMAND"


def _wider(target: Target, readings: Readings) -> int:
    """Return twice the parallelization factor, at most Lambda's ten."""
    every = stream.known(lambda: readings.document("mappings")) or []
    now = next((m["parallelization"] or 1 for m in every if m["uuid"] == target.mapping_uuid), 1)
    return min(10, 2 * int(now))


def share_less(target: Target, readings: Readings) -> Advice:
    """Advise on too many readers of a shard."""
    if target.trigger != "kinesis":
        return (
            (
                (
                    "let one function read the table's stream and hand the records on, so that at most two "
                    "read it; all that do: aws lambda list-event-source-mappings "
                    f"--event-source-arn {target.source_arn} --region {target.region}"
                ),
            ),
            ("do not delete and recreate this mapping: its place in the stream would be lost",),
        )
    arn = target.source_arn.partition("/consumer/")[0]
    count = len(stream.known(lambda: readers.sharing(readings)) or ())
    some = f"one of the {count} functions that poll it" if count > 1 else "a reader"
    return (
        (
            (
                f"give {some} its own throughput (enhanced fan-out, costs per shard hour), then map it to "
                f"that consumer: aws kinesis register-stream-consumer --stream-arn {arn} "
                f"--consumer-name {target.worker or 'reader'} --region {target.region}"
            ),
            (
                "for this function that is a second mapping, from before what it has not read (some records "
                f"come twice): {create_mapping(target, _NEW, last_read(readings))}"
            ),
            f"then, when the new one is Enabled, end the polling: {delete_mapping(target)}",
            "or take readers away that are not needed, or add shards: each brings 2 MB/s and 5 reads/s",
        ),
        (
            "do not shorten the batch window: it polls more often",
            "do not raise concurrency or parallelization: the function waits for records, not for a place",
        ),
    )


def _guarantee(target: Target, readings: Readings) -> list[str]:
    """Return how this function alone gets what it needs at once: reserved is free of the others' use."""
    lanes = stream.known(lambda: settings.lanes(target, readings))
    if not lanes:
        return []
    return [
        "at once, give this function what its stream can use (the others have so much less): "
        + reserve(target, lanes)
        + room(readings, lanes)
    ]


def share_pool(target: Target, readings: Readings, limit: int) -> Advice:
    """Advise on an account whose concurrency is used up by another function."""
    end = readings.window.end
    query = json.dumps([{"Id": "top", "Expression": TOP_CONSUMERS, "Period": 300}])
    return (
        (
            (
                "find who takes it: aws cloudwatch get-metric-data "
                f"--metric-data-queries '{query}' --start-time {iso(end - stream.TREND_S)} "
                f"--end-time {iso(end)} --region {target.region}"
            ),
            *_guarantee(target, readings),
            (
                "cap that one, if its owner agrees, at what it needs: aws lambda put-function-concurrency "
                f"--function-name '<the top consumer>' --reserved-concurrent-executions {limit // 4} "
                f"--region {target.region}"
            ),
            (
                "and ask for a larger pool: aws service-quotas request-service-quota-increase "
                f"--service-code lambda --quota-code {CONCURRENCY_QUOTA} --desired-value {2 * limit} "
                f"--region {target.region}"
            ),
        ),
        (
            "do not reserve concurrency for everything: each reservation shrinks the pool of all others",
            "do not wait for retries to run out: throttles use up none, only a record's age ends them",
            "do not take executions at once for all that is taken: reserved and provisioned count unused",
        ),
    )
