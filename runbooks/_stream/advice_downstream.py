"""What to do about a table that throttles and about timeouts: by the reason, with the values at hand."""

import math

from opskit.model import Readings, Target
from opskit.render.figures import number
from runbooks._stream import facts as stream
from runbooks._stream import related, settings
from runbooks._stream.advice import HEADROOM, Advice, update_mapping
from runbooks._stream.capacity import arrival_per_s
from runbooks._stream.shift import before_lag
from runbooks._stream.tables import Reason, Throttled

SMALLER = 4
"""By how much to cut a batch that times out: half of it would still take half of the time."""

WORK_OFF_S = 3600
"""In which time a raised capacity is to work off what waits."""

MOST_TIMES = 4
"""Times what arrives that are asked for at most, however much waits: capacity costs."""

NO_PRESSURE = (
    "do not raise the function's memory: it waits for the table, more CPU waits just as long",
    "do not raise parallelization, concurrency or retries: more writers press the table harder",
)


def relieve(target: Target, readings: Readings, table: Throttled | None) -> Advice:
    """Advise on a service that throttles: what to change there depends on the reason it names."""
    if table is None:
        do: tuple[str, ...] = (
            "find the limit that the error text names and ask the service's owner to raise it",
        )
        avoid: tuple[str, ...] = (
            "do not raise the function's memory: it waits for an answer, more CPU waits just as long",
            "do not raise parallelization, concurrency or retries: that presses the service harder",
        )
    else:
        do, avoid = _ADVICE[table.reason](target, readings, table)
    return (*do, *_press_less(target, readings)), avoid


def _key_range(target: Target, _readings: Readings, table: Throttled) -> Advice:
    return (
        (
            (
                "find the hot key (costs per event): aws dynamodb update-contributor-insights --table-name "
                f"{table.name} --contributor-insights-action ENABLE "
                f"--contributor-insights-mode THROTTLED_KEYS --region {target.region}"
            ),
            "spread its writes: add a suffix to the key, or gather several changes of it into one write",
        ),
        (
            (
                "do not raise the table's capacity and do not switch it to on-demand: a partition takes "
                "1,000 write units/s whatever the table has"
            ),
            *NO_PRESSURE,
        ),
    )


def _provisioned(target: Target, readings: Readings, table: Throttled) -> Advice:
    update = f"aws dynamodb update-table --table-name {table.name}"
    writes, reads = table.settings.get("write_units"), table.settings.get("read_units")
    do = []
    if writes and reads:
        units = f"ReadCapacityUnits={reads},WriteCapacityUnits={_wanted(readings, target, table, writes)}"
        do.append(
            f"raise what it may take, now {number(writes)} write units/s (if it scales by itself, raise its "
            f"minimum too): {update} --provisioned-throughput {units} --region {target.region}"
        )
    do.append(
        "or let it follow the load (costs per write): "
        f"{update} --billing-mode PAY_PER_REQUEST --region {target.region}"
    )
    average = "do not take a minute's average for proof that there is room: a single second can be over"
    return tuple(do), (average, *NO_PRESSURE)


def _on_demand_max(target: Target, readings: Readings, table: Throttled) -> Advice:
    cap = table.settings.get("max_write_units")
    set_to = f"of {number(cap)} write units/s " if cap else ""
    command = ""
    if cap and cap > 0:
        command = (
            f": aws dynamodb update-table --table-name {table.name} --on-demand-throughput "
            f"MaxWriteRequestUnits={_wanted(readings, target, table, cap)} --region {target.region}"
        )
    return (
        (
            f"ask the owner of {table.name} why the cap {set_to}is there: it is a deliberate limit of cost",
            f"with the owner's consent, raise it{command}",
        ),
        (f"do not remove the cap of {table.name} without its owner's consent", *NO_PRESSURE),
    )


def _wanted(readings: Readings, target: Target, table: Throttled, now: int) -> int:
    """Return the write units a second to ask for: twice `now` at least, more where more is written.

    What arrives, and what waits within an hour; a record is taken to cost what it did before the lag.
    """
    need = stream.known(lambda: _need_per_s(readings, target, table)) or 0.0
    late = stream.known(lambda: stream.age(target, readings))
    backlog = 1 + (late.seconds / WORK_OFF_S if late else 0.0)
    return max(2 * now, math.ceil(need * min(MOST_TIMES, max(HEADROOM, backlog))))


def _need_per_s(readings: Readings, target: Target, table: Throttled) -> float:
    before = before_lag(target, readings)
    if before is None:
        return 0.0
    arrived = readings.series("incoming").between(*before).total
    written = readings.series(f"{related.TABLE_CONSUMED}{table.name}").between(*before).total
    return arrival_per_s(readings) * written / arrived if arrived else 0.0


def _unknown(target: Target, _readings: Readings, table: Throttled) -> Advice:
    return (
        (
            (
                "find the reason before changing anything; it may be an index or the account's quota: "
                "aws cloudwatch list-metrics --namespace AWS/DynamoDB --dimensions "
                f"Name=TableName,Value={table.name} --region {target.region}"
            ),
            "the exception in the function's log names it too, as ThrottlingReasons",
        ),
        ("do not raise the table's capacity before the reason is known: no hot key is helped", *NO_PRESSURE),
    )


_ADVICE = {
    Reason.KEY_RANGE: _key_range,
    Reason.PROVISIONED: _provisioned,
    Reason.ON_DEMAND_MAX: _on_demand_max,
    Reason.UNKNOWN: _unknown,
}


def _press_less(target: Target, readings: Readings) -> tuple[str, ...]:
    """Return how to lower the pressure until then, where batches run beside each other."""
    now = (stream.known(lambda: settings.live_mapping(target, readings)) or {}).get("parallelization") or 1
    if now == 1:
        return ()
    lower = update_mapping(target, f"--parallelization-factor {now // 2}")
    return (f"until then press it less, if retries make up most of the load: {lower}",)


def shrink_batches(target: Target, readings: Readings) -> Advice:
    """Advise on batches that run into the timeout: smaller ones, and halved when they fail."""
    found = stream.known(lambda: settings.live_mapping(target, readings)) or {}
    size = found.get("batch_size") or 1
    options = [f"--batch-size {max(1, size // SMALLER)}"] if size > 1 else []
    if not found.get("bisect"):
        options.append("--bisect-batch-on-function-error")
    do = [f"send smaller batches, so that each ends in time: {update_mapping(target, ' '.join(options))}"]
    if not options:
        do = ["batches are as small as they can be: what takes so long is a single record"]
    do.append("then mend what it waits for: a call without a timeout of its own, or slow code")
    return (
        tuple(do),
        (
            "do not raise the timeout alone: each attempt then holds its shard longer, and fails as before",
            "do not bound the retries first: the batches that time out would be given up, good records too",
        ),
    )
