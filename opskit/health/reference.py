"""The indicators for docs/health.md: `python -m opskit.health.reference docs/health.md`.

What each reads is found out by judging a worker of each kind and watching which readings are looked at.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from opskit import thresholds
from opskit.health import asking
from opskit.health.endpoint import CERTIFICATE_WARN_DAYS, SLOW_MS
from opskit.health.indicators import COLUMNS, RULES
from opskit.health.indicators.mapping import SILENT_S
from opskit.health.indicators.stream import EXPIRES
from opskit.inventory.worker import Source, Worker
from opskit.judge import attempt
from opskit.model import Describe, Metric, Reading, Readings, Signal, Status, Window
from opskit.render import generated
from opskit.thresholds import Threshold, When

MODULE = "opskit.health.reference"
LIMITS = {
    "errors": "lambda_errors", "throttles": "lambda_throttles", "duration": "duration_p95",
    "concurrency": "concurrency", "iterator-age": "iterator_age", "depth": "queue_depth",
    "queue-age": "queue_age", "api-5xx": "api_5xx", "api-4xx": "api_4xx", "dead-letters": "dead_letters",
    "dead-letter-errors": "dead_letters", "table-throttles": "dynamodb_throttles",
}  # fmt: skip
"""By indicator its row of the table of limits; the others are so or not so."""
OTHERS = {
    "mapping": (
        "its last result is a PROBLEM; or silent, of a table or with a filter, and events are not counted",
        f"missing, disabled or being deleted; or silent: work for {SILENT_S // 60} min and no invocation",
        "high",
    ),
    "filtered": ("", f"all that was polled in {SILENT_S // 60} min was filtered out", "high"),
    "endpoint": (
        f"no 2XX, over {SLOW_MS / 1000:g} s, or under {CERTIFICATE_WARN_DAYS} days of the certificate left",
        "no DNS, no connection, a certificate that is not valid, or 5XX",
        "high",
    ),
    "lost": ("", f"records dropped, or one as old as {EXPIRES:.1%} of the stream's retention", "high"),
    "exists": (
        "the function is Inactive, or its last update failed",
        "something is missing, a table takes nothing, or the function is Failed",
        "high",
    ),
}
"""When the others warn, when they are critical, and how bad that is."""
KINDS = (*asking.MAPPED, *asking.APIS)
_WINDOW = Window(0, 3600)
_ID = "<id>"


def render() -> str:
    """Return a table of limits and one of what each indicator reads."""
    rows = ["| indicator | column | warns | is critical | severity |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| `{name}` | {column.title} | {' | '.join(_limits(name))} |"
        for column in COLUMNS
        for name in column.rules
    ]
    reads = _reads()
    read = ["| indicator | fits | is judged by |", "| --- | --- | --- |"]
    read += [f"| `{name}` | {_fits(reads[name])} | {_sources(reads[name])} |" for name in RULES]
    said = (f"`{name}`: {_said(name)}" for name in RULES)
    return "\n\n".join(["\n".join(rows), "\n".join(read), "\n".join(f"- {one}" for one in said)])


def update(page: str) -> str:
    """Return a page with what stands between its marks generated anew; ValueError if it has no marks."""
    return generated.updated(page, MODULE, render())


# --- limits -------------------------------------------------------------------------------------------


def _limits(name: str) -> tuple[str, str, str]:
    if name not in LIMITS:
        return OTHERS[name]
    limit = thresholds.load()[LIMITS[name]]
    warn = "" if limit.warn is None else _level(limit, limit.warn, limit.warn_when)
    crit = "" if limit.crit is None else _level(limit, limit.crit, limit.crit_when)
    if limit.crit_at_least:
        crit = crit.replace("above", "at or above")
    if limit.crit_below_timeout_s is not None:
        crit += (
            f"; from a timeout of {limit.crit_from_timeout_s} s on: above the timeout less "
            f"{limit.crit_below_timeout_s} s"
        )
    if name == "errors":
        warn += "; any in the judged hour, which is low"
    if name == "concurrency":
        crit += "; none reserved for it (0): switched off, which is high"
    return warn, crit, limit.severity.value


def _level(limit: Threshold, level: float, when: When) -> str:
    unit = {"percent": " %", "s": " s"}.get(limit.unit, "")
    if when.total:
        span = f" over {when.of} min"
    elif when.of > 1:
        span = f" in {when.minutes} of {when.of} min"
    else:
        span = ""
    return f"above {level:g}{unit}{span}"


# --- what is read -------------------------------------------------------------------------------------


def _reads() -> Mapping[str, Mapping[str, tuple[Signal, ...]]]:
    """Return by indicator, and by kind of worker that it fits, the signals that it may look at."""
    found: dict[str, dict[str, tuple[Signal, ...]]] = {name: {} for name in RULES}
    for kind in KINDS:
        worker = _worker(kind)
        looks = [_readings(worker, silent=silent) for silent in (False, True)]
        for name, rule in RULES.items():
            runs = [(readings, attempt(name, rule, worker, readings)) for readings in looks]
            keys = [readings.named[key] for readings, run in runs for key in sorted(run.read)]
            if any(run.found or run.unread for _, run in runs):
                found[name][kind] = tuple(dict.fromkeys(keys))
    return found


def _worker(kind: str) -> Worker:
    expected = {"stage": "<stage>", "retention_h": 24}
    return Worker(
        "worker", "function", "<env>", "<region>", (Source(kind, "<source>"),),
        dead_letter_queue="<queue>", tables=("<table>",), limits=thresholds.load(), expected=expected,
    )  # fmt: skip


def _readings(worker: Worker, *, silent: bool) -> Readings:
    """Return what a look reads if all is well, or if every metric is silent."""
    named: dict[str, Signal] = {**asking.shared(), **asking.settings(worker, listed=False)}
    first = Readings(named, {signal: _answer(worker, signal, silent=silent) for signal in named.values()})
    named |= asking.measures(worker, first, "https://queues", "")
    answers = {signal: _answer(worker, signal, silent=silent) for signal in named.values()}
    return Readings(named, answers, window=_WINDOW)


def _answer(worker: Worker, signal: Signal, *, silent: bool) -> Reading:
    if isinstance(signal, Metric):
        if silent and signal.name not in ("IncomingRecords", "NumberOfMessagesSent"):
            return Reading(Status.EMPTY)
        return Reading(Status.OK, points=tuple((at, 1.0) for at in range(0, _WINDOW.end, signal.period_s)))
    return Reading(Status.OK, document=_document(worker, signal, silent=silent))


def _document(worker: Worker, signal: Signal, *, silent: bool) -> object:
    operation = signal.operation if isinstance(signal, Describe) else ""
    source = worker.sources[0].name
    queue = {"retention_s": "60", "visible": "0", "in_flight": "0", "delayed": "0", "redrive": None}
    function = {
        "arn": "", "timeout_s": 60, "state": "Active", "state_reason": None,
        "last_update_status": "Successful", "reserved_concurrency": None if silent else 10,
    }  # fmt: skip
    services = {"kinesis": f"kinesis:::stream/{source}", "sqs": f"sqs:::{source}"}
    mapping = {
        "source_arn": f"arn:aws:{services.get(worker.trigger, f'dynamodb:::table/{source}/stream/1')}",
        "function_arn": worker.function, "uuid": _ID, "state": "Enabled", "state_reason": "",
        "last_result": "OK", "batch_window_s": 0, "filters": [], "metrics": ["EventCount"],
    }  # fmt: skip
    return {
        "GetFunction": function,
        "ListEventSourceMappings": [mapping],
        "GetQueueAttributes": queue,
        "DescribeTable": {"status": "ACTIVE", "indexes": []},
        "DescribeStreamSummary": {"name": source, "retention_h": 24},
        "GetRestApis": [{"id": _ID, "name": source}],
        "GetApis": [{"id": _ID, "name": source}],
        "GetAccountSettings": {"limit": 1000},
        "": {"status": 200, "latency_ms": 1.0, "tls": None, "error": None, "body": ""},
    }.get(operation, {})


def _fits(reads: Mapping[str, tuple[Signal, ...]]) -> str:
    return "every worker" if set(reads) == set(KINDS) else ", ".join(reads)


def _sources(reads: Mapping[str, tuple[Signal, ...]]) -> str:
    texts = {_text(signal) for signals in reads.values() for signal in signals}
    return ", ".join(sorted(texts))


def _text(signal: Signal) -> str:
    if isinstance(signal, Metric):
        return f"{signal.namespace.removeprefix('AWS/')} {signal.name} ({signal.stat})"
    if isinstance(signal, Describe):
        return f"`{signal.service}:{signal.operation}`"
    return "a look at its address"


def _said(name: str) -> str:
    return " ".join((RULES[name].__doc__ or "").split())


if __name__ == "__main__":
    generated.write(Path(sys.argv[1]), MODULE, render())
