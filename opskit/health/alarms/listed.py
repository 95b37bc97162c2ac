"""CloudWatch alarms as DescribeAlarms told of them, and which of them are about the fleet; pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from opskit.inventory.worker import Worker
from opskit.model import Json

ON_PURPOSE = re.compile(r"\b(?:silent|no[- ]page)\b", re.IGNORECASE)
"""Such a word in an alarm's name or description says that it is to wake nobody."""
SNS, SCALING = "sns", "autoscaling"
NAMESPACES = frozenset({"AWS/Lambda", "AWS/SQS", "AWS/Kinesis", "AWS/DynamoDB", "AWS/ApiGateway"})
_QUERY = re.compile(r"\(\s*\"?([\w.]+)\"?\s*\)\s+FROM\s+(?:SCHEMA\s*\(\s*)?\"?([\w/]+)", re.IGNORECASE)
"""SELECT MAX(Errors) FROM SCHEMA("AWS/Lambda", FunctionName) (CloudWatch User Guide, "Metrics Insights")."""
_CHOSEN = re.compile(r"\bWHERE\b", re.IGNORECASE)

_METRIC = "Namespace, MetricName, Dimensions[].[Name, Value]"
_STATE = (
    "name: AlarmName, arn: AlarmArn, about: AlarmDescription, enabled: ActionsEnabled, "
    "actions: AlarmActions, state: StateValue, reason: StateReason, "
    "since: StateTransitionedTimestamp, updated: StateUpdatedTimestamp"
)
SELECT_ALARMS = (
    f"{{metric: MetricAlarms[].{{{_STATE}, series: [{_METRIC}], "
    f"more: Metrics[?MetricStat].MetricStat.Metric.[{_METRIC}], "
    "expressions: Metrics[?Expression].Expression}, "
    f"composite: CompositeAlarms[].{{{_STATE}, rule: AlarmRule, suppressor: ActionsSuppressor, "
    "suppressed: ActionsSuppressedBy}}"
)

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """One series that an alarm looks at, dimensions by name."""

    namespace: str
    metric: str
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; `since` is when it came into its state, in epoch seconds."""

    name: str
    account: str
    region: str
    enabled: bool
    actions: tuple[str, ...]
    state: str
    reason: str
    since: int | None
    series: tuple[Watched, ...] = ()
    expressions: tuple[str, ...] = ()
    """Metric math, and queries of Metrics Insights."""
    rule: str = ""
    """A composite alarm's rule."""
    suppressor: str = ""
    """A composite alarm's suppressor, by name or ARN."""
    suppressed: bool = False
    on_purpose: bool = False

    @property
    def scales(self) -> bool:
        """Whether it only scales something: such an alarm is in ALARM for hours and meant for nobody."""
        return bool(self.actions) and all(_service(action) == SCALING for action in self.actions)

    @property
    def wide(self) -> bool:
        """Whether it watches all resources of a service at once: ours are among them."""
        whole = any(not one.dimensions and one.namespace in NAMESPACES for one in self.series)
        queries = (one for one in self.expressions if not _CHOSEN.search(one))
        return whole or any(namespace in NAMESPACES for one in queries for _, namespace in queried(one))

    @property
    def topics(self) -> tuple[str, ...]:
        """The SNS topics that it tells."""
        return tuple(action for action in self.actions if _service(action) == SNS)


@dataclass(frozen=True)
class About:
    """Whose alarms are looked at: these workers', and those whose names begin with `prefix`."""

    workers: tuple[Worker, ...]
    prefix: str = ""
    """What the names of the environment's functions begin with; "" is none."""
    api_ids: Mapping[str, str] = field(default_factory=dict, hash=False)
    """A worker's API id by the worker's name, where it is known: HTTP APIs publish under it."""

    def owner(self, alarm: Alarm) -> Worker | None:
        """Return the worker that an alarm is about: by its dimensions, else by its name."""
        for series in alarm.series:
            for name, value in series.dimensions:
                owner = self._owners.get((name, value.partition(":")[0] if name == "Resource" else value))
                if owner:
                    return owner
        beginnings = (alarm.name[:end] for end in range(len(alarm.name), 0, -1))
        return next((self._by_function[text] for text in beginnings if text in self._by_function), None)

    def knows(self, dimension: tuple[str, str]) -> bool:
        """Tell whether a dimension names a resource of the fleet."""
        return dimension in self._owners

    def is_ours(self, alarm: Alarm) -> bool:
        """Tell whether an alarm is about the fleet."""
        named = self.prefix and alarm.name.startswith(self.prefix)
        return bool(named) or alarm.wide or self.owner(alarm) is not None

    @cached_property
    def _by_function(self) -> dict[str, Worker]:
        return {worker.function: worker for worker in self.workers}

    @cached_property
    def _owners(self) -> dict[tuple[str, str], Worker]:
        """Whose each dimension is; of two workers that share a table, the first."""
        owners: dict[tuple[str, str], Worker] = {}
        for worker in self.workers:
            for dimension in _dimensions(worker, self.api_ids.get(worker.name, "")):
                owners.setdefault(dimension, worker)
        return owners


def read(document: Json) -> tuple[Alarm, ...]:
    """Return the alarms in what SELECT_ALARMS kept."""
    alarms = [_alarm(said) for said in document["metric"] or ()]
    return (*alarms, *(_alarm(said) for said in document["composite"] or ()))


def _alarm(said: Mapping[str, Any]) -> Alarm:
    _, _, _, region, account, *_ = [*str(said["arn"] or "").split(":"), *[""] * 5]
    series = [said.get("series") or [None], *(said.get("more") or ())]
    return Alarm(
        name=str(said["name"]),
        account=account,
        region=region,
        enabled=said["enabled"] is not False,
        actions=tuple(said["actions"] or ()),
        state=str(said["state"]),
        reason=str(said["reason"] or ""),
        since=said["since"] or said["updated"],
        series=tuple(_watched(one) for one in series if one[0]),
        expressions=tuple(map(str, said.get("expressions") or ())),
        rule=str(said.get("rule") or ""),
        suppressor=str(said.get("suppressor") or ""),
        suppressed=bool(said.get("suppressed")),
        on_purpose=bool(ON_PURPOSE.search(f"{said['name']} {said['about'] or ''}")),
    )


def queried(expression: str) -> tuple[tuple[str, str], ...]:
    """Return the metric and namespace that an expression queries; none if it is metric math."""
    return tuple((metric, namespace) for metric, namespace in _QUERY.findall(expression))


def _watched(said: Json) -> Watched:
    namespace, metric, dimensions = said
    return Watched(str(namespace), str(metric), pairs(dimensions or ()))


def pairs(dimensions: Iterable[Json]) -> Dimensions:
    """Return dimensions in the order of their names."""
    return tuple(sorted((str(name), str(value)) for name, value in dimensions))


def _service(action: str) -> str:
    parts = action.split(":")
    return parts[2] if len(parts) > 2 else ""  # noqa: PLR2004 - arn:partition:service:...


_SOURCE = {
    "kinesis": "StreamName",
    "dynamodb-stream": "TableName",
    "sqs": "QueueName",
    "rest-api": "ApiName",
    "http-api": "ApiName",
}


def _dimensions(worker: Worker, api_id: str) -> Iterator[tuple[str, str]]:
    yield "FunctionName", worker.function
    yield "Resource", worker.function
    for source in worker.sources:
        if source.trigger in _SOURCE and source.name:
            yield _SOURCE[source.trigger], source.name
        if source.mapping_uuid:
            yield "EventSourceMappingUUID", source.mapping_uuid
    if worker.dead_letter_queue:
        yield "QueueName", worker.dead_letter_queue
    if api_id:
        yield "ApiId", api_id
    for table in worker.tables:
        yield "TableName", table


def spoken_for(alarms: Iterable[Alarm]) -> frozenset[str]:
    """Return the names of the alarms that need no action: composite alarms that act rest on them.

    An alarm that suppresses another is to be quiet itself.
    """
    names: set[str] = set()
    for composite in alarms:
        if composite.suppressor:
            names.add(_name(composite.suppressor))
        if composite.rule and composite.enabled and composite.actions:
            names.update(map(_name, _IN_RULE.findall(composite.rule)))
    return frozenset(names)


_IN_RULE = re.compile(r"\(\s*\"?([^()\"]+?)\"?\s*\)")
"""An alarm in a rule: ALARM(name) or ALARM("name"), a name or an ARN (CloudWatch API Reference,
PutCompositeAlarm: AlarmRule)."""


def _name(alarm: str) -> str:
    return alarm.rpartition(":alarm:")[2] if alarm.startswith("arn:") else alarm
