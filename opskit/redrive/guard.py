"""While the ramp runs: must it stop? Looks are values, and judging them is pure."""

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field

from opskit.logs.line import Event
from opskit.redrive.canary import COUNTS_LATE_S, LOOKS
from opskit.redrive.handled import handlings
from opskit.render.figures import counted, number
from opskit.render.safe import clean

WINDOW_S = 10.0
BLIND_LOOKS = 3
"""So many looks running that could not be made are no health."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the mover has done since the run began."""

    deleted: int = 0
    """Letters that it deleted from the dead-letter queue."""
    returned: int = 0
    """Letters that it met in the dead-letter queue again."""
    sent: Container[str] = frozenset()
    """The new ids of the letters that it sent."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw; None stands for what could not be looked at."""

    at_s: float
    dead: int | None = None
    """The dead-letter queue's messages: visible, in flight and delayed."""
    events: tuple[Event, ...] | None = None
    """The consumers' log lines around errors since the run began."""
    counts: Mapping[str, float] | None = field(default=None, hash=False)
    """What CloudWatch counts since the run began, such as {"Errors of scoreUsers": 2}."""
    alarms: Mapping[str, str] | None = field(default=None, hash=False)
    """The state of each guard alarm."""
    gaps: tuple[str, ...] = ()
    """Why what is missing could not be looked at."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the run began with."""

    initial: int
    """The dead-letter queue's messages before the first letter was moved."""
    counts_late_s: float = COUNTS_LATE_S


Deleted = Sequence[tuple[float, int]]
"""When the mover had deleted how many, the oldest first."""


def judge(looks: Sequence[Look], deleted: Deleted, progress: Progress, bounds: Bounds) -> str | None:
    """Return why the ramp must stop, in one line; None if it may go on. `looks` are the oldest first."""
    if not looks:
        return returned(progress)
    reasons = (
        returned(progress),
        _alarm(looks[-1]),
        _failed(looks[-1], progress.sent),
        _counts(looks[-1]),
        _grows(looks, deleted, bounds),
        _blind(looks),
    )
    return next((reason for reason in reasons if reason), None)


def returned(progress: Progress) -> str | None:
    """Return that letters came back; None if none did."""
    if not progress.returned:
        return None
    again = counted(progress.returned, "letter that was sent is", "letters that were sent are")
    return f"{again} in the dead-letter queue again"


def _alarm(look: Look) -> str:
    ringing = [name for name, state in (look.alarms or {}).items() if state == "ALARM"]
    named = ", ".join(clean(name) for name in ringing)
    return f"{'alarm' if len(ringing) == 1 else 'alarms'} {named} in ALARM" if ringing else ""


def _failed(look: Look, sent: Container[str]) -> str:
    """Tell by the log that the consumer fails at letters of this run."""
    failed = [one for one in handlings(look.events or (), sent) if one.failed]
    if not failed:
        return ""
    letters = counted(len({one.message_id for one in failed}), "letter", "letters")
    first = failed[0]
    return f"{first.worker} fails at {letters} of this run, first at {first.message_id}: {first.failed}"


def _counts(look: Look) -> str:
    said = [f"{number(count)} {name}" for name, count in (look.counts or {}).items() if count > 0]
    return f"CloudWatch counts {', '.join(said)} since the run began" if said else ""


def _grows(looks: Sequence[Look], deleted: Deleted, bounds: Bounds) -> str:
    """Tell by counts that something comes into the dead-letter queue: in two looks running."""
    last = [(look, _at_most(look, deleted, bounds)) for look in looks if look.dead is not None][-LOOKS:]
    if len(last) < LOOKS or any((look.dead or 0) <= most for look, most in last):
        return ""
    look, most = last[-1]
    return (
        f"the dead-letter queue holds {number(look.dead or 0)} where {number(most)} should be left: "
        "letters come back, or its consumer fails at others"
    )


def _at_most(look: Look, deleted: Deleted, bounds: Bounds) -> int:
    """Return what a look may count: what was deleted in the last minute may still be in it."""
    settled = [count for at_s, count in deleted if at_s <= look.at_s - bounds.counts_late_s]
    return bounds.initial - (settled[-1] if settled else 0)


def _blind(looks: Sequence[Look]) -> str:
    """Tell what could not be looked at for three looks running.

    Logs and metrics both speak of the consumer: one of them is enough.
    """
    last = looks[-BLIND_LOOKS:]
    if len(last) < BLIND_LOOKS:
        return ""
    kinds: Mapping[str, Callable[[Look], bool]] = {
        "the dead-letter queue": lambda look: look.dead is None,
        "the consumer's log and metrics": lambda look: look.events is None and look.counts is None,
        "the guard alarms": lambda look: look.alarms is None,
    }
    blind = [kind for kind, unread in kinds.items() if all(unread(look) for look in last)]
    if not blind:
        return ""
    why = "; ".join(last[-1].gaps)
    return (
        f"{' and '.join(blind)} could not be looked at {BLIND_LOOKS} times running{f': {why}' if why else ''}"
    )


class Guard:
    """Looks every `window_s`, and keeps what it saw; call `check` as often as you like."""

    def __init__(self, look: Callable[[float], Look], bounds: Bounds, window_s: float = WINDOW_S) -> None:
        """`look` takes the time in epoch seconds, as `guarding.Eyes.look` does."""
        self._look = look
        self._bounds = bounds
        self._window_s = window_s
        self._looks: deque[Look] = deque(maxlen=BLIND_LOOKS)
        self._deleted: deque[tuple[float, int]] = deque()
        self._gaps: dict[str, None] = {}
        self._due_s = 0.0

    @property
    def gaps(self) -> tuple[str, ...]:
        """What could not be looked at, each reason once, over the whole run."""
        return tuple(self._gaps)

    def check(self, now_s: float, progress: Progress, *, at_once: bool = False) -> str | None:
        """Return why the ramp must stop, in one line; None if it may go on. `at_once` looks, due or not."""
        if now_s < self._due_s and not at_once:
            return returned(progress)
        self._due_s = now_s + self._window_s
        self._deleted.append((now_s, progress.deleted))
        look = self._look(now_s)
        self._gaps |= dict.fromkeys(look.gaps)
        self._looks.append(look)
        self._forget()
        return judge(tuple(self._looks), tuple(self._deleted), progress, self._bounds)

    def _forget(self) -> None:
        """Keep what was deleted back to the newest count that is settled for the oldest look."""
        settled_s = self._looks[0].at_s - self._bounds.counts_late_s
        while len(self._deleted) > 1 and self._deleted[1][0] <= settled_s:
            self._deleted.popleft()
