"""One drop, and one restore, from what was asked on the command line to the receipt."""

import os
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from opskit.cli import out, queues
from opskit.cli.acting import Acting, acting, ask, refuse_unasked
from opskit.cli.choosing import group_of
from opskit.cli.options import SharedOptions
from opskit.cli.readers import failing_lines, refuse_read
from opskit.dlq import feeds
from opskit.dlq.feeds import Fed
from opskit.errors import UsageError
from opskit.gather import Gatherer, window
from opskit.inventory import Inventory
from opskit.journal import folder
from opskit.redrive import lease, runs
from opskit.redrive import restore as restoring
from opskit.redrive.backup import exists
from opskit.redrive.choosing import Choice, Decision
from opskit.redrive.drop import RAISES, Dropped, Takes, count, default_backup, drop, refuse
from opskit.redrive.letter import Letter
from opskit.redrive.place import Letterbox
from opskit.redrive.to_queue import ToQueue
from opskit.render.drops import render_dropped, render_restored
from opskit.render.figures import counted, number
from opskit.render.safe import clean

DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What to drop; `words` are the options that chose it, as they were typed."""

    queue: str
    choice: Choice
    words: tuple[str, ...]
    backup: Path | None = None
    apply: bool = False
    yes: bool = False
    account: str | None = None

    @property
    def again(self) -> str:
        """The command line that drops."""
        backup = ("--backup", str(self.backup)) if self.backup else ()
        account = ("--account", self.account) if self.account else ()
        return shlex.join(["opskit", "dlq", "drop", self.queue, *self.words, *backup, *account, "--apply"])


def run_drop(shared: SharedOptions, asked: Asked) -> int:
    """Count, ask, drop and show the receipt; return the exit code."""
    _check(asked)
    queue, fleet = queues.meant(asked.queue, shared.settings())
    with acting(fleet.settings) as session:
        box = session.find(queue)
        refuse(box)
        if asked.apply:
            session.refuse_account(asked.account, box)
        refuse_read(session.aws, box, fleet, DEADLINE_S)
        state = folder(os.environ)
        with lease.held(state, box.arn):
            # It would send again from its own copy what is dropped here.
            runs.refuse_unfinished(state, box.arn)
            fed = _fed(session, box)
            unjudged: set[str] = set()
            takes = _takes(session, box, asked.choice, fleet, unjudged)
            done = _counted_or_dropped(session, box, asked, takes, fed)
        envelope = session.envelope("dlq drop", box)
    if unjudged:
        messages = counted(len(unjudged), "message", "messages")
        out.note(f"of {messages} it cannot be told whether they are chosen, so they are kept")
    out.result(render_dropped(done, fed, envelope, out.form(fleet.settings.output), asked.again))
    return done.exit


def run_restore(
    shared: SharedOptions, path: Path, to: str, account: str | None, *, apply: bool, yes: bool
) -> int:
    """Send a backup's letters, once asked, or say what would be sent; return the exit code."""
    if yes and not apply:
        raise UsageError("--yes is for --apply")
    if apply and not yes:
        refuse_unasked("send")
    queue, fleet = queues.meant(to, shared.settings(), "--to")
    with acting(fleet.settings) as session:
        box = session.find(queue)
        done = restoring.plan(path, box)
        if apply:
            session.refuse_account(account, box)
            if done.sent and not yes:
                letters = counted(done.sent, "letter", "letters")
                where = f"account {box.account}, {box.region}"
                ask(f"Send {letters} to {box.name} in {where}?", "nothing was sent")
            with out.working(f"sending to {box.name}"):
                done = restoring.restore(path, box, ToQueue(session.aws, box.url, box.max_bytes))
        envelope = session.envelope("dlq restore", box)
    out.result(render_restored(done, envelope, out.form(fleet.settings.output)))
    return done.exit


def _check(asked: Asked) -> None:
    """Refuse before AWS is asked what cannot end well."""
    if asked.yes and not asked.apply:
        raise UsageError("--yes is for --apply")
    if asked.apply and not asked.yes and not (sys.stdin and sys.stdin.isatty()):
        raise UsageError(
            "--apply asks before it drops, and there is no terminal to ask on", "--yes drops without asking"
        )
    if asked.backup and (asked.backup.exists() or asked.backup.is_symlink()):
        raise exists(asked.backup)


def _takes(session: Acting, box: Letterbox, choice: Choice, fleet: Inventory, unjudged: set[str]) -> Takes:
    """Return what chooses; the ids of letters that cannot be judged are put into `unjudged`."""
    lines = failing_lines(session.aws, box, fleet, DEADLINE_S) if choice.groups else {}
    group = group_of(choice, lines)

    def takes(letter: Letter) -> bool:
        decision = choice.decide(letter, group(letter))
        if decision is Decision.UNJUDGED:
            unjudged.add(letter.message_id)
        return decision is Decision.TAKEN

    return takes


def _fed(session: Acting, box: Letterbox) -> Fed:
    """Return what feeds a queue; what could not be looked at is told."""
    gatherer = Gatherer(session.aws, window(time.time(), 60), DEADLINE_S)
    try:
        fed = feeds.find(box, gatherer)
    finally:
        gatherer.close()
    for gap in fed.gaps:
        out.note(f"could not look at {gap.signal}: {clean(gap.reason)}")
    if not fed.feeds:
        out.note(f"what feeds {box.name} is not known: be sure that nobody works on its messages")
    return fed


def _counted_or_dropped(session: Acting, box: Letterbox, asked: Asked, takes: Takes, fed: Fed) -> Dropped:
    out.note(RAISES)
    only: frozenset[str] | None = None
    if not (asked.apply and asked.yes):
        with out.working(f"counting what would be dropped of {box.name}"):
            done = count(session.aws, box, takes)
        if not asked.apply or done.stop or not done.dropped:
            return done
        _ask(done, fed)
        only = done.chosen
    path = asked.backup or default_backup(box, time.time())
    out.note(f"each message is written to {path} before it is deleted")
    with out.working(f"dropping messages of {box.name}"):
        return drop(session.aws, box, takes, path, only=only)


def _ask(done: Dropped, fed: Fed) -> None:
    """Let the user type the queue's name; UsageError if it is anything else."""
    for gap in done.gaps:
        out.note(f"could not look at {gap.signal}: {clean(gap.reason)}")
    name = done.box.name
    out.note(
        f"type the queue's name, {name} (fed by {fed.words}), to drop "
        f"{counted(done.dropped, 'message', 'messages')} ({number(done.kept)} are kept):"
    )
    if sys.stdin.readline().strip() != name:
        raise UsageError("that is not the queue's name: nothing was dropped")
