"""The handbook's alarms for each worker of the simulated fleet, with the limits of its manifest."""

from collections.abc import Iterator, Mapping
from typing import Any

from opskit.inventory.worker import Worker
from opskit.sandbox.calls import Calls
from opskit.sandbox.workload.parts import ApiWorker, Part, QueueWorker, StreamWorker
from opskit.sandbox.workload.parts import Worker as WorkerPart

Alarm = dict[str, Any]
TOPICS = ("critical", "warning")
"""One topic for each way of telling people: a page, a post."""
LISTENER = "on-call@example.com"


def topics(aws: Calls) -> dict[str, str]:
    """Make the topics that alarms tell, and who hears them; return their ARNs."""
    made = {topic: str(aws("sns", "CreateTopic", Name=f"alerts-{topic}")["TopicArn"]) for topic in TOPICS}
    for arn in made.values():
        aws("sns", "Subscribe", TopicArn=arn, Protocol="email", Endpoint=LISTENER)
    return made


def create(aws: Calls, worker: Worker, p: Part, told: Mapping[str, str], api: str = "") -> None:
    """Make a worker's alarms, each with the topic of its severity; `api` is what its API publishes under."""
    for topic, alarm in alarms(worker, p, api):
        aws("cloudwatch", "PutMetricAlarm", AlarmActions=[told[topic]], **alarm)


def alarms(worker: Worker, p: Part, api: str = "") -> Iterator[tuple[str, Alarm]]:
    """Yield (topic, alarm) for a worker, as the handbook's alerting section has them."""
    function = _of(worker, "AWS/Lambda", FunctionName=worker.function)
    limits = worker.limits
    yield "critical", function("Errors", "Sum", limits["lambda_errors"].crit, period_s=300)
    yield "critical", function("Throttles", "Sum", limits["lambda_throttles"].crit, periods=2)
    if isinstance(p, WorkerPart):
        share = (limits["duration_p95"].warn or 0) / 100
        yield "warning", function("Duration", "Maximum", share * p.timeout_s * 1000, periods=5)
    if isinstance(p, StreamWorker):
        crit_s = limits["iterator_age"].crit
        yield "critical", function("IteratorAge", "Maximum", None if crit_s is None else crit_s * 1000)
    if isinstance(p, QueueWorker):
        queue = _of(worker, "AWS/SQS", QueueName=worker.sources[0].name)
        yield "warning", queue("ApproximateNumberOfMessagesVisible", "Maximum", limits["queue_depth"].warn)
    if worker.dead_letter_queue:
        dead = _of(worker, "AWS/SQS", "dead letters", QueueName=worker.dead_letter_queue)
        alarm = dead("ApproximateNumberOfMessagesVisible", "Maximum", limits["dead_letters"].crit)
        # A queue that nothing comes to publishes nothing: that is how it should be.
        yield "critical", {**alarm, "TreatMissingData": "notBreaching"}
    if isinstance(p, ApiWorker) and api:
        yield from _of_api(worker, p, api)


def _of_api(worker: Worker, p: ApiWorker, api: str) -> Iterator[tuple[str, Alarm]]:
    """Yield the alarms on an API's answers: the average of an error series is their share of the requests."""
    named, server, client = (
        ("ApiId", "5xx", "4xx") if p.kind == "http" else ("ApiName", "5XXError", "4XXError")
    )
    answers = _of(worker, "AWS/ApiGateway", **{named: api})
    crit, warn = worker.limits["api_5xx"].crit, worker.limits["api_4xx"].warn
    yield "critical", answers(server, "Average", (crit or 0) / 100, period_s=300)
    yield "warning", answers(client, "Average", (warn or 0) / 100, period_s=300)


def _of(worker: Worker, namespace: str, what: str = "", **dimensions: str) -> Any:
    """Return what makes alarms on one resource's metrics."""

    def alarm(
        metric: str, statistic: str, limit: float | None, *, period_s: int = 60, periods: int = 1
    ) -> Alarm:
        return {
            "AlarmName": f"{worker.function} {what or metric}",
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": statistic,
            "Period": period_s,
            "EvaluationPeriods": periods,
            "Threshold": float(limit or 0),
            "ComparisonOperator": "GreaterThanThreshold",
        }

    return alarm
