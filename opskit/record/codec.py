"""Signals and readings as JSON values and back; pure. A reading is masked on its way out, once more."""

import math
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from opskit.mask import mask_document, mask_row, mask_secrets
from opskit.model import Describe, Json, LogQuery, Metric, Probe, Reading, Signal, Status
from opskit.render.figures import iso
from opskit.series import Point

Document = dict[str, Any]

SPARSE = 4
"""A series with more than this many places a datapoint is written as pairs."""


class Strict(BaseModel):
    """A part of the file; a name that is not of this version is a mistake."""

    model_config = ConfigDict(extra="forbid")


class _Series(Strict):
    start: AwareDatetime
    step_s: int = Field(gt=0)
    values: list[float | None]

    def points(self) -> tuple[Point, ...]:
        first = epoch(self.start)
        return tuple((first + i * self.step_s, v) for i, v in enumerate(self.values) if v is not None)


class ReadingPart(Strict):
    """One answer."""

    status: Status
    reason: str = ""
    code: str = ""
    series: _Series | None = None
    points: list[tuple[int, float]] = []
    rows: list[dict[str, str]] = []
    document: Json = None

    def value(self) -> Reading:
        """Return the reading."""
        points = self.series.points() if self.series else tuple(self.points)
        return Reading(self.status, self.reason, self.code, points, tuple(self.rows), self.document)


class _Describe(Strict):
    service: str
    operation: str
    params: list[tuple[str, Any]] = []
    select: str = "@"

    def value(self) -> Describe:
        params = tuple((name, frozen(value)) for name, value in self.params)
        return Describe(self.service, self.operation, params, self.select)


class SignalPart(Strict):
    """One question, of one kind, and its answer."""

    metric: Metric | None = None
    log_query: LogQuery | None = None
    describe: _Describe | None = None
    probe: Probe | None = None
    reading: ReadingPart

    def value(self) -> Signal:
        """Return the signal; ValueError unless it is of exactly one kind."""
        describe = self.describe.value() if self.describe else None
        asked: tuple[Signal | None, ...] = (self.metric, self.log_query, describe, self.probe)
        kinds = [signal for signal in asked if signal is not None]
        if len(kinds) != 1:
            raise ValueError("a signal must be one of metric, log_query, describe, probe")
        return kinds[0]


def epoch(moment: datetime) -> int:
    """Return a moment in epoch seconds."""
    return int(moment.timestamp())


def frozen(value: Json) -> Any:
    """Return a JSON value with tuples for its lists, as signals and manifests hold them."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


def signal_document(signal: Signal, reading: Reading) -> Document:
    """Return a question and its answer as a JSON value."""
    return {**_asked(signal), "reading": reading_document(reading)}


def _asked(signal: Signal) -> Document:
    if isinstance(signal, Metric):
        return {"metric": _METRIC.dump_python(signal, mode="json", exclude_defaults=True)}
    if isinstance(signal, LogQuery):
        return {"log_query": _LOG_QUERY.dump_python(signal, mode="json")}
    if isinstance(signal, Probe):
        return {"probe": _PROBE.dump_python(signal, mode="json")}
    asked = {field.name: getattr(signal, field.name) for field in fields(signal)}
    return {"describe": asked}


def reading_document(reading: Reading) -> Document:
    """Return an answer as a JSON value, without what is not there."""
    kept = masked(reading)
    parts = {
        "status": kept.status.value,
        "reason": kept.reason,
        "code": kept.code,
        **_points(kept.points),
        "rows": [dict(row) for row in kept.rows],
    }
    said = {name: value for name, value in parts.items() if value}
    return said if kept.document is None else {**said, "document": kept.document}


def masked(reading: Reading) -> Reading:
    """Return a reading without secrets: as it is, since it was masked when it was gathered."""
    return Reading(
        reading.status,
        mask_secrets(reading.reason),
        reading.code,
        reading.points,
        tuple(mask_row(row.items()) for row in reading.rows),
        mask_document(reading.document),
    )


def _points(points: Sequence[Point]) -> Document:
    """Return datapoints as a start, a step and values where they stand in a row, else as pairs."""
    steps = [later - earlier for (earlier, _), (later, _) in pairwise(points)]
    if not points:
        return {}
    if any(step <= 0 for step in steps):
        return {"points": [[at, _number(value)] for at, value in points]}
    step_s = math.gcd(*steps) or 60
    places = (points[-1][0] - points[0][0]) // step_s + 1
    if places > SPARSE * len(points) or not _EARLIEST <= points[0][0] <= _LATEST:
        return {"points": [[at, _number(value)] for at, value in points]}
    known = {(at - points[0][0]) // step_s: _number(value) for at, value in points}
    values = [known.get(place) for place in range(places)]
    return {"series": {"start": iso(points[0][0]), "step_s": step_s, "values": values}}


def _number(value: float) -> float | int | str:
    """Return a number as short as JSON can have it; what JSON has no number for is a text."""
    if not math.isfinite(value):
        return str(value)
    return int(value) if value == int(value) and abs(value) < _EXACT else value


_EXACT = 2**53
_EARLIEST = int(datetime(1970, 1, 1, tzinfo=UTC).timestamp())
_LATEST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
_METRIC = TypeAdapter(Metric)
_LOG_QUERY = TypeAdapter(LogQuery)
_PROBE = TypeAdapter(Probe)
