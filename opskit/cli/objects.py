"""`opskit redrive-dlq s3://BUCKET/PREFIX`: failures that Lambda wrote to S3, back to who they were for."""

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opskit.aws.objects import Bucket
from opskit.aws.session import Aws
from opskit.cli import out
from opskit.cli.acting import ask, refuse_account, refuse_unasked
from opskit.cli.look import endpoint_of
from opskit.cli.verdict import actor, command_line
from opskit.errors import CannotLookError, UsageError
from opskit.exits import Exit
from opskit.gather import Gatherer, window
from opskit.inventory import arns, round0
from opskit.inventory.lookup import refuse_other_account
from opskit.journal import folder
from opskit.journal.store import new_run
from opskit.redrive import lease, runs
from opskit.redrive.destinations import ByKind
from opskit.redrive.ledger import Ledger, LedgerError
from opskit.redrive.objects_run import ObjectsRun
from opskit.redrive.plan import Terms
from opskit.redrive.s3_objects import CANNOT_READ, CUT, LIMIT, PREFIX, Told, gathered, look
from opskit.redrive.sinks import FileSink
from opskit.redrive.tally import Halt
from opskit.render.envelope import Envelope
from opskit.render.objects import Objects, render
from opskit.settings import Settings

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
"""A bucket's name (S3 User Guide, "General purpose bucket naming rules")."""
COMMAND = "redrive-dlq"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked; `terms.to_function` "" gives each event to the function that its record names."""

    url: str
    terms: Terms
    account: str | None = None
    apply: bool = False
    yes: bool = False
    resumed: str = ""
    """The run that is gone on with; "" begins a new one."""

    @property
    def limit(self) -> int:
        """Most objects to look at."""
        return self.terms.limit or LIMIT

    @property
    def again(self) -> str:
        """The command line that does it."""
        return _resume(self.resumed) if self.resumed else f"{command_line()} --apply"


def before(facts: Mapping[str, Any], run: str, account: str | None, *, apply: bool, yes: bool) -> Asked:
    """Return what the run was asked that is gone on with."""
    return Asked(facts["objects"], runs.terms_of(facts["terms"]), account, apply, yes, run)


def run(asked: Asked, settings: Settings) -> int:
    """Show where each object would go, or hand them over, until the first that is not taken."""
    found = _URL.fullmatch(asked.url)
    if found is None:
        raise UsageError(f"QUEUE: expected s3://BUCKET/PREFIX, got {asked.url}")
    aws = Aws(settings.region, settings.profile)
    try:
        work = _Work(aws, settings, asked, found["bucket"], found["prefix"] or PREFIX)
        identity = _identity(aws, settings)
        envelope = Envelope(COMMAND, identity, settings.region, settings.env, endpoint_of(aws, settings))
        if asked.apply:
            refuse_account(asked.account, identity, settings, envelope.endpoint)
            objects = work.redriven()
        else:
            objects = work.seen()
    finally:
        aws.close()
    out.result(render(objects, envelope, out.form(settings.output)))
    return _exit(objects)


@dataclass
class _Work:
    aws: Aws
    settings: Settings
    asked: Asked
    name: str
    prefix: str

    def __post_init__(self) -> None:
        self.arn = f"arn:{arns.partition(self.aws.region)}:s3:::{self.name}"
        self.bucket = Bucket(self.aws, self.name)
        self.state = folder(os.environ)
        lease.refuse_taken(self.state, self.arn)  # else it would look as if that run was cut off
        self._refuse_unfinished()

    def seen(self) -> Objects:
        """Return where each object would go."""
        told, halt = gathered(look(self.bucket, self._to(), prefix=self.prefix, limit=self.asked.limit))
        return self._objects(told, halt, self.asked.again)

    def redriven(self) -> Objects:
        """Ask, and hand objects over; whatever ends it, the ledger has what was in hand."""
        if not self.asked.yes:
            refuse_unasked()
            most = f"up to {self.asked.limit} failures"
            ask(f"Hand over {most} of {self.asked.url}, and delete them there?")
        with lease.held(self.state, self.arn):
            self._refuse_unfinished()  # while this one asked, another may have begun and been cut off
            # What can be refused comes first: a ledger that is there is of a run that has begun.
            to = self._to()
            run = self.asked.resumed or new_run(int(time.time()))
            ledger = self._ledger(run)
            try:
                return self._handed(ObjectsRun(self.bucket, to, ledger, run))
            except LedgerError as error:
                raise LedgerError(
                    f"stopped: the ledger does not take more: {error.message}",
                    f"nothing is lost; make room, then {_resume(run)}",
                ) from error
            finally:
                ledger.close()

    def _handed(self, going: ObjectsRun) -> Objects:
        out.note(f"run {going.run}: if it is cut off, go on with {_resume(going.run)}")
        done = going.perform(prefix=self.prefix, limit=self.asked.limit)
        again = _resume(going.run) if done.receipt.unknown or done.receipt.undeleted else ""
        shown = self._objects(done.told, done.halt, again, going.run, done.receipt.duplicates)
        return replace(shown, full=done.full)

    def _objects(
        self,
        told: tuple[Told, ...],
        halt: Halt | None,
        again: str,
        run: str = "",
        twice: tuple[str, ...] = (),
    ) -> Objects:
        unread = halt.reason if halt and halt.what != "not-taken" else ""
        if halt and halt.what == CANNOT_READ and not told:
            raise CannotLookError(f"bucket {self.name}: {unread}")
        full = len(told) == self.asked.limit
        return Objects(self.name, self.asked.apply, told, unread, again, full=full, run=run, twice=twice)

    def _to(self) -> ByKind:
        terms, again = self.asked.terms, bool(self.asked.resumed)
        file = FileSink(Path(terms.to_file), make=self.asked.apply, append=again) if terms.to_file else None
        return ByKind(self.aws, self.arn, function=terms.to_function, file=file, any_count=terms.any_count)

    def _refuse_unfinished(self) -> None:
        if not self.asked.resumed:
            runs.refuse_unfinished(self.state, self.arn)

    def _ledger(self, run: str) -> Ledger:
        """Return the ledger: a new one, or that of the run which goes on."""
        if self.asked.resumed:
            facts = runs.resumable(self.state, run)
            ledger = runs.opened(self.state, run)
            ledger.note(resumed=facts.get("resumed", 0) + 1, ended=False, closed=False, halt=None)
            return ledger
        facts = {
            "queue": self.arn,
            "objects": self.asked.url,
            "terms": runs.terms_document(self.asked.terms),
            "env": self.settings.env,
            "region": self.aws.region,
            "actor": actor(),
            "command": command_line(),
            "began_at": int(time.time()),
        }
        return Ledger.create(runs.path_of(self.state, run), facts)


def _resume(run: str) -> str:
    return f"opskit redrive-dlq --resume {run} --apply"


def _identity(aws: Aws, settings: Settings) -> str:
    """Return the account of the credentials; UsageError if the environment is bound to another."""
    asks = Gatherer(aws, window(time.time(), 60))
    document = asks.gather([round0.identity()])[round0.identity()].document or {}
    if asks.blocked:
        raise CannotLookError(asks.blocked)
    refuse_other_account(settings, document)
    return str(document.get("account") or "")


def _exit(objects: Objects) -> Exit:
    if objects.fault == CUT:
        return Exit.INTERRUPTED
    if objects.findings:
        return Exit.FINDINGS
    return Exit.UNDETERMINED if objects.gaps else Exit.CLEAN
