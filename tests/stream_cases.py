"""Reads the case files: a target and its readings in a compact notation, and what must be said of them.

A case is a TOML file that says how it differs from its base (`_kinesis.toml`, `_table.toml`):

    like = "kinesis"          the base
    cause = "esm-disabled"    what the case is about; kind = "present", "lookalike" or "trap"
    silent_from = -70         from that minute on nothing is invoked: no datapoints that come with
                              invocations; not_silent = ["throttles"] but these
    [metrics]                 key = runs, oldest minute first, together 180 minutes:
                              "170*0, 10*5" values; "60*0..3540000" from..to in equal steps; "9*1/0/0"
                              in turn; "5*-" no datapoint
    [mapping] [function] [stream] [account] [table]   changed fields, "none" for null;
    [target]                  changed fields of the Target: source_arn, tables
    [tables.NAME]             settings of a table that the worker writes to
    consumers, changes, consumer = [...]  what these calls answer
    [[others]]                further mappings of the function, by what differs from [mapping]
                              [mapping] deleted = true: there is none; changed_at in minutes
    [failed]                  key = reason: not answered
    [[rows]]                  the error texts' rows (round 2)
    [expect]                  verdict, severity, findings = ["<cause> <role> <severity> <chain>"],
                              since = {cause = minute}, gaps = signals, says / says_not / facts /
                              gap_says = texts that must (not) occur
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from opskit import thresholds
from opskit.gather import filled
from opskit.judge import Judgement, judge
from opskit.model import (
    Describe,
    LogQuery,
    Metric,
    Reading,
    Readings,
    Runbook,
    Signal,
    Status,
    Target,
    Window,
)
from runbooks import ALL

FOLDER = Path(__file__).parent / "cases"
MINUTES = 180
END = int(datetime(2026, 11, 24, 2, 0, tzinfo=UTC).timestamp())
WINDOW = Window(END - MINUTES * 60, END)
WITH_INVOCATIONS = (
    "invocations", "errors", "throttles", "duration", "duration-max", "iterator-age", "iterator-age-average",
    "iterator-age-min", "concurrency", "delivery-failures", "stream-age", "stream-read", "read-throttles",
    "events-polled", "events-invoked", "events-failed", "events-filtered", "events-dropped",
    "events-delivered", "efo-behind", "efo-rate-exceeded",
)  # fmt: skip
FUNCTION = "prd2011-prod-us-east-1-scoreUsers"
PLACE = "us-east-1:123456789012"
ARNS = {
    "kinesis": f"arn:aws:kinesis:{PLACE}:stream/fan-events",
    "dynamodb-stream": f"arn:aws:dynamodb:{PLACE}:table/fan-scores/stream/2026-01-01T00:00:00.000",
}


@dataclass(frozen=True)
class Case:
    name: str
    data: Mapping[str, Any]
    target: Target
    readings: Readings

    @property
    def expect(self) -> Mapping[str, Any]:
        return self.data["expect"]

    def judged(self, **answers: Reading) -> Judgement:
        """Judge the case, with some readings changed: keys with `_` for what is no letter."""
        return judge(runbook_of(self), self.target, self.with_answers(answers))

    def with_answers(self, answers: Mapping[str, Reading]) -> Readings:
        changed = {self.readings.named[key]: reading for key, reading in answers.items()}
        return replace(self.readings, answers={**self.readings.answers, **changed}, read=set())


def runbook_of(case: Case) -> Runbook:
    return ALL[case.data["runbook"]]


@cache
def points(runs: str) -> tuple[tuple[int, float], ...]:
    """Return the datapoints of one run notation."""
    values = [value for run in runs.split(",") for value in _run(run.strip())]
    if len(values) != MINUTES:
        raise ValueError(f"{runs!r} is {len(values)} minutes, not {MINUTES}")
    return tuple((WINDOW.start + 60 * i, value) for i, value in enumerate(values) if value is not None)


def _run(run: str) -> Iterator[float | None]:
    times, _, what = run.partition("*")
    count = int(times)
    if what == "-":
        yield from [None] * count
    elif ".." in what:
        low, high = map(float, what.split(".."))
        yield from (low + (high - low) * i / max(count - 1, 1) for i in range(count))
    else:
        cycle = [None if value == "-" else float(value) for value in what.split("/")]
        yield from (cycle[i % len(cycle)] for i in range(count))


@cache
def cases(runbook: str = "stream-lag") -> tuple[Case, ...]:
    files = sorted(path for path in (FOLDER / runbook).glob("*.toml") if not path.name.startswith("_"))
    return tuple(_load(path, runbook) for path in files)


def find(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


def _load(path: Path, runbook: str) -> Case:
    data = tomllib.loads(path.read_text("utf-8"))
    base = tomllib.loads((path.parent / f"_{data['like']}.toml").read_text("utf-8"))
    merged = {key: {**base.get(key, {}), **data.get(key, {})} for key in base if isinstance(base[key], dict)}
    case = {**base, **data, **merged, "runbook": runbook}
    target = _target(case)
    book = ALL[runbook]
    readings = _readings(case, {**_round0(), **book.signals(target)})
    more = book.more_signals(target, readings)
    whole = _readings(case, {**readings.named, **more})
    return Case(path.stem, case, target, replace(whole, read=readings.read))


def _target(case: Mapping[str, Any]) -> Target:
    trigger = case["trigger"]
    target = Target(
        worker="scoreUsers",
        function=FUNCTION,
        trigger=trigger,
        env="prod",
        region="us-east-1",
        account="123456789012",
        source_arn=ARNS[trigger],
        mapping_uuid="" if case["mapping"].get("deleted") else case["mapping"]["uuid"],
        log_group=f"/aws/lambda/{FUNCTION}",
        event_counts=case["event_counts"],
        limits=thresholds.load(),
    )
    changed = {key: _hashable(value) for key, value in case.get("target", {}).items()}
    return replace(target, **changed)


def _hashable(value: Any) -> Any:
    """Return lists as tuples, also within a table, as targets have them."""
    if isinstance(value, dict):
        return {key: _hashable(inner) for key, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _round0() -> dict[str, Signal]:
    name = (("FunctionName", FUNCTION),)
    return {
        "function": Describe("lambda", "GetFunction", name),
        "mappings": Describe("lambda", "ListEventSourceMappings", name),
        "identity": Describe("sts", "GetCallerIdentity"),
    }


def _readings(case: Mapping[str, Any], named: Mapping[str, Signal]) -> Readings:
    plain = {signal: _answer(case, key, signal) for key, signal in named.items()}
    return Readings(named, {signal: filled(signal, plain) for signal in plain}, window=WINDOW)


def _answer(case: Mapping[str, Any], key: str, signal: Signal) -> Reading:
    if key in case.get("failed", {}):
        return Reading(Status.FAILED, case["failed"][key], "AccessDenied")
    if isinstance(signal, Metric):
        known = points(case["metrics"].get(key) or case["metrics"][key.partition(" ")[0]])
        if key in WITH_INVOCATIONS and key not in case.get("not_silent", ()) and "silent_from" in case:
            known = tuple(p for p in known if p[0] < END + 60 * case["silent_from"])
        return Reading(Status.OK if known else Status.EMPTY, points=known)
    if isinstance(signal, LogQuery):
        rows = tuple(case.get("rows", ()))
        return Reading(Status.OK, rows=rows) if rows else Reading(Status.EMPTY, "no matching line")
    return Reading(Status.OK, document=_document(case, key))


def _document(case: Mapping[str, Any], key: str) -> Any:
    if key == "function":
        return {key: None if value == "none" else value for key, value in case["function"].items()}
    if key.startswith("table-settings "):
        settings = case["tables"][key.partition(" ")[2]]
        return {key: None if value == "none" else value for key, value in settings.items()}
    if key != "mappings":
        return case["shards"]["open"] if key == "shards" else case[key]
    mapping = {**case["mapping"], "source_arn": _target(case).source_arn}
    deleted = mapping.pop("deleted", False)
    mapping["last_modified"] = END + 60 * mapping.pop("changed_at")
    return [*([] if deleted else [mapping]), *({**mapping, **other} for other in case.get("others", ()))]
