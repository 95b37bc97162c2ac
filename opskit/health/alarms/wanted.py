"""The alarms that the handbook's alerting section has for each worker, and which of them there are; pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opskit.health.alarms.listed import About, Alarm, queried
from opskit.inventory.worker import Worker
from opskit.model import Severity

VISIBLE, AGE = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
Look = tuple[str, str, tuple[str, str]]
"""Namespace, metric, and the dimension that names the resource."""
WHOLE = ("", "")
_VALUES = re.compile(r"(\w+)\s*=\s*'([^']*)'")
"""WHERE FunctionName = 'x' of a query."""
STREAMS = ("kinesis", "dynamodb-stream")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One alarm that a worker should have: on one of these metrics of the resource that `dimension` names."""

    what: str
    indicator: str
    """The row of the table of limits that says how bad its state is."""
    namespace: str
    metrics: tuple[str, ...]
    dimension: tuple[str, str]

    @property
    def looks(self) -> tuple[Look, ...]:
        """Any of which does."""
        places = (self.dimension, WHOLE)
        return tuple((self.namespace, metric, place) for metric in self.metrics for place in places)


def wanted(worker: Worker, api_id: str = "") -> Iterator[Wanted]:
    """Yield the alarms that a worker should have; of an HTTP API only where its id is known."""
    function = ("FunctionName", worker.function)
    yield Wanted("errors", "lambda_errors", "AWS/Lambda", ("Errors",), function)
    yield Wanted("throttles", "lambda_throttles", "AWS/Lambda", ("Throttles",), function)
    yield Wanted("duration", "duration_p95", "AWS/Lambda", ("Duration",), function)
    if worker.trigger in STREAMS:
        yield Wanted("iterator age", "iterator_age", "AWS/Lambda", ("IteratorAge",), function)
    if worker.trigger == "sqs":
        queue = ("QueueName", worker.sources[0].name)
        yield Wanted("queue depth", "queue_depth", "AWS/SQS", (VISIBLE, AGE), queue)
    if worker.dead_letter_queue:
        dead = ("QueueName", worker.dead_letter_queue)
        yield Wanted("dead letters", "dead_letters", "AWS/SQS", (VISIBLE, AGE), dead)
    yield from _of_api(worker, api_id)


def _of_api(worker: Worker, api_id: str) -> Iterator[Wanted]:
    if worker.trigger == "rest-api":
        named, server, client = ("ApiName", worker.sources[0].name), "5XXError", "4XXError"
    elif worker.trigger == "http-api" and api_id:
        named, server, client = ("ApiId", api_id), "5xx", "4xx"
    else:
        return
    yield Wanted("5XX answers", "api_5xx", "AWS/ApiGateway", (server,), named)
    yield Wanted("4XX answers", "api_4xx", "AWS/ApiGateway", (client,), named)


def looks(alarms: Iterable[Alarm]) -> frozenset[Look]:
    """Return all that alarms look at; WHOLE stands for every resource."""
    return frozenset(look for alarm in alarms for look in _looks(alarm))


def _looks(alarm: Alarm) -> Iterator[Look]:
    for one in alarm.series:
        for dimension in one.dimensions or (WHOLE,):
            yield one.namespace, one.metric, dimension
    for expression in alarm.expressions:
        for metric, namespace in queried(expression):
            for chosen in _VALUES.findall(expression) or (WHOLE,):
                yield namespace, metric, chosen


def missing(worker: Worker, about: About, looked_at: frozenset[Look]) -> tuple[Wanted, ...]:
    """Return what no alarm looks at for a worker."""
    asked = wanted(worker, about.api_ids.get(worker.name, ""))
    return tuple(one for one in asked if looked_at.isdisjoint(one.looks))


def severity(worker: Worker | None, alarm: Alarm, about: About) -> Severity:
    """Return how bad it is that an alarm is in ALARM: by the indicator that it watches, else medium."""
    if worker is None:
        return Severity.MEDIUM
    watched = looks([alarm])
    for one in wanted(worker, about.api_ids.get(worker.name, "")):
        if one.indicator in worker.limits and not watched.isdisjoint(one.looks):
            return worker.limits[one.indicator].severity
    return Severity.MEDIUM
