"""Selected messages of a dead-letter queue deleted, each only after it is in a backup."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from opskit.aws.faults import FAULTS, explain
from opskit.aws.session import Aws
from opskit.aws.sqs import AlteredError, Queue
from opskit.errors import CannotLookError, UsageError
from opskit.exits import Exit
from opskit.model import Finding, Gap, Severity
from opskit.redrive.backup import Backup, BackupError
from opskit.redrive.crew import to_its_end, uninterrupted
from opskit.redrive.letter import Held, Letter
from opskit.redrive.place import Letterbox
from opskit.redrive.sweep import Patience, Sweep, hidden_s
from opskit.render.figures import counted, duration, number

RAISES = (
    "to look at its messages they are received: that hides them for a moment and raises their receive counts"
)
Takes = Callable[[Letter], bool]
"""Whether a message is to be dropped."""


class Stop(StrEnum):
    """What ended a pass early."""

    DISK = "disk"
    AWS = "aws"
    DAMAGED = "damaged"
    INTERRUPTED = "interrupted"


_EXITS = {Stop.DISK: Exit.FAILED, Stop.INTERRUPTED: Exit.INTERRUPTED}


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that was to be deleted and was not, or perhaps was."""

    message_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """The receipt: read = dropped + kept + failed."""

    box: Letterbox
    read: int
    dropped: int
    """Deleted, and in the backup; of a dry run: what would be."""
    failed: tuple[Kept, ...] = ()
    """In the backup, and still in the queue, or in doubt."""
    chosen: frozenset[str] = frozenset()
    """Of a dry run: the ids of what would be deleted."""
    backup: Path | None = None
    """None if nothing was written: a dry run, or nothing to drop."""
    applied: bool = False
    rest: str = ""
    """Why not all messages were looked at; "" if they were, or if that does not matter."""
    missed: int = 0
    """Messages that were to be dropped and were not seen any more."""
    unreleased: int = 0
    hidden_s: int = 0
    stop: Stop | None = None
    reason: str = ""
    """Why it stopped."""

    @property
    def kept(self) -> int:
        """How many messages were read and left as they are."""
        return self.read - self.dropped - len(self.failed)

    @property
    def exit(self) -> Exit:
        """0 if all was done and seen."""
        if self.stop:
            return _EXITS.get(self.stop, Exit.UNDETERMINED)
        if self.findings:
            return Exit.FINDINGS
        return Exit.UNDETERMINED if self.gaps else Exit.CLEAN

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What went wrong with messages."""
        if not self.failed:
            return ()
        summary = (
            f"{counted(len(self.failed), 'message was', 'messages were')} not surely deleted "
            f"({self.failed[0].reason}): in the backup, and perhaps in the queue too; "
            "restoring the backup can make duplicates of them"
        )
        return (Finding("drop-failed", Severity.MEDIUM, f"queue {self.box.name}", summary),)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What was not looked at, and why."""
        said = []
        if self.stop:
            on_its_way = f"; what was just being received comes back within {duration(self.hidden_s)}"
            back = "" if self.stop is Stop.DISK else on_its_way
            said.append(Gap("rest of the queue", f"stopped: {self.reason}{back}"))
        elif self.rest:
            said.append(Gap("rest of the queue", self.rest))
        if self.missed:
            said.append(Gap("messages to drop", f"{number(self.missed)} of them were not seen any more"))
        if self.unreleased:
            back = f"they come back by themselves within {duration(self.hidden_s)}"
            said.append(Gap("visibility", f"{number(self.unreleased)} are still hidden; {back}"))
        return tuple(said)


def refuse(box: Letterbox) -> None:
    """Raise UsageError for a queue whose messages must not be received now, CannotLookError if unknown."""
    if box.redrives_itself:
        raise UsageError(
            f"queue {box.name} has a redrive policy of its own: to receive its messages can push them on "
            "to another queue",
            "name a dead-letter queue",
        )
    if box.moving:
        raise UsageError(f"a move task is {box.moving} on {box.name}", "wait for its end, or cancel it")
    if unread := next((gap for gap in box.gaps if gap.signal == "message move tasks"), None):
        raise CannotLookError(f"cannot tell whether a move task is running on {box.name}: {unread.reason}")


def default_backup(box: Letterbox, now: float) -> Path:
    """Return the name of a backup in the current folder; `now` is epoch seconds."""
    return Path(f"{box.name}-dropped-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}.jsonl")


def count(aws: Aws, box: Letterbox, takes: Takes, patience: Patience | None = None) -> Dropped:
    """Return what would be dropped; every message is received once and shown again."""
    return _Pass(aws, box, takes, patience=patience).run()


def drop(
    aws: Aws,
    box: Letterbox,
    takes: Takes,
    path: Path,
    *,
    only: frozenset[str] | None = None,
    patience: Patience | None = None,
) -> Dropped:
    """Back up and delete what `takes` chooses, of the ids in `only` if given; the rest is shown again.

    UsageError if the backup cannot be made. Whatever else happens is in the receipt: a full disk, a fault of
    AWS's and Ctrl-C stop it before the next deletion.
    """
    with Backup(path) as backup:
        return _Pass(aws, box, takes, patience=patience, backup=backup, only=only).run()


class _Pass:
    def __init__(
        self,
        aws: Aws,
        box: Letterbox,
        takes: Takes,
        *,
        patience: Patience | None,
        backup: Backup | None = None,
        only: frozenset[str] | None = None,
    ) -> None:
        self._box = box
        self._takes = takes
        self._backup = backup
        self._only = only
        self._queue = Queue(aws, box.url, box.arn)
        self._sweep = Sweep(self._queue, hidden_s(box.depth), patience or Patience())
        self._chosen: set[str] = set()
        self._gone = 0
        self._failed: list[Kept] = []
        self._pending: list[str] = []
        """Ids of what is being backed up and deleted."""

    def run(self) -> Dropped:
        stop: Stop | None = None
        reason = ""
        try:
            self._all()
        except BackupError as error:
            stop, reason = Stop.DISK, str(error)
        except FAULTS as error:
            stop, reason = Stop.AWS, explain(error, "sqs").text
        except AlteredError as error:
            stop, reason = Stop.DAMAGED, str(error)
        except KeyboardInterrupt:
            stop, reason = Stop.INTERRUPTED, "interrupted"
        finally:
            self._doubt(reason)
            # A drop is over then, and its receipt is due; after a count Ctrl-C must not end in a question.
            (to_its_end if self._backup is None else uninterrupted)(self._sweep.release)
        return self._receipt(stop, reason)

    def _all(self) -> None:
        for held in self._sweep.batches():
            chosen = [one for one in held if self._is_chosen(one.letter)]
            if self._backup is None:
                self._chosen |= {one.letter.message_id for one in chosen}
            elif chosen:
                # What is not known to be deleted could be restored beside itself.
                to_its_end(partial(self._delete, chosen, self._backup))
            if self._only is not None and self._gone + len(self._failed) >= len(self._only):
                return

    def _is_chosen(self, letter: Letter) -> bool:
        return (self._only is None or letter.message_id in self._only) and self._takes(letter)

    def _delete(self, chosen: list[Held], backup: Backup) -> None:
        ids = self._pending = [one.letter.message_id for one in chosen]
        backup.keep([one.letter for one in chosen])
        reasons = self._queue.delete([one.handle for one in chosen])
        fates = list(zip(ids, reasons, strict=True))
        gone = [one for one, reason in fates if not reason]
        self._failed += [Kept(one, reason) for one, reason in fates if reason]
        self._sweep.gone(gone)
        self._gone += len(gone)
        self._pending = []

    def _doubt(self, reason: str) -> None:
        """Count as failed what is in the backup, and whose deletion was not answered."""
        if self._backup and self._backup.count > self._gone + len(self._failed):
            told = {one.message_id for one in self._failed}
            self._failed += [Kept(one, reason) for one in self._pending if one not in told]

    def _receipt(self, stop: Stop | None, reason: str) -> Dropped:
        applied = self._backup is not None
        wanted = len(self._only) if self._only is not None and not stop else 0
        return Dropped(
            box=self._box,
            read=self._sweep.read,
            dropped=self._gone if applied else len(self._chosen),
            failed=tuple(self._failed),
            chosen=frozenset(self._chosen),
            backup=self._backup.path if self._backup and (self._gone or self._failed) else None,
            applied=applied,
            rest=self._sweep.rest if self._only is None else "",
            missed=max(0, wanted - self._gone - len(self._failed)),
            unreleased=self._sweep.unreleased,
            hidden_s=self._sweep.hidden_s,
            stop=stop,
            reason=reason,
        )
