"""The command to type next for a cell that is not OK. Pure."""

import shlex

from opskit.health.model import Place
from opskit.inventory.worker import Worker

IN_ALARM = "alarm-in-alarm"
_RUNBOOKS = {
    "errors": ("lambda-timeout", "stream-lag", "queue-depth", "api-5xx"),
    "throttles": ("stream-lag", "queue-depth", "api-5xx"),
    "duration": ("lambda-timeout", "stream-lag"),
    "concurrency": ("stream-lag", "queue-depth", "api-5xx"),
    "iterator-age": ("stream-lag",),
    "depth": ("queue-depth",),
    "queue-age": ("queue-depth",),
    "api-5xx": ("api-5xx",),
    "api-4xx": ("api-5xx",),
    "endpoint": ("api-5xx",),
    "mapping": ("stream-lag", "queue-depth"),
    "filtered": ("stream-lag", "queue-depth"),
    "dead-letter-errors": ("queue-depth", "stream-lag"),
    "lost": ("stream-lag",),
    IN_ALARM: ("stream-lag", "queue-depth", "api-5xx"),
    "unusual-growth": ("stream-lag", "queue-depth", "api-5xx"),
    "unusual-drop": ("stream-lag", "queue-depth", "api-5xx"),
    "table-throttles": ("dynamodb-throttling", "stream-lag"),
}
"""By indicator the runbooks that may name the cause, the likeliest first; the first that fits is told."""
_QUERIES = {
    "errors": "stream-errors",
    "duration": "slowest",
    "api-5xx": "stream-errors",
    "table-throttles": "throttling",
    "unusual-growth": "performance",
    IN_ALARM: "stream-errors",
}
"""Where no runbook fits, a query over the logs says more; elsewhere the settings do."""


def next_command(worker: Worker, place: Place, indicator: str, queue: str = "") -> str:
    """Return the command that looks further, with the place it must look at.

    `queue` is a dead-letter queue that has letters: what is in it says of what they failed.
    """
    from runbooks import ALL  # noqa: PLC0415 - runbooks import what health does not need

    may = (name for name in _RUNBOOKS.get(indicator, ()) if name in ALL)
    runbook = next((name for name in may if worker.trigger in ALL[name].TRIGGERS), "")
    if queue:
        words = ["opskit", "dlq", "peek", queue]
    elif runbook:
        words = ["opskit", "diagnose", runbook, "--fn", worker.name]
    elif indicator in _QUERIES:
        words = ["opskit", "query", _QUERIES[indicator], "--fn", worker.name]
    else:
        words = ["opskit", "find-resources", "--fn", worker.name]
    words += ["--env", place.env, "--region", place.region]
    return shlex.join([*words, *(["--profile", place.profile] if place.profile else [])])
