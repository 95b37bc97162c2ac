"""What the simulated fleet is made of. Rates are per second, times in the unit named; nothing here acts."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A Lambda function: how long an execution takes, what it calls, how it fails."""

    timeout_s: float = 30.0
    memory_mb: int = 512
    reserved_concurrency: int | None = None
    """None: unreserved; 0: switched off."""
    overhead_ms: float = 40.0
    """What an execution takes whatever it carries."""
    per_record_ms: float = 8.0
    """What each record, message or request takes besides."""
    init_ms: float = 380.0
    memory_base_mb: float = 90.0
    memory_per_record_mb: float = 0.05
    """An execution that needs more than `memory_mb` is killed."""
    failing: float = 0.0
    """Share of executions that a fault of the code or of a dependency fails."""
    fail_after_ms: float = 120.0
    error: str = "RuntimeError: the downstream service answered 503"
    poison_error: str = "ValueError: could not convert string to float: 'n/a'"
    version: int = 1
    """The deployed version; a change of it is a deploy."""
    table: str = ""
    """The table that it writes to, by its name in the fleet; "": none."""
    writes_per_record: float = 1.0
    """Write units that each record costs in `table`."""
    hot_key_share: float = 0.0
    """Share of its writes that go to one single key."""
    http_ms: float = 0.0
    """How long the service that it calls takes, once per execution."""
    old_logs: bool = False
    """Lambda's older platform lines: "Task timed out", and no status on REPORT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWorker(Function):
    """A function, its event source mapping, and the Kinesis or DynamoDB stream that it reads."""

    shards: int = 4
    retention_s: int = 86_400
    arrival_per_s: float = 10.0
    """Over the whole stream."""
    record_bytes: int = 700
    hot_shard: int = -1
    """The shard that a skewed key puts `hot_share` of all arrivals on; -1: none."""
    hot_share: float = 0.0
    source_table: str = ""
    """The table, by its name in the fleet, whose changes are this stream; "": a Kinesis stream."""
    other_readers: int = 0
    """Consumers beside this one that share the read throughput; each reads every record."""
    other_reader_lag_s: float = 0.0
    """How far behind the slowest of them is."""
    behind_s: float = 0.0
    """How old the oldest record that waits is at second 0."""
    shard_metrics: bool = False
    """Enhanced monitoring is on."""
    fan_out: bool = False
    """The mapping is of an enhanced fan-out consumer, which has a read throughput of its own."""
    readable: bool = True
    """The role may read the stream and use its key."""
    attached: bool = True
    """The mapping names a stream, or a fan-out consumer, that still exists."""
    enabled: bool = True
    batch_size: int = 100
    batch_window_s: float = 0.0
    tumbling_window_s: float = 0.0
    parallelization: int = 1
    max_retries: int = -1
    """-1: until the records expire."""
    max_record_age_s: int = -1
    bisect: bool = False
    on_failure: bool = False
    """What is given up is delivered to a destination."""
    report_batch_item_failures: bool = False
    misreports: bool = False
    """The function names failures that are not in its batch: all of it is sent again, without an error."""
    filter_pass: float = 1.0
    """Share of the records that the mapping's filter lets through."""
    poison_shard: int = -1
    """Set at a moment, it puts one record that no retry can process on this shard."""
    rewind_s: float = 0.0
    """Set at a moment, the mapping starts over with the records of so long ago."""

    @property
    def lanes(self) -> int:
        """The most batches that are processed at once."""
        return self.shards * self.parallelization

    @property
    def batch_limit(self) -> int:
        """Records in one batch: the mapping's batch size, and 6 MB of payload whatever it says."""
        return max(1, min(self.batch_size, 6_000_000 // self.record_bytes))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueWorker(Function):
    """A function, its event source mapping, and the SQS queue that it drains."""

    arrival_per_s: float = 5.0
    message_bytes: int = 500
    visibility_s: int = 180
    retention_s: int = 345_600
    delay_s: int = 0
    max_receive_count: int | None = 5
    """None: no redrive policy, so that what fails goes round until it expires."""
    fifo: bool = False
    groups: int = 0
    """Message groups in use, if `fifo`."""
    poison_share: float = 0.0
    """Share of the messages that no attempt can process."""
    readable: bool = True
    """The role may receive and delete."""
    enabled: bool = True
    batch_size: int = 10
    batch_window_s: float = 0.0
    max_concurrency: int | None = None
    """The mapping's ScalingConfig.MaximumConcurrency."""
    report_batch_item_failures: bool = False
    filter_pass: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiWorker(Function):
    """A function behind a REST or HTTP API."""

    kind: str = "rest"
    """rest or http: their metrics differ in name and dimensions."""
    arrival_per_s: float = 5.0
    integration_timeout_ms: float = 29_000.0
    throttle_rate: float = 10_000.0
    throttle_burst: float = 5_000.0
    client_error_share: float = 0.01
    """Share of the requests that are answered 4XX by the code."""
    answers_5xx: float = 0.0
    """Share of the requests that the code itself answers 5XX, without an error of the function."""
    authorizer_failing: float = 0.0
    """Share of the requests whose authorizer fails: 500, and the function is not called."""
    invocable: bool = True
    """The function's policy lets the API call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A DynamoDB table and one index on it."""

    on_demand: bool = True
    write_capacity: float = 100.0
    read_capacity: float = 100.0
    max_write_units: float | None = None
    """A cap that its owner set on an on-demand table; None: none."""
    index: str = ""
    """The name of its global secondary index; "": none."""
    index_write_capacity: float = 100.0
    other_writes_per_s: float = 0.0
    """Write units from elsewhere than the fleet's workers."""
    other_reads_per_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the functions of an account and region share."""

    concurrency_limit: int = 1000
    other_executions: float = 0.0
    """Executions at once, on average, of functions outside the fleet."""


Worker = StreamWorker | QueueWorker | ApiWorker
Part = Worker | Table | Account

SHARED_BY_ALL = "account"
"""The name of the one part that is no worker and no table."""


def settings_of(kind: type[Part]) -> frozenset[str]:
    """Return the names of the parameters that a kind of part has."""
    return frozenset(field.name for field in fields(kind))


def checked(name: str, part: Part, values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` if all of them are parameters of `part`; ValueError names those that are not."""
    unknown = sorted(set(values) - settings_of(type(part)))
    if unknown:
        raise ValueError(f"{name} has no parameter {', '.join(unknown)}")
    return values
