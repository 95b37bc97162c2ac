"""`opskit redrive-dlq QUEUE --server-side`: AWS's own move task, from what was asked to what became of it."""

import os
import time
from dataclasses import dataclass

from opskit.cli import out, queues
from opskit.cli.acting import Acting, acting, ask, refuse_unasked
from opskit.cli.options import SharedOptions
from opskit.errors import UsageError
from opskit.exits import Exit
from opskit.inventory import Inventory
from opskit.inventory.queue_name import parse_queue
from opskit.journal import folder
from opskit.redrive import lease, runs
from opskit.redrive.move_task import WARNING, Moved, Plan, check_rate, plan, refuse_running
from opskit.redrive.place import Letterbox
from opskit.redrive.serverside import Watch, cancel, follow, known, start
from opskit.render.canvas import Output
from opskit.render.moves import render_asking, render_moved, render_plan

COMMAND = "redrive-dlq"
TOLD_EVERY_S = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: `rate` in messages a second, None leaves it to AWS; `to` "" sends each message home."""

    queue: str
    to: str = ""
    rate: int | None = None
    apply: bool = False
    cancel: bool = False
    account: str | None = None
    """The account that is meant, where opskit.toml binds none."""
    yes: bool = False
    """Nobody is asked."""


def run(shared: SharedOptions, asked: Asked) -> int:
    """Say what would be asked, or start a task and follow it, or cancel one; return the exit code.

    Ctrl-C leaves the task running, and says so.
    """
    _check(asked)
    queue, fleet = queues.meant(asked.queue, shared.settings())
    form = out.form(fleet.settings.output)
    with acting(fleet.settings) as session:
        box = session.find(queue)
        if asked.apply or asked.cancel:
            session.refuse_account(asked.account, box)
        if asked.cancel:
            return _show(cancel(session.aws, box, _watch()), session, form)
        if asked.apply:
            lease.refuse_taken(folder(os.environ), box.arn)
            runs.refuse_unfinished(folder(os.environ), box.arn)
        wanted = _planned(session, box, asked, fleet)
        if asked.apply:
            if asked.yes:
                out.note(WARNING)  # which a plan and a question say themselves
            else:
                _ask(session, wanted)
            return _show(_moved(session, wanted), session, form)
        envelope = session.envelope(COMMAND, box)
    out.result(render_plan(wanted, envelope, form))
    return Exit.UNDETERMINED if box.gaps else Exit.CLEAN


def _check(asked: Asked) -> None:
    """Refuse before AWS is asked what cannot be meant."""
    check_rate(asked.rate)
    if asked.cancel and (asked.to or asked.rate is not None):
        raise UsageError("--cancel stops the running move task: it takes neither --to nor --rate")


def _planned(session: Acting, box: Letterbox, asked: Asked, fleet: Inventory) -> Plan:
    to = session.find(queues.named(parse_queue(asked.to, "--to"), fleet)) if asked.to else None
    wanted = plan(box, to, asked.rate)
    refuse_running(box, known(session.aws, box), time.time())
    return wanted


def _ask(session: Acting, wanted: Plan) -> None:
    """Show what would be started, and ask; while somebody thinks, a redrive may have been cut off."""
    refuse_unasked()
    out.note(render_asking(wanted, session.envelope(COMMAND, wanted.box)))
    ask(f"Let AWS move dead letters of {wanted.box.name} to {wanted.destination}?")
    runs.refuse_unfinished(folder(os.environ), wanted.box.arn)


def _moved(session: Acting, wanted: Plan) -> Moved:
    watch = _watch()
    return follow(session.aws, wanted.box, start(session.aws, wanted, watch), watch)


def _show(moved: Moved, session: Acting, form: Output) -> int:
    out.result(render_moved(moved, session.envelope(COMMAND, moved.box), form))
    return moved.exit


def _watch() -> Watch:
    return Watch(out.note, Progress())


class Progress:
    """Tells progress now and then, not at every look."""

    def __init__(self) -> None:
        self._next_s = 0.0
        self._last = ""

    def __call__(self, text: str) -> None:
        """Note a line that is new, at most every ten seconds."""
        if text != self._last and time.monotonic() >= self._next_s:
            self._next_s, self._last = time.monotonic() + TOLD_EVERY_S, text
            out.note(text)
