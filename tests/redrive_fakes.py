"""A queue, a destination and a ledger that write down what is asked of them, in the order of asking."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError
from letters import letter, message_id

from opskit.aws.sqs import Depth
from opskit.redrive.ledger import Fate, Ledger
from opskit.redrive.letter import Held, Letter
from opskit.redrive.outcome import Outcome, Status

Log = list[tuple[str, object]]


@dataclass
class Clock:
    at_s: float = 1000.0

    def __call__(self) -> float:
        return self.at_s


@dataclass
class FakeQueue:
    """Gives batches in turn, and answers hide and delete by `refuses` (reasons by handle) and `fault`.

    The receive number `breaks_at`, from 1, raises `broken`.
    """

    log: Log = field(default_factory=list)
    batches: list[list[Held]] = field(default_factory=list)
    depths: list[Depth] = field(default_factory=lambda: [Depth(0, 0, 0)])
    refuses: dict[str, str] = field(default_factory=dict)
    fault: Exception | None = None
    fifo: bool = False
    name: str = "dead"
    breaks_at: int = 0
    broken: Exception | None = None

    def receive(self, limit: int = 10, *, hidden_s: int, wait_s: int) -> list[Held]:
        self.log.append(("receive", limit))
        if self.broken and sum(call == "receive" for call, _ in self.log) == self.breaks_at:
            raise self.broken
        return self.batches.pop(0) if self.batches else []

    def depth(self) -> Depth:
        self.log.append(("depth", None))
        return self.depths.pop(0) if len(self.depths) > 1 else self.depths[0]

    def delete(self, handles: Sequence[str]) -> list[str]:
        return self._answer("delete", handles)

    def delete_once(self, handles: Sequence[str]) -> list[str]:
        return self.delete(handles)

    def hide(self, handles: Sequence[str], seconds: int) -> list[str]:
        return self._answer(f"hide {seconds}", handles)

    def _answer(self, call: str, handles: Sequence[str]) -> list[str]:
        self.log.append((call, tuple(handles)))
        if self.fault:
            raise self.fault
        return [self.refuses.get(handle, "") for handle in handles]


@dataclass
class FakeDestination:
    """Answers with the next outcomes of each letter; CONFIRMED when none is left."""

    log: Log = field(default_factory=list)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None
    name: str = "queue work"

    def deliver(self, letters: Sequence[Letter], run: str) -> list[Outcome]:
        self.before()
        self.log.append(("deliver", tuple(one.message_id for one in letters)))
        return [self._next(one.message_id) for one in letters]

    def _next(self, one: str) -> Outcome:
        waiting = self.outcomes.get(one, [])
        return waiting.pop(0) if waiting else Outcome(Status.CONFIRMED, f"new-{one}")


class RecordingLedger(Ledger):
    """A real ledger; each write stands in the log once it is on the disk."""

    log: Log

    @classmethod
    def at(cls, folder: Path, log: Log) -> "RecordingLedger":
        made = cls.create(folder / "redrives" / "1abc.sqlite3", {"queue": "arn"})
        assert isinstance(made, RecordingLedger)
        made.log = log
        return made

    def sending(self, letters: Sequence[tuple[Held, str]], doubtful: object = ()) -> None:
        super().sending(letters, doubtful)  # type: ignore[arg-type]
        self.log.append(("on disk", tuple(held.letter.message_id for held, _ in letters)))

    def fates(self, fates: Sequence[Fate]) -> None:
        super().fates(fates)
        self.log.extend((fate.state.value, fate.message_id) for fate in fates)


def held(number: int, **more: object) -> Held:
    return Held(letter(number=number, **more), f"handle-{number}")


def ids(*numbers: int) -> tuple[str, ...]:
    return tuple(message_id(number) for number in numbers)


def fault(code: str = "ServiceUnavailable", status: int = 503) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Any"
    )
