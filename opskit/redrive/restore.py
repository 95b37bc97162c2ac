"""A backup's letters sent to a queue, each once: what was sent is noted beside the backup."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

from opskit.errors import OpskitError, UsageError
from opskit.exits import Exit
from opskit.model import Finding, Gap, Severity
from opskit.redrive.backup import letters, write
from opskit.redrive.crew import to_its_end
from opskit.redrive.kinds import Kind, kind_of
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination, Outcome, Status
from opskit.redrive.place import Letterbox
from opskit.render.figures import counted

NEW = "they are new messages: new ids, receive counts and retention"
UNSAID = "{}: SQS does not know any more which queue they came from, so to redrive them needs --to"
SAID = "{} of a function's, a stream's or a topic's, which say themselves whose they are"
BATCH = 10
TRIES = 4
PAUSE_S = 1.0
"""Before the second try; twice as long before each further one."""
_GROUP = Outcome(Status.RETRY, reason="an earlier message of its group was not sent", code="GroupWaits")


@dataclass(frozen=True, slots=True)
class Unsent:
    """A letter that was not surely sent."""

    message_id: str
    status: Status
    reason: str


@dataclass(frozen=True, slots=True)
class Restored:
    """The receipt: read = sent + before + unsent + untried."""

    path: Path
    to: Letterbox
    read: int
    sent: int
    """Of a dry run: what would be sent."""
    before: int = 0
    """Sent by an earlier run, as is noted beside the backup."""
    unsent: tuple[Unsent, ...] = ()
    applied: bool = False
    exit_early: Exit | None = None
    reason: str = ""
    """Why it stopped before the end."""
    told: int = 0
    """How many say themselves whose they are."""

    @property
    def untried(self) -> int:
        """How many letters it did not come to."""
        return self.read - self.sent - self.before - len(self.unsent)

    @property
    def exit(self) -> Exit:
        """0 if every letter is where it should be."""
        return self.exit_early or (Exit.FINDINGS if self.unsent else Exit.CLEAN)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was not sent, by what became of it."""
        return tuple(
            Finding("restore-failed", severity, f"queue {self.to.name}", f"{said} ({some[0].reason})")
            for statuses, severity, what in _FATES
            if (some := [one for one in self.unsent if one.status in statuses])
            for said in (f"{counted(len(some), 'message', 'messages')} {what}",)
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the letters when they are in the queue again."""
        notes = [NEW]
        if plain := self.read - self.told:
            notes.append(UNSAID.format(counted(plain, "is a queue's", "are a queue's")))
        if self.told:
            notes.append(SAID.format(counted(self.told, "is", "are")))
        return tuple(notes)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Why it stopped, if it did."""
        return (Gap("rest of the backup", f"stopped: {self.reason}"),) if self.reason else ()


_FATES = (
    ((Status.ALTERED,), Severity.HIGH, "arrived altered"),
    ((Status.DOUBTFUL,), Severity.MEDIUM, "may have been sent, to send it again can make duplicates"),
    ((Status.REFUSED, Status.RETRY), Severity.MEDIUM, "not sent, run it again to try it again"),
)


def noted_beside(path: Path) -> Path:
    """Return the file in which it is noted what was sent of a backup."""
    return path.with_name(f"{path.name}.restored")


def plan(path: Path, to: Letterbox) -> Restored:
    """Read the whole backup and return what would be sent. UsageError for what cannot be."""
    before = _sent_before(path, to)
    read = waiting = told = 0
    for letter in _distinct(path):
        read += 1
        told += kind_of(letter) is not Kind.QUEUE
        waiting += letter.message_id not in before
        if to.fifo and not letter.group:
            raise UsageError(
                f"{path}: message {letter.message_id} has no message group, and {to.name} is a FIFO queue",
                "name a standard queue",
            )
    if not read:
        raise UsageError(f"{path} has no letters")
    return Restored(path, to, read, waiting, read - waiting, told=told)


def restore(
    path: Path, to: Letterbox, destination: Destination, sleep: Callable[[float], None] = time.sleep
) -> Restored:
    """Send what was not sent before; whatever happens is in the receipt, Ctrl-C too.

    A kill between sending ten letters and noting it can make these ten be sent twice by the next run.
    UsageError while another process sends them.
    """
    with _notes(path) as notes:
        return _Restore(plan(path, to), destination, sleep, notes).run()


@dataclass(slots=True)
class _Restore:
    planned: Restored
    destination: Destination
    sleep: Callable[[float], None]
    notes: int
    sent: int = 0
    unsent: list[Unsent] = field(default_factory=list)
    stopped_groups: set[str] = field(default_factory=set)

    def run(self) -> Restored:
        exit_early, reason = None, ""
        try:
            reason = self._all()
            exit_early = Exit.UNDETERMINED if reason else None
        except OSError as error:
            beside = noted_beside(self.planned.path)
            exit_early, reason = Exit.FAILED, f"{beside}: {error.strerror}; what was sent last is not noted"
        except KeyboardInterrupt:
            exit_early, reason = Exit.INTERRUPTED, "interrupted"
        return self._receipt(exit_early, reason)

    def _all(self) -> str:
        """Send everything; return why it stopped, "" if it did not."""
        before = _sent_before(self.planned.path, self.planned.to)
        waiting = (one for one in _distinct(self.planned.path) if one.message_id not in before)
        while some := list(islice(waiting, BATCH)):
            # What is sent and not noted would be sent again.
            fates = to_its_end(partial(self._tried, some))
            if bad := next((fate for fate in fates.values() if _stops(fate)), None):
                return bad.reason
        return ""

    def _tried(self, some: list[Letter]) -> dict[str, Outcome]:
        fates = {one.message_id: _GROUP for one in some if one.group in self.stopped_groups}
        self._deliver([one for one in some if one.message_id not in fates], fates)
        self._settle(some, fates)
        return fates

    def _deliver(self, some: list[Letter], fates: dict[str, Outcome]) -> None:
        """Hand letters over, again those that the queue would not take just then; `fates` is filled."""
        for attempt in range(TRIES):
            open_ = [one for one in some if _again(one, fates) and one.group not in self._stuck(some, fates)]
            if not open_:
                break
            if attempt:
                self.sleep(PAUSE_S * 2 ** (attempt - 1))
            outcomes = self.destination.deliver(open_, f"restore {self.planned.path.name}")
            fates |= {one.message_id: fate for one, fate in zip(open_, outcomes, strict=True)}

    def _stuck(self, some: list[Letter], fates: dict[str, Outcome]) -> set[str]:
        """Return the groups of a FIFO queue of which a letter will not be sent any more."""
        if not self.planned.to.fifo:
            return set()
        return {one.group for one in some if fates.get(one.message_id, _GROUP).status in _FINAL}

    def _settle(self, some: list[Letter], fates: dict[str, Outcome]) -> None:
        """Count and note what became of letters; nothing of a FIFO group goes past one that was not sent."""
        for one in some:
            fate = fates.get(one.message_id, _GROUP)
            if fate.status is Status.CONFIRMED:
                self.sent += 1
                continue
            self.unsent.append(Unsent(one.message_id, fate.status, fate.reason))
            if self.planned.to.fifo:
                self.stopped_groups.add(one.group)
        _note(self.notes, self.planned.to, fates)

    def _receipt(self, exit_early: Exit | None, reason: str) -> Restored:
        return replace(
            self.planned,
            sent=self.sent,
            unsent=tuple(self.unsent),
            applied=True,
            exit_early=exit_early,
            reason=reason,
        )


_FINAL = (Status.REFUSED, Status.ALTERED, Status.DOUBTFUL)


def _stops(fate: Outcome) -> bool:
    """Tell a fate after which nothing more is sent: the queue takes none, or one is in doubt."""
    waits = fate.status is Status.RETRY and fate.code != _GROUP.code
    return waits or fate.status in (Status.ALTERED, Status.DOUBTFUL)


def _again(letter: Letter, fates: dict[str, Outcome]) -> bool:
    fate = fates.get(letter.message_id)
    return fate is None or fate.status is Status.RETRY


@contextmanager
def _notes(path: Path) -> Iterator[int]:
    """Open the notes beside a backup, which one process at a time has."""
    beside = noted_beside(path)
    try:
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OpskitError(f"cannot write {beside}: {error.strerror}") from error
    try:
        _take(file, path)
        yield file
    finally:
        os.close(file)


def _take(file: int, path: Path) -> None:
    beside = noted_beside(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A note that was cut short tells nothing, and the next one must not share its line.
        os.ftruncate(file, beside.read_bytes().rfind(b"\n") + 1)
    except BlockingIOError as error:
        raise UsageError(f"another opskit sends the letters of {path}", "let it end first") from error
    except OSError as error:
        raise OpskitError(f"cannot write {beside}: {error.strerror}") from error


def _note(notes: int, to: Letterbox, fates: Mapping[str, Outcome]) -> None:
    """Return when it is on the disk what a queue has now."""
    sent = {message_id: fate for message_id, fate in fates.items() if fate.status is Status.CONFIRMED}
    lines = ({"queue": to.arn, "message_id": one, "new_id": fate.new_id} for one, fate in sent.items())
    write(notes, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
    os.fsync(notes)


def _distinct(path: Path) -> Iterator[Letter]:
    """Yield a backup's letters, each once, however often the file has it."""
    seen: set[str] = set()
    for letter in letters(path):
        if letter.message_id not in seen:
            seen.add(letter.message_id)
            yield letter


def _sent_before(path: Path, to: Letterbox) -> frozenset[str]:
    """Return the ids that an earlier run sent to the same queue."""
    beside = noted_beside(path)
    try:
        lines = [line for line in beside.read_text("utf-8").split("\n")[:-1] if line]
        notes = [json.loads(line) for line in lines]
        return frozenset(one["message_id"] for one in notes if one["queue"] == to.arn)
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise UsageError(f"cannot read {beside}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{beside} does not say what was sent of {path}", "move it away to send all"
        ) from error
