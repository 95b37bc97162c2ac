"""One call of `opskit redrive-dlq`: the plan, the question, the run, the receipt, the exit code."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opskit import inventory
from opskit.aws.session import Aws
from opskit.cli import out
from opskit.cli.acting import ask, refuse_account, refuse_unasked
from opskit.cli.choosing import choice_of, group_of
from opskit.cli.look import endpoint_of
from opskit.cli.options import SharedOptions
from opskit.cli.readers import failing_lines, refuse_read
from opskit.cli.ticker import Ticker
from opskit.cli.times import parse_duration
from opskit.cli.verdict import actor, command_line, exit_code
from opskit.errors import UsageError
from opskit.exits import Exit
from opskit.gather import Gatherer, window
from opskit.inventory import Inventory
from opskit.inventory.lookup import refuse_other_account
from opskit.inventory.queue_name import QueueName, parse_queue
from opskit.journal import Journal, JournalError, folder
from opskit.journal.store import new_run
from opskit.model import Severity
from opskit.redrive import consumer, lease, runs
from opskit.redrive.guarding import check_alarms
from opskit.redrive.ledger import Ledger, LedgerError, State
from opskit.redrive.letter import Letter
from opskit.redrive.outcome import Destination
from opskit.redrive.performing import Redrive, Telling, destination_of
from opskit.redrive.place import Letterbox, find
from opskit.redrive.plan import Plan, Terms, plan, refuse, stopping
from opskit.redrive.sinks import FileSink
from opskit.redrive.told import Told
from opskit.render.canvas import Output
from opskit.render.figures import number
from opskit.render.redrive import document, render

FASTEST = 10_000.0
LONGEST_S = 86_400
GROUP_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says, unparsed where a run that is resumed says it otherwise."""

    queue: str | None
    fn: str | None
    to: str | None
    to_function: str | None
    to_file: Path | None
    any_count: bool
    account: str | None
    groups: tuple[str, ...]
    match: str | None
    older_than: str | None
    ids: Path | None
    limit: int | None
    rate: float | None
    ramp: str | None
    canary_timeout: str | None
    guard_alarms: tuple[str, ...]
    force: bool
    deadline_s: int


def redrive(asked: Asked, shared: SharedOptions, *, apply: bool, yes: bool) -> int:
    """Show what a redrive would do; with `apply` do it."""
    if (asked.queue or "").startswith("s3://"):
        return _objects(asked, shared, apply=apply, yes=yes)
    inventories = inventory.load(shared.settings())
    terms = replace(terms_of(asked, time.time()), **_events(asked, inventories))
    with _session(inventories, _queue(asked, inventories)) as session:
        box = session.box()
        _refuse_open(session, box)
        to = parse_queue(asked.to, "--to") if asked.to else None
        planned = session.plan(box, to, terms, asked.deadline_s)
        if not apply:
            return session.show(planned, shared, f"{command_line()} --apply")
        run = new_run(int(time.time()))
        begin = lambda: runs.begin(session.folder, run, planned, session.who())  # noqa: E731
        return session.carry_out(planned, shared, run, begin, asked, yes=yes)


def resume(asked: Asked, shared: SharedOptions, run: str, *, apply: bool, yes: bool) -> int:
    """Go on with a run as it began: the same queue, letters, rate and guards."""
    if given := _chosen_again(asked):
        raise UsageError(f"--resume goes on as the run began: leave out {', '.join(given)}")
    inventories = inventory.load(shared.settings())
    state = folder(os.environ)
    ledger = runs.opened(state, run)
    facts = ledger.facts()
    ledger.close()
    terms = replace(runs.terms_of(facts["terms"]), forced=facts["forced"] or asked.force)
    name = parse_queue(facts["queue"])
    with _session(inventories, name) as session:
        box = session.box()
        _refuse_open(session, box, but=run)
        to = parse_queue(facts["to"][0]) if len(facts["to"]) == 1 else None
        planned = session.plan(box, to, terms, asked.deadline_s)
        if not apply:
            return session.show(planned, shared, f"opskit redrive-dlq --resume {run} --apply")

        def reopened() -> Ledger:
            ledger = runs.opened(session.folder, run)
            ledger.note(resumed=facts.get("resumed", 0) + 1, forced=terms.forced, ended=False, closed=False)
            return ledger

        return session.carry_out(planned, shared, run, reopened, asked, yes=yes)


def _refuse_open(session: "Session", box: Letterbox, but: str = "") -> None:
    """Raise UsageError for a queue that another run than `but` was cut off at."""
    run = runs.unfinished(session.folder, box.arn)
    if run not in ("", but):
        raise UsageError(
            f"run {run} of {box.name} has not ended: another one could send again what it has sent",
            f"if it was cut off, go on with it: opskit redrive-dlq --resume {run} --apply",
        )


def _chosen_again(asked: Asked) -> list[str]:
    """Return the names of what was given beside --resume and would change the run."""
    return [name for name, value in _given(asked).items() if value is not None]


def _given(asked: Asked) -> dict[str, object]:
    """Return the options that say what a run does, None where nothing was said."""
    return {
        "QUEUE": asked.queue,
        "--fn": asked.fn,
        "--to": asked.to,
        "--to-function": asked.to_function,
        "--to-file": asked.to_file,
        "--any-count": asked.any_count or None,
        "--group": asked.groups or None,
        "--match": asked.match,
        "--older-than": asked.older_than,
        "--ids": asked.ids,
        "--limit": asked.limit,
        "--rate": asked.rate,
        "--ramp": asked.ramp,
        "--canary-timeout": asked.canary_timeout,
        "--guard-alarm": asked.guard_alarms or None,
    }


def terms_of(asked: Asked, now: float) -> Terms:
    """Return what the command line says of how it goes; UsageError if something of it is wrong."""
    _check_limit(asked.limit)
    if asked.rate is not None and not 0 < asked.rate <= FASTEST:
        raise UsageError(f"--rate: expected messages a second, up to {number(FASTEST)}, got {asked.rate:g}")
    default = Terms()
    return Terms(
        choice=choice_of(asked.groups, asked.match, asked.older_than, asked.ids, now),
        limit=asked.limit,
        rate=asked.rate or default.rate,
        doubling_s=_seconds(asked.ramp, "--ramp", 0, default.doubling_s),
        canary_timeout_s=_seconds(asked.canary_timeout, "--canary-timeout", 1, default.canary_timeout_s),
        guard_alarms=asked.guard_alarms,
        forced=asked.force,
    )


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise UsageError(f"--limit: expected a number from 1 on, got {limit}")


def _events(asked: Asked, inventories: Inventory) -> dict[str, Any]:
    """Return what the command line says of letters that are no queue's own."""
    if asked.to_function and asked.to_file:
        raise UsageError("--to-function and --to-file: one or the other")
    worker = inventories.find(asked.to_function).worker if asked.to_function else None
    file = asked.to_file.expanduser().absolute() if asked.to_file else None
    if file is not None:
        FileSink(file, make=False)  # before AWS is asked
    return {
        "to_function": worker.function if worker else asked.to_function or "",
        "to_file": str(file or ""),
        "any_count": asked.any_count,
    }


def _objects(asked: Asked, shared: SharedOptions, *, apply: bool, yes: bool) -> int:
    """Hand over what Lambda wrote to S3; UsageError for what is of queues alone."""
    from opskit.cli import objects

    known = ("QUEUE", "--to-function", "--to-file", "--any-count", "--limit")
    others = {**_given(asked), "--force": asked.force or None}
    if extra := [name for name, value in others.items() if value is not None and name not in known]:
        raise UsageError(f"objects in S3 take no {', '.join(extra)}")
    _check_limit(asked.limit)
    events = _events(asked, inventory.load(shared.settings()))
    said = objects.Asked(
        url=asked.queue or "",
        function=events["to_function"],
        file=events["to_file"],
        any_count=asked.any_count,
        limit=asked.limit,
        account=asked.account,
        apply=apply,
        yes=yes,
    )
    return objects.run(shared, said)


def server_side(
    asked: Asked, shared: SharedOptions, *, apply: bool, cancel: bool, yes: bool, resume: str | None
) -> int:
    """Let AWS move the messages; UsageError for what its move task cannot do."""
    from opskit.cli import serverside

    others = {**_given(asked), "--resume": resume, "--yes": yes or None, "--force": asked.force or None}
    known = ("QUEUE", "--fn", "--to", "--rate")
    if extra := [name for name, value in others.items() if value is not None and name not in known]:
        raise UsageError(f"--server-side: AWS's move task knows no {', '.join(extra)}")
    if asked.rate is not None and asked.rate != int(asked.rate):
        raise UsageError(f"--rate: expected whole messages a second with --server-side, got {asked.rate:g}")
    queue = _queue(asked, inventory.load(shared.settings()))
    text = asked.queue or queue.name
    rate = None if asked.rate is None else int(asked.rate)
    said = serverside.Asked(text, asked.to or "", rate, apply, cancel, asked.account)
    return serverside.run(shared, said)


def _seconds(text: str | None, option: str, least_s: int, default: float) -> float:
    return default if text is None else parse_duration(text, option, least_s, LONGEST_S, "10s, 5m or 1h")


def _queue(asked: Asked, inventories: Inventory) -> QueueName:
    """Return the queue that is meant, by its name or by its worker's."""
    if (asked.queue is None) == (asked.fn is None):
        raise UsageError("say which dead-letter queue: QUEUE or --fn NAME", "opskit dlq list shows them")
    if asked.queue is not None:
        return parse_queue(asked.queue)
    worker = inventories.find(asked.fn or "").worker
    if worker is None or not worker.dead_letter_queue:
        raise UsageError(f"no manifest names a dead-letter queue of {asked.fn}", "name the queue itself")
    return QueueName(worker.dead_letter_queue)


@contextmanager
def _session(inventories: Inventory, queue: QueueName) -> Iterator["Session"]:
    settings = inventories.settings
    aws = Aws(queue.region or settings.region, settings.profile)
    try:
        yield Session(replace(inventories, settings=replace(settings, region=aws.region)), aws, queue)
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
        asked: Asked,
        *,
        yes: bool,
    ) -> int:
        """Carry a plan out unless something stands in its way, and show the receipt."""
        settings = self.inventory.settings
        refuse_account(asked.account, planned.box.account, settings, endpoint_of(self.aws, settings))
        if stopping(planned):
            out.note("nothing was moved: --force would move all the same")
            return self.show(planned, shared, command_line())
        lines: Mapping[str, str] = {}
        if planned.terms.choice.groups:
            lines = failing_lines(self.aws, planned.box, self.inventory, GROUP_DEADLINE_S)
        if not yes:
            _ask(planned, shared, self)
        with lease.held(self.folder, planned.box.arn):
            # Before there is a ledger: a file that cannot be written must not leave a run behind.
            destination = destination_of(self.aws, planned, again=run in runs.every(self.folder))
            opened = ledger()
            try:
                group = group_of(planned.terms.choice, lines)
                told = self._performed(planned, opened, run, destination, group)
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
        destination: Destination,
        group: Callable[[Letter], str],
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
    told = session.told(planned, "")
    out.note(render(told, Output.PLAIN, out.canvas(shared)))
    ask(f"Move dead letters of {planned.box.name} to {planned.to}?")
