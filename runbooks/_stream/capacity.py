"""The drain arithmetic of a stream consumer: what arrives, and what it can process at most."""

from dataclasses import dataclass

from opskit.model import Readings, Target, UnreadError
from runbooks._stream import facts as stream
from runbooks._stream import settings

FULL = 0.8
"""Share of the batch size from which batches count as full: the last batch of a poll is cut."""


@dataclass(frozen=True, slots=True)
class Batch:
    """How many records an invocation gets."""

    records: float
    measured: bool
    how: str


@dataclass(frozen=True, slots=True)
class Drain:
    """What the consumer processes at most with every possible batch in use."""

    lanes: int
    limit: str
    """What limits them."""
    batch: Batch
    duration_s: float

    @property
    def per_s(self) -> float:
        """Records per second."""
        return self.lanes * self.batch.records / self.duration_s


def arrival_per_s(readings: Readings) -> float:
    """Return what arrives per second, over the trend's time; a table's write units only indicate records."""
    end = readings.window.end
    seconds = min(stream.TREND_S, readings.window.seconds)
    return readings.series("incoming").between(end - seconds, end).total / seconds


def rates(target: Target, readings: Readings) -> tuple[float | None, Drain]:
    """Return arrivals per second (None where unknown) and the drain; UnreadError without the drain."""
    duration_s = stream.mean_duration_s(target, readings)
    lanes, limit = settings.lanes(target, readings), "open shards x parallelization factor"
    reserved = stream.known(lambda: settings.reserved(readings))
    if reserved and reserved < lanes:
        lanes, limit = reserved, "reserved concurrency"
    drain = Drain(lanes, limit, batch(target, readings), duration_s)
    return stream.known(lambda: arrival_per_s(readings)), drain


def batch(target: Target, readings: Readings) -> Batch:
    """Return the records of a batch: measured where the mapping counts them, else as configured."""
    size = settings.batch_size(target, readings)
    counted = stream.known(lambda: _per_invocation(target, readings, "events-invoked"))
    if counted is not None:
        # What an incomplete minute counts of one and not of the other may add up to more than a batch.
        return Batch(min(counted, size), measured=True, how="measured by InvokedEventCount")
    records = stream.known(lambda: _per_invocation(target, readings, "stream-read"))
    # Other consumers' reads are in GetRecords.Records too: more than the batch size cannot be ours.
    if records is not None and records <= size:
        return Batch(records, measured=True, how="measured by GetRecords.Records")
    return Batch(size, measured=False, how="batch size as configured, not measured")


def _per_invocation(target: Target, readings: Readings, key: str) -> float:
    if key not in readings:
        raise UnreadError(key, "not asked")
    invoked = stream.recent_total(target, readings, "invocations")
    records = stream.recent_total(target, readings, key)
    if not invoked or not records:
        raise UnreadError(key, "nothing in the last minutes")
    return records / invoked


def batches_are_full(target: Target, readings: Readings) -> bool:
    """Tell whether batches are known to be full; where nothing measures them they are not."""
    found = batch(target, readings)
    return found.measured and found.records >= FULL * settings.batch_size(target, readings)


def overloaded(target: Target, readings: Readings) -> stream.Age | None:
    """Return the age of a stream that is late while every lane is busy and nothing else stops them."""
    if not stream.recent_total(target, readings, "invocations"):
        return None
    if stream.is_throttled(target, readings):
        return None
    if stream.error_ratio(target, readings) >= stream.WIDESPREAD:
        return None
    late = stream.age(target, readings)
    if late.seconds <= stream.limit_s(target):
        return None
    return late if stream.utilization(target, readings) >= stream.BUSY else None
