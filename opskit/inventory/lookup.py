"""From what a user called a worker to what is judged: round 0's questions, and what the answers bind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from opskit import thresholds
from opskit.errors import UsageError
from opskit.inventory import arns, round0
from opskit.inventory.candidate import Candidate, Seen, document_of, reading_of
from opskit.inventory.worker import Worker, match_function
from opskit.model import Describe, Json, Readings, Status, Target
from opskit.settings import Settings, nearest, show

MAPPED = {"kinesis": "Kinesis", "dynamodb-stream": "DynamoDB stream", "sqs": "SQS"}
"""The triggers that read through an event source mapping, as they are called in a sentence."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """One name, not yet looked up. `settings` have the environment and region that the name implies."""

    asked: str
    settings: Settings
    candidates: tuple[Candidate, ...]
    """The functions it may stand for; a manifest's worker has exactly one."""
    worker: Worker | None = None
    known: tuple[str, ...] = ()
    """The short names of all workers with a manifest."""
    account: str = ""
    """The account in the ARN that was given, else ""."""
    notes: tuple[str, ...] = ()
    """What the name decided against the settings, for the user to see."""

    def signals(self) -> dict[str, Describe]:
        """Return round 0's questions; a second candidate's names end in `_2`."""
        asked = {round0.IDENTITY: round0.identity()}
        for number, candidate in enumerate(self.candidates, 1):
            suffix = "" if number == 1 else f"_{number}"
            asked |= {f"{key}{suffix}": signal for key, signal in candidate.signals().items()}
        if self.worker is None:
            asked[round0.FUNCTIONS] = round0.all_functions()
        return asked

    def named(self, readings: Readings) -> dict[str, Describe]:
        """Return the questions about the function that was settled on, under the names that rules read."""
        return {round0.IDENTITY: round0.identity(), **self._settled(readings).signals()}

    def bind(
        self, readings: Readings, triggers: tuple[str, ...], runbook: str = "this runbook"
    ) -> tuple[Target, ...]:
        """Return one Target per event source that fits `triggers` (empty: everything fits), at least one.

        UsageError if there is no such worker or function, if the runbook is not for its trigger, or if the
        credentials are of another account than the name says or the environment is bound to. What could not
        be read is left out of a Target, never guessed.
        """
        self._check_account(readings)
        if self.worker is not None:
            return self._bind_worker(self.worker, readings, triggers, runbook)
        settled = self._settled(readings)
        if settled.seen(readings) is Seen.ABSENT:
            self._refuse_unknown(readings)
        return self._bind_discovered(settled, readings, triggers)

    def missing_function(self, readings: Readings) -> str | None:
        """Return the line that says a manifest's function is not there; None if it is, or cannot be told."""
        if self.worker is None or self._settled(readings).seen(readings) is not Seen.ABSENT:
            return None
        where = self._where(self._account(readings))
        elsewhere = (
            "" if self.worker.deployed_here else f"; its manifest says {', '.join(self.worker.regions)}"
        )
        missing = f"{self.worker.function} does not exist in {where}"
        return f"{missing}: deployed elsewhere? (--env, --region){elsewhere}"

    def _settled(self, readings: Readings) -> Candidate:
        """Pick the candidate that is there, else one that may be, else the first."""
        return min(self.candidates, key=lambda candidate: candidate.seen(readings))

    def _where(self, account: str) -> str:
        return f"account {account or 'unknown'}, region {self.settings.region}"

    def _account(self, readings: Readings) -> str:
        """Return whose account it is: as STS says, else by the function's ARN, else as given or bound."""
        identity = document_of(readings, round0.identity()).get("account")
        arn = self._settled(readings).document(readings).get("arn") or ""
        return identity or arns.account_of(arn) or self.account or self.settings.account or ""

    def _check_account(self, readings: Readings) -> None:
        """Refuse credentials of another account than the name's, or than its environment is bound to."""
        identity = document_of(readings, round0.identity())
        account = identity.get("account")
        if not account:
            return
        if self.account and account != self.account:
            raise UsageError(
                f"{self.asked} is in account {self.account}, but the credentials are of account {account}",
                "choose others with --profile",
            )
        check_bound(self.settings, identity)

    def _target(self, readings: Readings, worker: Worker) -> Target:
        """Return what a worker's Targets have in common."""
        function = self._settled(readings).document(readings)
        return Target(
            worker=worker.name,
            function=worker.function,
            trigger=worker.trigger,
            env=worker.env,
            region=worker.region,
            account=self._account(readings),
            log_group=function.get("log_group") or worker.log_group or f"/aws/lambda/{worker.function}",
            event_counts=bool(worker.expected.get("event_counts", False)),
            limits=worker.limits,
            expected=worker.expected,
            tables=_written(worker),
        )

    def _bind_worker(
        self, worker: Worker, readings: Readings, triggers: tuple[str, ...], runbook: str
    ) -> tuple[Target, ...]:
        if triggers and worker.trigger not in triggers:
            raise UsageError(
                f"{runbook} is for {_join(triggers, 'and')}; {worker.name} is triggered by {worker.trigger}"
            )
        source = worker.sources[0]
        base = self._target(readings, worker)
        if source.trigger not in MAPPED:
            return (base,)
        mappings, _ = self._settled(readings).mappings(readings)
        fitting = [
            mapping
            for mapping in mappings
            if arns.trigger_of(mapping["source_arn"] or "") == source.trigger
            and arns.resource_of(mapping["source_arn"]) == source.name
        ]
        arn = arns.source_arn(source.trigger, source.name, worker.region, base.account)
        return tuple(_with(base, mapping) for mapping in fitting) or (replace(base, source_arn=arn),)

    def _bind_discovered(
        self, settled: Candidate, readings: Readings, triggers: tuple[str, ...]
    ) -> tuple[Target, ...]:
        worker = discovered(settled.function, self.settings)
        base = self._target(readings, worker)
        mappings, complete = settled.mappings(readings)
        fitting = [m for m in mappings if _fits(m, triggers)]
        if fitting:
            return tuple(_with(base, mapping) for mapping in fitting)
        if complete and triggers and set(triggers) <= set(MAPPED):
            wanted = _join([MAPPED[trigger] for trigger in triggers], "or")
            raise UsageError(
                f"function {settled.function} has no {wanted} event source mapping",
                _elsewhere(settled, mappings),
            )
        return (base,)

    def _refuse_unknown(self, readings: Readings) -> NoReturn:
        near = self._nearest(readings)
        if near:
            raise UsageError(f'no worker or function "{self.asked}": did you mean {near}?')
        known = f"known workers: {', '.join(self.known)}" if self.known else ""
        raise UsageError(
            f"no worker or function {show(self.asked)} in {self._where(self._account(readings))}", known
        )

    def _nearest(self, readings: Readings) -> str | None:
        """Return the nearest of the manifests' names and, where they could be listed, the functions'."""
        listed = reading_of(readings, round0.all_functions())
        rows = (listed.document or ()) if listed.status is not Status.FAILED else ()
        functions = [row["name"] for row in rows]
        names = {name.lower(): name for name in (*functions, *self.known)}
        for function in functions:
            short = (match_function(self.settings, function) or {}).get("name", "")
            names.setdefault(short.lower(), function)
        near = nearest(self.asked, (name for name in names if name))
        return names[near] if near else None


def check_bound(settings: Settings, identity: Mapping[str, Json]) -> None:
    """Refuse credentials of another account than the environment is bound to; UsageError."""
    account, bound = identity.get("account"), settings.account
    if account and bound and account != bound:
        raise UsageError(
            f"{settings.config_file} binds {settings.env} to account {bound}, but the credentials are of "
            f"account {account} ({identity.get('arn')})",
            "choose others with --profile, or another environment with --env",
        )


def discovered(function: str, settings: Settings) -> Worker:
    """Return a worker of which only the function's name is known."""
    return Worker(
        name=function,
        function=function,
        env=settings.env,
        region=settings.region,
        limits=thresholds.load(),
    )


def _written(worker: Worker) -> tuple[str, ...]:
    """Return the tables that a worker's manifest lets it write to, but not the one whose changes it reads."""
    named = (*worker.tables, *(name for kind, name in worker.downstream if kind == "table"))
    read = worker.sources[0].name if worker.trigger == "dynamodb-stream" else ""
    return tuple(dict.fromkeys(name for name in named if name != read))


def _elsewhere(settled: Candidate, mappings: tuple[Mapping[str, Json], ...]) -> str:
    """Return where else to look for a mapping: AWS lists an alias's mappings only for the alias."""
    others = sorted({arns.resource_of(m["source_arn"]) for m in mappings if m["source_arn"]})
    if others:
        return f"it reads {', '.join(others)}"
    return "" if settled.qualifier else f"if an alias has it, ask for --fn {settled.function}:ALIAS"


def _fits(mapping: Mapping[str, Json], triggers: tuple[str, ...]) -> bool:
    trigger = arns.trigger_of(mapping["source_arn"] or "")
    return bool(trigger) and (not triggers or trigger in triggers)


def _with(base: Target, mapping: Mapping[str, Json]) -> Target:
    """Return the Target of one live mapping."""
    return replace(
        base,
        trigger=arns.trigger_of(mapping["source_arn"]),
        source_arn=mapping["source_arn"],
        mapping_uuid=mapping["uuid"],
        event_counts="EventCount" in (mapping.get("metrics") or ()),
    )


def _join(names: Sequence[str], word: str) -> str:
    """Return names as a sentence lists them: `a, b and c`."""
    return f" {word} ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]
