"""Metrics in the embedded metric format, through Powertools: one namespace, two dimensions."""

from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "FanIdentity"


def of(worker: str, environment: str) -> EphemeralMetrics:
    """Return the metrics of a worker for one invocation."""
    made = EphemeralMetrics(namespace=NAMESPACE)
    made.service = ""  # of POWERTOOLS_SERVICE_NAME it would make a third dimension
    made.set_default_dimensions(worker=worker, environment=environment)
    return made


def count(metrics: EphemeralMetrics, name: str, value: int = 1) -> None:
    """Add to a counter; nothing is said where there is nothing to count."""
    if value:
        metrics.add_metric(name, MetricUnit.Count, value)


def flush(metrics: EphemeralMetrics, properties: Mapping[str, str]) -> None:
    """Write the line with all that was measured, and `properties` beside it: for queries, no dimensions."""
    if metrics.metric_set:  # flushing nothing would warn
        for name, value in properties.items():
            metrics.add_metadata(name, value)
        metrics.flush_metrics()
