"""Signals to readings, the only I/O of a diagnosis: everything asked at once, each signal once per run."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from opskit import lanes, probe
from opskit.aws import describe, logs, metrics, quotas
from opskit.aws.faults import is_systemic
from opskit.aws.price import Meter
from opskit.aws.session import Aws
from opskit.errors import UsageError
from opskit.lanes import Lane
from opskit.model import Cost, Describe, LogQuery, Metric, Probe, Reading, Signal, Status, Window

SETTLE_S = 120
"""Newest seconds left out of a window ending now: a minute's datapoints are stamped with the start of
what they count and still grow after it (CloudWatch's own delay, and invocations that are still running)."""

MINUTE_S = 60
PAST_S = 900
"""A window that ended longer ago than this is the past: describe calls answer as of now, not as of then."""

STOP_GRACE_S = 3.0
"""How long an interrupted run waits for its log queries to be stopped at AWS."""

PROBES = Lane("probes", 32)
QUERIES = Lane("log queries", 32)
"""Log queries wait at AWS, not here; GetQueryResults' own limit is in how often they are polled."""

Answers = Mapping[Signal, Reading]
Task = Callable[[], Answers]


def window(now: float, since_s: int, at: float | None = None) -> Window:
    """Return the `since_s` seconds, in whole minutes, up to `at` or to the last settled minute before `now`.

    Raises UsageError for less than a minute.
    """
    if since_s < MINUTE_S:
        raise UsageError(f"a window of {since_s} s is too short", "look at one minute or more")
    settled = now - SETTLE_S
    end = _whole_minute(settled if at is None else min(at, settled))
    return Window(end - _whole_minute(since_s), end)


def _whole_minute(seconds: float) -> int:
    return int(seconds // MINUTE_S) * MINUTE_S


class Gatherer:
    """One run's look at AWS. A signal asked in an earlier round is not asked again, whatever came of it.

    `deadline_s` bounds each `gather`; what has no answer by then is failed.
    """

    def __init__(
        self,
        aws: Aws,
        window: Window,
        deadline_s: float = 60.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.aws = aws
        self.window = window
        self.deadline_s = deadline_s
        self._now = now
        self._meter = Meter()
        self._answers: dict[Signal, Reading] = {}
        self._stopping = threading.Event()
        self._asking: set[Future[Answers]] = set()

    @property
    def cost(self) -> Cost:
        """What this run's look has cost so far."""
        return self._meter.cost

    @property
    def blocked(self) -> str:
        """Why nothing at all could be asked of AWS (credentials, endpoint); "" if something could."""
        readings = [reading for signal, reading in self._answers.items() if not isinstance(signal, Probe)]
        if not readings or not all(r.status is Status.FAILED and is_systemic(r.code) for r in readings):
            return ""
        return next(iter(readings)).reason

    def gather(self, signals: Iterable[Signal]) -> dict[Signal, Reading]:
        """Return exactly one reading for every signal.

        Raises ValueError for a signal that is no read-only call. On Ctrl-C the log queries at AWS are
        stopped before KeyboardInterrupt goes on.
        """
        asked = list(dict.fromkeys(signals))
        new = [signal for signal in with_traffic(asked) if signal not in self._answers]
        for signal in new:
            if isinstance(signal, Describe):
                describe.check(signal)
            elif isinstance(signal, Probe):
                probe.check(signal)
        try:
            heard = {**self._answers, **self._ask(new)}
        except BaseException:
            self.close()
            raise
        self._answers.update((signal, filled(signal, heard)) for signal in new)
        return {signal: self._answers[signal] for signal in asked}

    def close(self) -> None:
        """Stop what still runs; log queries are stopped at AWS, within STOP_GRACE_S. May be repeated."""
        self._stopping.set()
        wait(_begun(self._asking), timeout=STOP_GRACE_S)

    def _ask(self, signals: Sequence[Signal]) -> Answers:
        queries = sum(isinstance(signal, LogQuery) for signal in signals)
        patience = logs.Patience(self.deadline_s, self._stopping, queries=queries)
        tasks = self._tasks(signals, patience)
        futures = lanes.run((lane, task) for lane, _, task in tasks)
        wanted = {future: covered for future, (_, covered, _) in zip(futures, tasks, strict=True)}
        self._asking |= {future for future, covered in wanted.items() if isinstance(covered[0], LogQuery)}
        # Queries past the deadline are being stopped; what still waits in its lane is not asked any more.
        wait(self._asking.intersection(_begun(_late(wanted, self.deadline_s))), timeout=STOP_GRACE_S)
        return self._heard(wanted)

    def _heard(self, wanted: Mapping[Future[Answers], tuple[Signal, ...]]) -> Answers:
        late = Reading(Status.FAILED, f"no answer within {self.deadline_s:g} s", "DeadlineExceeded")
        answers: dict[Signal, Reading] = {}
        for future, covered in wanted.items():
            if future.done() and not future.cancelled():
                answers.update(future.result())
            else:
                answers.update(dict.fromkeys(covered, late))
        return answers

    def _tasks(
        self, signals: Sequence[Signal], patience: logs.Patience
    ) -> list[tuple[Lane, tuple[Signal, ...], Task]]:
        """Return what to run at once, with the signals that each task answers; the slow ones first."""
        tasks: list[tuple[Lane, tuple[Signal, ...], Task]] = [
            (QUERIES, (s,), partial(self._log_query, s, patience)) for s in signals if isinstance(s, LogQuery)
        ]
        wanted = (s for s in signals if isinstance(s, Metric))
        fetch = quotas.lane("cloudwatch", "GetMetricData")
        tasks += [(fetch, b.metrics, partial(self._metrics, b)) for b in metrics.batches(wanted, self.window)]
        tasks += [
            (quotas.lane(s.service, s.operation), (s,), partial(self._describe, s))
            for s in signals
            if isinstance(s, Describe)
        ]
        tasks += [(PROBES, (s,), partial(self._probe, s)) for s in signals if isinstance(s, Probe)]
        return tasks

    def _metrics(self, batch: metrics.Batch) -> Answers:
        return metrics.fetch(self.aws, batch, self._now(), self._meter)

    def _log_query(self, query: LogQuery, patience: logs.Patience) -> Answers:
        return {query: logs.ask(self.aws, query, self.window, patience, self._meter)}

    def _describe(self, signal: Describe) -> Answers:
        reading = describe.ask(self.aws, signal, self._meter)
        return {signal: reading if _is_dated(signal) else self._as_of_now(reading, "configuration")}

    def _probe(self, signal: Probe) -> Answers:
        return {signal: self._as_of_now(probe.ask(signal, self._now), "looked at")}

    def _as_of_now(self, reading: Reading, what: str) -> Reading:
        """Return an answer that only says how things are now: partial in a look at the past."""
        if self.window.end >= self._now() - PAST_S or reading.status is not Status.OK:
            return reading
        then = datetime.fromtimestamp(self.window.end, UTC)
        reason = f"{what} as of now, not of {then:%Y-%m-%d %H:%M} UTC"
        return replace(reading, status=Status.PARTIAL, reason=reason)


def _late(futures: Iterable[Future[Answers]], deadline_s: float) -> list[Future[Answers]]:
    """Wait for the futures and return those that had not ended by the deadline.

    One after the other: `wait` locks them all at once, which takes its time with thousands.
    """
    until = time.monotonic() + deadline_s
    late = []
    for future in futures:
        try:
            future.exception(max(0.0, until - time.monotonic()))
        except TimeoutError:
            late.append(future)
    return late


def _begun(futures: Iterable[Future[Answers]]) -> list[Future[Answers]]:
    """Return the futures whose tasks have begun; the others never will from now on."""
    return [future for future in futures if not future.cancel()]


def _is_dated(signal: Describe) -> bool:
    """Tell an answer that does not depend on when one asks: who asks, or events between two times."""
    return signal.service == "sts" or any(name.startswith("Start") for name, _ in signal.params)


def with_traffic(signals: Iterable[Signal]) -> Iterable[Signal]:
    """Yield the signals and the traffic metrics that say what their silence means."""
    seen: dict[Signal, None] = {}
    for signal in signals:
        seen[signal] = None
        traffic = signal.beside if isinstance(signal, Metric) else None
        while traffic is not None:
            seen[traffic] = None
            traffic = traffic.beside
    return seen


def filled(signal: Signal, answers: Answers) -> Reading:
    """Return a signal's reading; silence becomes `absent` wherever the metric beside it has a datapoint."""
    reading = answers[signal]
    if not isinstance(signal, Metric) or signal.absent is None or signal.beside is None:
        return reading
    if reading.status not in (Status.OK, Status.EMPTY):
        return reading
    traffic = filled(signal.beside, answers)
    if not traffic.points:
        reason = reading.reason or ("" if reading.points else _unknown(signal.beside, traffic))
        return replace(reading, reason=reason)
    known = {t - t % signal.period_s: signal.absent for t, _ in traffic.points}
    minutes = len(known)
    known.update(reading.points)
    # Without a time of its own the series has those of the traffic, which are in order.
    points = tuple(known.items()) if len(known) == minutes else tuple(sorted(known.items()))
    reason = reading.reason
    if not reading.points:
        reason = f"no datapoints: taken as {signal.absent:g} beside {signal.beside.name}"
    status = Status.PARTIAL if traffic.status is Status.PARTIAL else Status.OK
    return Reading(status, reason, points=points)


def _unknown(traffic: Metric, reading: Reading) -> str:
    if reading.status is Status.FAILED:
        return f"no datapoints, and {traffic.name} beside it could not be read: {reading.reason}"
    return f"no datapoints, and none of {traffic.name} beside it: unknown, not zero"
