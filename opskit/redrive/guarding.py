"""The guard's eyes: the dead-letter queue's count, the consumers' logs and metrics, and alarms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opskit.aws.faults import FAULTS, explain
from opskit.aws.session import Aws
from opskit.aws.sqs import Queue
from opskit.errors import CannotLookError, UsageError
from opskit.gather import MINUTE_S, Gatherer
from opskit.logs.story import LONGEST_MS
from opskit.model import Describe, Metric, Reading, Status, Window
from opskit.redrive.guard import Look
from opskit.redrive.hearing import Hearing
from opskit.settings import show

DEADLINE_S = 10.0
OVERLAP_S = 120.0
"""Log lines arrive late: so much before the last look is read again."""
LONGEST_S = 3 * 3_600
"""CloudWatch keeps a minute's datapoints as such in a short window only; the guard looks at no more."""
MOSTALARMS = 100
"""Names in a DescribeAlarms call (AlarmNames in its model)."""
ALARMS = "[MetricAlarms, CompositeAlarms][].{name: AlarmName, state: StateValue}"
"""Both kinds of alarm, as DescribeAlarms lists them."""
COUNTERS = ("Errors", "Throttles")


@dataclass(frozen=True, slots=True)
class Watched:
    """What the guard looks at. `began_s` is when the run began, epoch seconds."""

    dead: Queue
    began_s: float
    functions: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()


@dataclass
class Eyes:
    """Makes the looks of one run."""

    aws: Aws
    watched: Watched
    hearing: Hearing
    _heard_s: float = field(default=0.0, init=False)

    def look(self, now_s: float) -> Look:
        """Look at everything once; what cannot be read is None, with its reason among the gaps."""
        gaps: list[str] = []
        dead = self._dead(gaps)
        since_s = max(self.watched.began_s, self._heard_s - OVERLAP_S)
        from_s = max(self.watched.began_s, since_s - LONGEST_MS / 1000)
        heard = self.hearing.failing(since_s, from_s, now_s)
        if not heard.gap:
            self._heard_s = now_s
        counts, alarms = self._counts(now_s, gaps), self._alarms(now_s, gaps)
        if heard.gap and self.watched.functions:  # where nobody is known to read there is no log to miss
            gaps.append(heard.gap)
        return Look(now_s, dead, None if heard.blind else heard.events, counts, alarms, tuple(gaps))

    def _dead(self, gaps: list[str]) -> int | None:
        try:
            return self.watched.dead.depth().total
        except FAULTS as error:
            fault = explain(error, "sqs", "GetQueueAttributes")
            gaps.append(f"queue {self.watched.dead.name}: {fault.text}")
            return None

    def _counts(self, now_s: float, gaps: list[str]) -> Mapping[str, float] | None:
        """Return what failed in whole minutes since the run began: what failed before is not of this run."""
        end = int(now_s // MINUTE_S) * MINUTE_S
        start = max(math.ceil(self.watched.began_s / MINUTE_S) * MINUTE_S, end - LONGEST_S)
        if start >= end or not self.watched.functions:
            return {}
        metrics = {
            f"{name} of {function}": Metric("AWS/Lambda", name, (("FunctionName", function),), "Sum")
            for function in self.watched.functions
            for name in COUNTERS
        }
        answers = _gatherer(self.aws, Window(start, end), now_s).gather(metrics.values())
        counts = {name: sum(v for _, v in answers[metric].points) for name, metric in metrics.items()}
        unread = [answers[one].reason for one in metrics.values() if answers[one].status is Status.FAILED]
        gaps += [f"metrics: {reason}" for reason in dict.fromkeys(unread)]
        return None if unread and not any(counts.values()) else counts

    def _alarms(self, now_s: float, gaps: list[str]) -> Mapping[str, str] | None:
        """Return each alarm's state; None if one of them cannot be read any more."""
        names = self.watched.alarms
        if not names:
            return {}
        reading = _described(self.aws, names, now_s)
        if reading.status is Status.FAILED:
            gaps.append(f"guard alarms: {reading.reason}")
            return None
        states = _states(reading)
        gone = [show(name) for name in names if name not in states]
        if gone:
            gaps.append(f"guard alarms: there is no {', '.join(gone)} any more")
        # One that rings is told even where another is gone.
        return None if gone and "ALARM" not in states.values() else states


def check_alarms(aws: Aws, names: Sequence[str], now_s: float) -> None:
    """Raise UsageError for a --guard-alarm that does not exist, CannotLookError if they cannot be read."""
    if len(names) > MOSTALARMS:
        raise UsageError(f"--guard-alarm: at most {MOSTALARMS} alarms, got {len(names)}")
    if not names:
        return
    reading = _described(aws, names, now_s)
    if reading.status is Status.FAILED:
        raise CannotLookError(f"--guard-alarm: {reading.reason}")
    for name in names:
        if name not in _states(reading):
            raise UsageError(f"--guard-alarm: no alarm {show(name)} in region {aws.region}")


def _described(aws: Aws, names: Sequence[str], now_s: float) -> Reading:
    end = int(now_s // MINUTE_S) * MINUTE_S
    # Without AlarmTypes AWS answers with metric alarms alone.
    params = (("AlarmNames", tuple(names)), ("AlarmTypes", ("MetricAlarm", "CompositeAlarm")))
    asked = Describe("cloudwatch", "DescribeAlarms", params, ALARMS)
    return _gatherer(aws, Window(end - MINUTE_S, end), now_s).gather([asked])[asked]


def _states(reading: Reading) -> Mapping[str, str]:
    return {row["name"]: row["state"] for row in reading.document or ()}


def _gatherer(aws: Aws, window: Window, now_s: float) -> Gatherer:
    return Gatherer(aws, window, DEADLINE_S, lambda: now_s)
