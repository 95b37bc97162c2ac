"""What shows the causes about load: arrivals, shards, readers, the account's pool."""

from opskit.model import Evidence, Readings, Target
from runbooks._stream import facts as stream
from runbooks._stream.capacity import Drain
from runbooks._stream.evidence import measured, of_age, of_capacity
from runbooks._stream.hot import Hot
from runbooks._stream.pool import Pool


def of_surge(target: Target, readings: Readings, late: stream.Age, drain: Drain) -> tuple[Evidence, ...]:
    """Return the arrivals first, then what makes up the drain."""
    shown = of_capacity(target, readings, late, drain)
    arrivals = [item for item in shown if item.signal == "incoming"]
    return (*arrivals, *(item for item in shown if item not in arrivals))


def of_hot_shard(
    target: Target, readings: Readings, late: stream.Age, hot: Hot | None
) -> tuple[Evidence, ...]:
    """Return the hot shard's own metrics, else the ages' two faces; writes refused on it where there are."""
    shown = [of_age(target, late)]
    if hot:
        age, came = f"{stream.SHARD_AGE}{hot.shard}", f"{stream.SHARD_INCOMING}{hot.shard}"
        shown += measured(readings, age, f"age on {hot.shard}", scale=1 / 1000, unit="s")
        shown += measured(readings, came, f"records arriving on {hot.shard} a minute")
    return (
        *shown,
        *measured(readings, "iterator-age-min", "age of the youngest batch", scale=1 / 1000, unit="s"),
        *measured(
            readings, "iterator-age-average", "age on average, which hides it", scale=1 / 1000, unit="s"
        ),
        *measured(readings, "errors", "errors a minute", limit=0),
        *measured(readings, "write-throttles", "writes refused for a full shard a minute", limit=0),
    )


def of_reading(readings: Readings) -> tuple[Evidence, ...]:
    """Return the throttled reads beside what is read and what arrives."""
    return (
        *measured(readings, "read-throttles", "throttled reads a minute", limit=0),
        *measured(readings, "stream-read", "records read a minute, by all readers together"),
        *measured(readings, "incoming", "what arrives a minute"),
        *_bytes(readings),
        *measured(readings, "concurrency", "executions at once: the function is not what is busy"),
    )


def of_pool(target: Target, readings: Readings, found: Pool) -> tuple[Evidence, ...]:
    """Return what is taken of the account's pool, the throttles, and the age."""
    late = stream.known(lambda: stream.age(target, readings))
    claimed = "executions claimed in the account: unreserved in use, reserved and provisioned"
    running = "executions at once in the account; reservations not in use are taken all the same"
    return (
        *measured(readings, "claimed", claimed, limit=found.limit),
        *measured(readings, "account-concurrency", running, limit=found.limit),
        *measured(readings, "throttles", "throttled batches a minute", limit=0),
        *measured(readings, "concurrency", "executions at once of this function, which reserves none"),
        *([of_age(target, late)] if late else []),
    )


def _bytes(readings: Readings) -> list[Evidence]:
    """Return the bytes that each reader must read: all readers of a shard share 2 MB/s."""
    text = "bytes arriving a minute, which every reader reads"
    return measured(readings, "incoming-bytes", text, unit="bytes") if "incoming-bytes" in readings else []
