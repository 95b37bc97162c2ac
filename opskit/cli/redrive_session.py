"""One run of `opskit redrive-dlq`: the look, the plan, the question, the run, the receipt, the exit code."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from opskit.aws.session import Aws
from opskit.cli import out
from opskit.cli.acting import ask, refuse_account, refuse_unasked
from opskit.cli.choosing import group_of
from opskit.cli.look import endpoint_of
from opskit.cli.options import SharedOptions
from opskit.cli.readers import failing_lines, refuse_read
from opskit.cli.ticker import Ticker
from opskit.cli.verdict import actor, command_line, exit_code
from opskit.exits import Exit
from opskit.gather import Gatherer, window
from opskit.inventory import Inventory
from opskit.inventory.lookup import refuse_other_account
from opskit.inventory.queue_name import QueueName
from opskit.journal import Journal, JournalError, folder
from opskit.model import Severity
from opskit.redrive import consumer, lease
from opskit.redrive.guarding import check_alarms
from opskit.redrive.leading import destination_of
from opskit.redrive.ledger import Ledger, LedgerError, State
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination
from opskit.redrive.performing import Redrive
from opskit.redrive.place import Letterbox, find
from opskit.redrive.plan import Plan, Terms, plan, refuse, stopping
from opskit.redrive.proving import Telling
from opskit.redrive.told import Told
from opskit.render.canvas import Output
from opskit.render.redrive import document, render

GROUP_DEADLINE_S = 120.0


@contextmanager
def opened(fleet: Inventory, queue: QueueName) -> Iterator["Session"]:
    """Open a session in the region of `fleet`, and close it."""
    settings = fleet.settings
    aws = Aws(settings.region, settings.profile)
    try:
        yield Session(replace(fleet, settings=replace(settings, region=aws.region)), aws, queue)
    finally:
        aws.close()


@dataclass
class Session:
    """One queue at one account and region."""

    inventory: Inventory
    aws: Aws
    queue: QueueName

    @property
    def folder(self) -> Path:
        """Where runs are kept."""
        return folder(os.environ)

    def who(self) -> dict[str, object]:
        """Return the facts of who does it, and where."""
        settings = self.inventory.settings
        return {
            "env": settings.env,
            "region": self.aws.region,
            "actor": actor(),
            "command": command_line(),
            "began_at": int(time.time()),
        }

    def box(self) -> Letterbox:
        """Look at the queue; UsageError if it is in another account than the environment's."""
        settings = self.inventory.settings
        found = find(self.aws, self.queue)
        refuse_other_account(settings, {"account": found.account, "arn": found.arn})
        return found

    def gatherer(self, deadline_s: float) -> Gatherer:
        """Return a gatherer for a look at the consumer."""
        return Gatherer(self.aws, window(time.time(), consumer.SINCE_S), deadline_s)

    def plan(self, box: Letterbox, to: QueueName | None, terms: Terms, deadline_s: float) -> Plan:
        """Look at where letters would go and at who reads there."""
        with out.working(f"looking at {box.name} and its consumer"):
            check_alarms(self.aws, terms.guard_alarms, time.time())
            refuse(box)
            refuse_read(self.aws, box, self.inventory, deadline_s)
            return plan(
                self.aws, box, to, terms,
                inventory=self.inventory, gatherer=lambda: self.gatherer(deadline_s),
            )  # fmt: skip

    def told(self, planned: Plan, command: str) -> Told:
        """Return what there is to say of a plan."""
        endpoint = endpoint_of(self.aws, self.inventory.settings)
        return Told(planned, self.inventory.settings.env, command, endpoint=endpoint)

    def show(self, planned: Plan, shared: SharedOptions, command: str) -> int:
        """Show a plan that is not carried out."""
        told = self.told(planned, command)
        out.result(render(told, out.form(self.inventory.settings.output), out.canvas(shared)))
        return exit_code(told, Severity.LOW)

    def carry_out(
        self,
        planned: Plan,
        shared: SharedOptions,
        run: str,
        ledger: Callable[[], Ledger],
        account: str | None,
        *,
        yes: bool,
        again: bool,
    ) -> int:
        """Carry a plan out unless something stands in its way, and show the receipt."""
        settings = self.inventory.settings
        refuse_account(account, planned.box.account, settings, endpoint_of(self.aws, settings))
        if stopping(planned):
            out.note("nothing was moved: --force would move all the same")
            return self.show(planned, shared, command_line())
        lines: Mapping[str, str] = {}
        if planned.terms.choice.groups:
            lines = failing_lines(self.aws, planned.box, self.inventory, GROUP_DEADLINE_S)
        if not yes:
            _ask(planned, shared, self)
        with lease.held(self.folder, planned.box.arn):
            # What can be refused comes first: a ledger that is there is of a run that has begun.
            destination = destination_of(self.aws, planned, again=again)
            opened = ledger()
            try:
                group = group_of(planned.terms.choice, lines)
                told = self._performed(planned, opened, run, group, destination)
            finally:
                opened.close()
        self._write_down(told)
        out.result(render(told, out.form(self.inventory.settings.output), out.canvas(shared)))
        halt = told.receipt.halt if told.receipt else None
        return Exit.INTERRUPTED if halt and halt.what == "interrupted" else exit_code(told, Severity.LOW)

    def _performed(
        self,
        planned: Plan,
        ledger: Ledger,
        run: str,
        group: Callable[[Letter], str],
        destination: Destination,
    ) -> Told:
        out.note(f"run {run}: if it is cut off, go on with opskit redrive-dlq --resume {run} --apply")
        counts = ledger.counts()
        ticker = Ticker(planned, counts.get(State.MOVED, 0) + counts.get(State.SENT, 0))
        telling = Telling(ticker.said, ticker.counted)
        try:
            receipt = Redrive(
                self.aws, planned, ledger, run, telling,
                destination=destination, group_of=group,
            ).perform()  # fmt: skip
        except LedgerError as error:
            raise LedgerError(
                f"stopped: the ledger does not take more: {error.message}",
                f"nothing is lost; make room, then opskit redrive-dlq --resume {run} --apply",
            ) from error
        finally:
            ticker.close()
        again = "" if receipt.complete else f"opskit redrive-dlq --resume {run} --apply"
        return replace(self.told(planned, again), run=run, receipt=receipt)

    def _write_down(self, told: Told) -> None:
        try:
            journal = Journal(self.folder)
            journal.write(lambda _: document(told), command_line(), actor(), int(time.time()), told.run)
        except JournalError as error:
            out.note(f"this run is not in the journal: {error}")


def _ask(planned: Plan, shared: SharedOptions, session: Session) -> None:
    """Show the plan to whoever is at the terminal, and ask."""
    refuse_unasked()
    told = replace(session.told(planned, ""), asked=True)
    # Fitted to the terminal, which breaks lines in the middle of a word; a note begins with "opskit: ".
    canvas = out.canvas(shared)
    out.note(render(told, Output.TABLE, replace(canvas, width=max(40, canvas.width - len("opskit: ")))))
    ask(f"Move dead letters of {planned.box.name} to {planned.to}?")
