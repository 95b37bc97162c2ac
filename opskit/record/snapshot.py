"""A snapshot: all that one look asked and was answered, as one JSON document; `docs/record.md` describes it.

Pure: values to text and back. A change that an older opskit would misread gets a new version.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from opskit import __version__
from opskit.diagnose import Look
from opskit.errors import UsageError
from opskit.mask import mask_secrets
from opskit.model import Limit, Reading, Readings, Severity, Signal, Target, Window
from opskit.record.codec import Document, SignalPart, Strict, epoch, frozen, signal_document
from opskit.render.figures import iso
from opskit.settings import printable
from opskit.thresholds import Threshold, When

VERSION = 1
KEY = "snapshot"
"""The name of the version number, by which a snapshot is told from other files."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look and what it was about. Times are epoch seconds UTC."""

    runbook: str
    fn: str
    """What the user called the worker."""
    look: Look
    taken_at: int
    at: int | None = None
    """The past moment that was asked for; None: the newest."""
    endpoint: str = ""
    run: str = ""
    opskit: str = __version__


class _Window(Strict):
    start: AwareDatetime
    end: AwareDatetime


class _Limit(Strict):
    """A row of the threshold table, its numbers as they were said: 60 stays 60."""

    warn: int | float | None
    crit: int | float | None
    unit: str
    severity: Severity
    name: str = ""
    warn_when: When = When()
    crit_when: When = When()
    crit_at_least: bool = False
    crit_below_timeout_s: int | None = None
    crit_from_timeout_s: int = 0

    def value(self) -> Threshold:
        return Threshold(**{name: getattr(self, name) for name in type(self).model_fields})


class _Judged(Strict):
    target: dict[str, Any]
    limits: dict[str, _Limit]
    names: dict[str, int]
    """Names as rules read them, and the place of each one's signal in `signals`."""


class _File(Strict):
    snapshot: int
    opskit: str
    taken_at: AwareDatetime
    runbook: str
    fn: str
    at: AwareDatetime | None = None
    endpoint: str = ""
    run: str = ""
    window: _Window
    targets: list[_Judged]
    signals: list[SignalPart]
    expect: dict[str, Any] | None = None
    """What a case file says must be found; not the snapshot's concern."""

    def value(self) -> Snapshot:
        """Return the snapshot; ValueError where its parts contradict each other."""
        window = Window(epoch(self.window.start), epoch(self.window.end))
        if window.start > window.end:
            raise ValueError("its window ends before it starts")
        answers = [(part.value(), part.reading.value()) for part in self.signals]
        if not self.targets:
            raise ValueError("no target")
        judged = tuple(_judged(one, answers, window) for one in self.targets)
        return Snapshot(
            self.runbook,
            self.fn,
            Look(judged),
            epoch(self.taken_at),
            epoch(self.at) if self.at else None,
            self.endpoint,
            self.run,
            self.opskit,
        )


def to_text(snapshot: Snapshot, **more: Any) -> str:
    """Return the file's text, one line a signal, secrets masked; `more` are further names at its top."""
    lines = [
        f"{json.dumps(name)}: {_laid_out(value)}" for name, value in {**document(snapshot), **more}.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def from_text(text: str, name: str) -> Snapshot:
    """Return the snapshot in a file's text; UsageError in one line that begins with `name` if it is none."""
    return parsed(loaded(text, name), name)


def loaded(text: str, name: str) -> Document:
    """Return a file's document once its version is known to be one that is understood."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not a snapshot, or cut off: {error}") from error
    version = found.get(KEY) if isinstance(found, dict) else None
    if type(version) is not int:
        raise UsageError(f'{name}: not a snapshot of opskit: it has no "{KEY}" version')
    if version != VERSION:
        raise UsageError(
            f"{name}: a snapshot of version {version}, this opskit knows {VERSION}",
            f"read it with the opskit that wrote it ({str(found.get('opskit'))[:20]!r}) or a newer one",
        )
    return dict(found)


def parsed(document: Mapping[str, Any], name: str) -> Snapshot:
    """Return a document's snapshot; UsageError in one line that names the first thing that is wrong."""
    try:
        return _File.model_validate(document).value()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"{name}: not a snapshot: {printable(where[:100])}: {first['msg']}") from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name}: not a snapshot: {printable(str(error)[:200])}") from error


def document(snapshot: Snapshot) -> Document:
    """Return a snapshot as a JSON value; equal signals stand once, whichever targets they are for."""
    answers = {
        signal: reading for _, readings in snapshot.look.by_target for signal, reading in _read(readings)
    }
    places = {signal: place for place, signal in enumerate(answers)}
    window = snapshot.look.window
    return {
        KEY: VERSION,
        "opskit": snapshot.opskit,
        "taken_at": iso(snapshot.taken_at),
        "runbook": snapshot.runbook,
        "fn": mask_secrets(snapshot.fn),
        "at": None if snapshot.at is None else iso(snapshot.at),
        "endpoint": snapshot.endpoint,
        "run": snapshot.run,
        "window": {"start": iso(window.start), "end": iso(window.end)},
        "targets": [
            {**_target(target), "names": {name: places[signal] for name, signal in readings.named.items()}}
            for target, readings in snapshot.look.by_target
        ],
        "signals": [signal_document(signal, reading) for signal, reading in answers.items()],
    }


def _read(readings: Readings) -> Iterator[tuple[Signal, Reading]]:
    return ((signal, readings.answers[signal]) for signal in readings.named.values())


def _target(target: Target) -> Document:
    whole = _TARGET.dump_python(target, mode="json", exclude={"limits"}, exclude_defaults=True)
    return {"target": whole, "limits": {name: _limit(limit) for name, limit in target.limits.items()}}


def _limit(limit: Limit) -> Document:
    said = {name: getattr(limit, name) for name in _Limit.model_fields if hasattr(limit, name)}
    return _Limit(**said).model_dump(mode="json", exclude_defaults=True)


def _judged(one: _Judged, answers: list[tuple[Signal, Reading]], window: Window) -> tuple[Target, Readings]:
    expected = {name: frozen(value) for name, value in one.target.get("expected", {}).items()}
    target = _TARGET.validate_python({**one.target, "expected": expected, "limits": {}})
    target = replace(target, limits={name: limit.value() for name, limit in one.limits.items()})
    wrong = [name for name, place in one.names.items() if not 0 <= place < len(answers)]
    if wrong:
        raise ValueError(f"{wrong[0]} names a signal that is not there")
    named = {name: answers[place][0] for name, place in one.names.items()}
    return target, Readings(named, dict(answers), window=window)


def _laid_out(value: Any) -> str:
    """Return a JSON value on one line, a list of objects with a line each."""
    if not isinstance(value, list):
        return _line(value)
    return "[\n" + ",\n".join(map(_line, value)) + "\n]"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


_TARGET = TypeAdapter(Target)
