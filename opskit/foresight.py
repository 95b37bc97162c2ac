"""What a run asks, before anything is asked: rounds 0 and 1 as they are, round 2 as it is if all goes wrong.

No AWS is asked. What only an answer can tell, such as a mapping's UUID, stands as a placeholder: `<UUID>`.
"""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from opskit.aws import metrics, shapes
from opskit.aws.price import CALL_USD, METRIC_USD
from opskit.gather import with_traffic
from opskit.inventory import Lookup, arns
from opskit.inventory.candidate import Candidate
from opskit.model import (
    Cost,
    Describe,
    LogQuery,
    Metric,
    Reading,
    Readings,
    Runbook,
    Signal,
    Status,
    Target,
    UnreadError,
    Window,
)
from opskit.settings import Settings

FUNCTION, ACCOUNT, UUID, LABEL, CONSUMER = "<function>", "<account>", "<UUID>", "<label>", "<consumer>"
TABLES = ("<written table>",)
_SOURCES = {"kinesis": "<stream>", "dynamodb-stream": "<table>", "sqs": "<queue>"}
_UNREAD = Reading(Status.FAILED, "not asked yet", "NotAsked")


@dataclass(frozen=True, slots=True)
class Foreseen:
    """The questions about one target by the names that rules read; `more` says when round 2 is asked."""

    target: Target
    round0: Mapping[str, Signal]
    round1: Mapping[str, Signal]
    round2: Mapping[str, Signal]
    """What is known of it beforehand; what depends on names in answers (a shard's, ...) comes on top."""
    more: str

    @property
    def signals(self) -> Iterator[Signal]:
        """All signals of all rounds."""
        return (signal for asked in (self.round0, self.round1, self.round2) for signal in asked.values())


def anyone(settings: Settings) -> Lookup:
    """Return the name that stands for any function."""
    return Lookup(FUNCTION, settings, (Candidate(FUNCTION),))


def foresee(runbook: Runbook, lookup: Lookup, window: Window) -> tuple[Foreseen, ...]:
    """Return what the runbook would ask, once for each trigger that the name may turn out to have.

    UsageError if a manifest says that the runbook is not for this worker.
    """
    (bound, *_) = lookup.bind(Readings(lookup.signals(), {}), runbook.TRIGGERS, runbook.NAME)
    triggers = (bound.trigger,) if bound.trigger else runbook.TRIGGERS
    return tuple(_foreseen(runbook, lookup, _filled(bound, trigger), window) for trigger in triggers)


def cost(signals: Iterable[Signal], window: Window) -> Cost:
    """Return what asking these signals costs at list price, without the bytes that log queries scan."""
    asked = with_traffic(signals)
    wanted = [signal for signal in asked if isinstance(signal, Metric)]
    calls = [signal.service for signal in asked if isinstance(signal, Describe)]
    queries = sum(isinstance(signal, LogQuery) for signal in asked)
    usd = len(wanted) * METRIC_USD + sum(CALL_USD.get(service, 0.0) for service in calls)
    return Cost(len(metrics.batches(wanted, window)) + len(calls) + queries, len(wanted), 0, usd)


def _foreseen(runbook: Runbook, lookup: Lookup, target: Target, window: Window) -> Foreseen:
    round1 = {name: s for reader in _readers(target) for name, s in runbook.signals(reader).items()}
    asked = {**lookup.signals(), **round1}
    more: dict[str, Signal] = {}
    for worst in _worst(asked, window):
        with suppress(UnreadError):
            more.update(runbook.more_signals(target, worst))
    when = (inspect.getdoc(runbook.more_signals) or "").partition("\n")[0].removeprefix("Return round 2: ")
    return Foreseen(target, lookup.signals(), round1, more, when)


def _readers(target: Target) -> Iterator[Target]:
    """Yield the target; where it may be any function, also as one whose mapping names a fan-out consumer."""
    yield target
    if target.trigger == "kinesis" and not target.expected:
        yield replace(target, source_arn=f"{target.source_arn}/consumer/{CONSUMER}")


def _filled(target: Target, trigger: str) -> Target:
    """Return a target with placeholders for what only AWS can tell."""
    account = target.account or ACCOUNT
    source = target.source or _SOURCES.get(trigger, "")
    arn = arns.source_arn(trigger, source, target.region, account)
    return replace(
        target,
        trigger=trigger,
        account=account,
        source_arn=f"{arn}/stream/{LABEL}" if trigger == "dynamodb-stream" else arn,
        mapping_uuid=UUID if trigger in _SOURCES else "",
        event_counts=target.event_counts or not target.expected,
        tables=target.tables or (() if target.expected else TABLES),
    )


def _worst(asked: Mapping[str, Signal], window: Window) -> Sequence[Readings]:
    """Return the readings that call for the most: every count and age rises, settings are unread or gone."""
    minutes = range(window.start, window.end, 60)
    rising = Reading(Status.OK, points=tuple((at, 60_000.0 * i) for i, at in enumerate(minutes, 1)))
    unread: dict[Signal, Reading] = {
        signal: rising if isinstance(signal, Metric) else _UNREAD for signal in asked.values()
    }
    gone: dict[Signal, Reading] = {
        signal: Reading(Status.OK, document=shapes.emptiest(signal))
        for signal in asked.values()
        if isinstance(signal, Describe)
    }
    return [Readings(asked, answers, window=window) for answers in (unread, {**unread, **gone})]
