"""What `opskit redrive-dlq` does: a new run, one that goes on, objects in S3, or AWS's own move task."""

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from opskit import inventory
from opskit.cli import queues
from opskit.cli.options import SharedOptions
from opskit.cli.redrive_asked import Asked, check_limit, events, given, terms_of
from opskit.cli.redrive_session import opened
from opskit.cli.verdict import command_line
from opskit.errors import UsageError
from opskit.inventory import Inventory
from opskit.inventory.queue_name import QueueName, parse_queue
from opskit.journal import folder
from opskit.journal.store import new_run
from opskit.redrive import lease, runs
from opskit.redrive.ledger import Ledger
from opskit.redrive.plan import NowhereError, Terms
from opskit.settings import Settings


def redrive(asked: Asked, shared: SharedOptions, *, apply: bool, yes: bool) -> int:
    """Show what a redrive would do; with `apply` do it."""
    if (asked.queue or "").startswith("s3://"):
        return _objects(asked, shared, apply=apply, yes=yes)
    queue, fleet = _queue(asked, shared.settings())
    terms = replace(terms_of(asked, time.time()), **events(asked, fleet))
    with opened(fleet, queue) as session:
        box = session.box()
        lease.refuse_taken(session.folder, box.arn)  # else it would look as if that run was cut off
        runs.refuse_unfinished(session.folder, box.arn)
        to = queues.named(parse_queue(asked.to, "--to"), fleet) if asked.to else None
        planned = session.plan(box, to, terms, asked.deadline_s)
        if not apply:
            return session.show(planned, shared, f"{command_line()} --apply")
        run = new_run(int(time.time()))

        def begun() -> Ledger:
            # Again: while this one asked, another may have begun and been cut off.
            runs.refuse_unfinished(session.folder, box.arn)
            return runs.begin(session.folder, run, planned, session.who())

        return session.carry_out(planned, shared, run, begun, asked.account, yes=yes, again=False)


def resume(asked: Asked, shared: SharedOptions, run: str, *, apply: bool, yes: bool) -> int:
    """Go on with a run as it began: the same queue, letters, rate and guards."""
    if again := [name for name, value in given(asked).items() if value is not None]:
        raise UsageError(f"--resume goes on as the run began: leave out {', '.join(again)}")
    facts = runs.resumable(folder(os.environ), run)
    if "objects" in facts:
        return _objects_again(asked, shared, run, facts, apply=apply, yes=yes)
    terms = replace(runs.terms_of(facts["terms"]), forced=facts["forced"] or asked.force)
    queue, fleet = queues.meant(facts["queue"], shared.settings(), f"run {run}")
    with opened(fleet, queue) as session:
        box = session.box()
        lease.refuse_taken(session.folder, box.arn)
        to = parse_queue(facts["to"][0]) if facts["named"] else None
        try:
            planned = session.plan(box, to, terms, asked.deadline_s)
        except NowhereError as error:
            # It takes no --to itself.
            first = f"opskit dlq receipts {run} --give-up, then "
            unfinished = runs.unfinished(session.folder, box.arn)
            hint = f"{first if unfinished else ''}opskit redrive-dlq {box.name} --to QUEUE"
            raise UsageError(f"run {run} cannot go on: {error.message}", hint) from error
        if not apply:
            return session.show(planned, shared, f"opskit redrive-dlq --resume {run} --apply")

        def reopened() -> Ledger:
            facts = runs.resumable(session.folder, run)
            ledger = runs.opened(session.folder, run)
            again = facts.get("resumed", 0) + 1
            ledger.note(resumed=again, forced=terms.forced, ended=False, closed=False, halt=None)
            return ledger

        return session.carry_out(planned, shared, run, reopened, asked.account, yes=yes, again=True)


def _objects(asked: Asked, shared: SharedOptions, *, apply: bool, yes: bool) -> int:
    """Hand over what Lambda wrote to S3; UsageError for what is of queues alone."""
    from opskit.cli import objects

    known = ("QUEUE", "--to-function", "--to-file", "--any-count", "--limit")
    others = {**given(asked), "--force": asked.force or None}
    if extra := [name for name, value in others.items() if value is not None and name not in known]:
        raise UsageError(f"objects in S3 take no {', '.join(extra)}")
    check_limit(asked.limit)
    settings = shared.settings()
    terms = Terms(limit=asked.limit, **events(asked, inventory.load(settings)))
    said = objects.Asked(asked.queue or "", terms, asked.account, apply, yes)
    return objects.run(said, settings)


def _objects_again(
    asked: Asked, shared: SharedOptions, run: str, facts: Mapping[str, Any], *, apply: bool, yes: bool
) -> int:
    """Go on with a run over objects in S3, in the region where it began."""
    from opskit.cli import objects

    if asked.force:
        raise UsageError("objects in S3 take no --force")
    said = objects.before(facts, run, asked.account, apply=apply, yes=yes)
    return objects.run(said, replace(shared.settings(), region=facts["region"]))


def server_side(
    asked: Asked, shared: SharedOptions, *, apply: bool, cancel: bool, yes: bool, resume: str | None
) -> int:
    """Let AWS move the messages; UsageError for what its move task cannot do."""
    from opskit.cli import serverside

    others = {**given(asked), "--resume": resume, "--force": asked.force or None}
    known = ("QUEUE", "--fn", "--to", "--rate")
    if extra := [name for name, value in others.items() if value is not None and name not in known]:
        raise UsageError(f"--server-side: AWS's move task knows no {', '.join(extra)}")
    if asked.rate is not None and asked.rate != int(asked.rate):
        raise UsageError(f"--rate: expected whole messages a second with --server-side, got {asked.rate:g}")
    if asked.queue is None or asked.fn is not None:
        text = _queue(asked, shared.settings())[0].name
    else:
        text = asked.queue
    rate = None if asked.rate is None else int(asked.rate)
    said = serverside.Asked(text, asked.to or "", rate, apply, cancel, asked.account, yes)
    return serverside.run(shared, said)


def _queue(asked: Asked, settings: Settings) -> tuple[QueueName, Inventory]:
    """Return the queue that is meant, by its name or by its worker's, and the fleet of its region."""
    if (asked.queue is None) == (asked.fn is None):
        raise UsageError("say which dead-letter queue: QUEUE or --fn NAME", "opskit dlq list shows them")
    if asked.queue is not None:
        return queues.meant(asked.queue, settings)
    fleet = inventory.load(settings)
    worker = fleet.find(asked.fn or "").worker
    if worker is None or not worker.dead_letter_queue:
        raise UsageError(f"no manifest names a dead-letter queue of {asked.fn}", "name the queue itself")
    return QueueName(worker.dead_letter_queue), fleet
