"""A worker's readings for `opskit health`, made by hand: all is well, but for what a test says.

A metric is said by its newest values, oldest first; before them are the usual ones, and `...` stands for no
datapoint. EMPTY and DENIED are said as they are, a describe call by its changed fields.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from opskit import inventory
from opskit.gather import filled
from opskit.health import asking, judging
from opskit.health.model import Cell, Place, Row
from opskit.inventory import round0
from opskit.inventory.worker import Source, Worker
from opskit.model import Describe, Metric, Reading, Readings, Signal, Status, Window
from opskit.settings import Settings

END = 1_795_571_880
"""2026-11-25 01:58 UTC."""
WINDOW = Window(END - 3600, END)
ACCOUNT = "123456789012"
PLACE = Place(ACCOUNT, "us-east-1", "prod")
EMPTY = Reading(Status.EMPTY)
DENIED = Reading(Status.FAILED, "denied: needs a right", "AccessDeniedException")
ABSENT = Reading(Status.FAILED, "not found", "ResourceNotFoundException")
API_ID = "a1b2c3"
USUAL = {
    "invocations": 100.0, "duration": 800.0, "concurrency": 2.0, "claimed": 400.0, "iterator-age": 500.0,
    "arrivals": 100.0, "depth": 3.0, "queue-age": 2.0, "received": 100.0, "requests": 100.0, "latency": 80.0,
    "polled": 1000.0, "invoked-events": 1000.0, "dead": 0.0,
}  # fmt: skip
"""What each minute has; what is not here is a counter without a datapoint."""

Said = Reading | Sequence[Any] | Mapping[str, Any]


def worker(name: str, **changed: Any) -> Worker:
    """One of the project's own workers."""
    (one,) = [one for one in inventory.load(Settings()).workers if one.name == name]
    return replace(one, **changed)


SCORE, PUBLISH, HANDLE, VALIDATE = map(
    worker, ("scoreUsers", "publishScores", "handleEvent", "validateToken")
)
HTTP = replace(VALIDATE, sources=(Source("http-api", VALIDATE.sources[0].name),))


def with_limits(one: Worker, name: str, **changed: Any) -> Worker:
    """The worker with a limit of its own."""
    return replace(one, limits={**one.limits, name: replace(one.limits[name], **changed)})


def readings(one: Worker, said: Mapping[str, Said] | None = None, *, listed: bool = False) -> Readings:
    """What both rounds and the late one read; KeyError for a key that nothing asks."""
    left = dict(said or {})
    answers: dict[Signal, Reading] = {}

    def answered(asked: Mapping[str, Signal]) -> Mapping[str, Signal]:
        for key, signal in asked.items():
            if key in left or signal not in answers:  # two keys may ask the same
                answers[signal] = _answer(one, key, signal, left)
        return asked

    named = {**answered({**asking.shared(), **asking.settings(one, listed=listed)})}
    first = Readings(named, answers, window=WINDOW)
    account = first.reading(round0.IDENTITY).status is Status.OK
    url = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}" if account else ""
    named |= answered(asking.measures(one, first, url, ""))
    named |= answered(asking.dead_letters(one, Readings(named, answers, window=WINDOW), url))
    assert not left, f"nothing asks {left}"
    return Readings(named, {signal: filled(signal, answers) for signal in named.values()}, window=WINDOW)


def row(one: Worker, said: Mapping[str, Said] | None = None, **how: Any) -> Row:
    return judging.row(one, PLACE, readings(one, said, **how))


def cell(one: Worker, indicator: str, said: Mapping[str, Said] | None = None, **how: Any) -> Cell:
    found = row(one, said, **how).cell(indicator)
    assert found, f"{indicator} does not fit {one.name}"
    return found


def said_of(found: Cell) -> tuple[str, str | None]:
    return found.state.value, found.severity and found.severity.value


def minutes(values: Sequence[Any], usual: float | None = None, step_s: int = 60) -> Reading:
    """The newest values, and `usual` before them."""
    count = 3600 // step_s
    every = [... if usual is None else usual] * (count - len(values)) + list(values)
    start = END - count * step_s
    points = tuple((start + i * step_s, float(v)) for i, v in enumerate(every) if v is not ...)
    return Reading(Status.OK, points=points) if points else EMPTY


def _answer(one: Worker, key: str, signal: Signal, left: dict[str, Said]) -> Reading:
    said = left.pop(key, None)
    if isinstance(said, Reading):
        return said
    if isinstance(signal, Metric):
        usual = USUAL.get(key, 10.0 if "-used " in key else None)
        return minutes([] if said is None else said, usual, signal.period_s)
    usual_document = _document(one, key, signal)
    if said is None or not isinstance(usual_document, dict):
        document = usual_document if said is None else said
    else:
        document = {**usual_document, **dict(said)}
    return Reading(Status.OK, document=document)


def mapping(one: Worker, **changed: Any) -> dict[str, Any]:
    """One event source mapping of the worker, as ListEventSourceMappings tells of it."""
    source = one.sources[0]
    arns = {
        "kinesis": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{source.name}",
        "dynamodb-stream": f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/{source.name}/stream/2026",
        "sqs": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{source.name}",
    }
    usual = {
        "uuid": "u-1", "source_arn": arns[source.trigger], "state": "Enabled", "state_reason": "User action",
        "function_arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{one.function}", "last_result": "OK",
        "batch_window_s": 0, "on_failure_arn": None, "filters": [],
        "metrics": ["EventCount"] if one.expected.get("event_counts") else [],
    }  # fmt: skip
    return {**usual, **changed}


def _document(one: Worker, key: str, signal: Signal) -> Any:
    if key.startswith("table "):
        return {"status": "ACTIVE", "indexes": ["by-score"]}
    if key == "stream":
        listed = isinstance(signal, Describe) and signal.operation == "ListStreams"
        return [{"name": one.sources[0].name}] if listed else {"name": one.sources[0].name, "retention_h": 24}
    queue = {"retention_s": "345600", "visible": "3", "in_flight": "0", "delayed": "0", "redrive": None}
    documents = {
        round0.IDENTITY: {"account": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/oncall"},
        round0.FUNCTION: {
            "arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{one.function}", "timeout_s": 60,
            "state": "Active", "state_reason": None, "last_update_status": "Successful",
            "reserved_concurrency": 10,
        },
        "account": {"limit": 1000},
        "apis": [{"id": API_ID, "name": source.name} for source in one.sources],
        "queue": queue,
        "dead-queue": {**queue, "visible": "0"},
        "endpoint": {"status": 200, "latency_ms": 80.0, "dns": [], "tls": None, "error": None, "body": ""},
    }  # fmt: skip
    return [mapping(one)] if key == round0.MAPPINGS else documents[key]
