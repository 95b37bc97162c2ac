"""Past incidents as tests: a snapshot, and the cause that must be found in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from opskit.diagnose import Look
from opskit.errors import UsageError
from opskit.mask import mask
from opskit.model import Json, Reading, Readings, Report, Runbook, Verdict
from opskit.record import file
from opskit.record.codec import Strict
from opskit.record.replay import UNASKED, replayed
from opskit.record.snapshot import Snapshot, loaded, parsed, to_text

EXPECT = "expect"
NONE = "none"
"""The cause of an incident that was none."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


class _Expect(Strict):
    cause: str
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """A past incident; `pending`: its cause is known to people, no rule names it yet."""

    name: str
    snapshot: Snapshot
    cause: str
    pending: bool = False

    @property
    def text(self) -> str:
        """The file's text."""
        return to_text(self.snapshot, **{EXPECT: {"cause": self.cause, "pending": self.pending}})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What today's rules find in a case."""

    case: Case
    found: str

    @property
    def named(self) -> bool:
        """Whether what is found is what is expected."""
        return self.found == self.case.cause

    @property
    def right(self) -> bool:
        """Whether it is as the case says; a cause that is pending may be named or not."""
        return self.named or self.case.pending


def read(path: Path) -> Case:
    """Return the case in a file; UsageError in one line if there is none."""
    document = loaded(file.read(path), str(path))
    if not isinstance(document.get(EXPECT), dict):
        raise UsageError(f'{path}: a snapshot without "{EXPECT}" is no case', "opskit cases add makes one")
    try:
        expect = _Expect.model_validate(document[EXPECT])
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"{path}: {EXPECT}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return Case(path.stem, parsed(document, str(path)), expect.cause, expect.pending)


def find(folder: Path) -> Iterator[Path]:
    """Yield the case files in and below a folder, in order."""
    return (path for path in sorted(folder.rglob("*.json")) if path.is_file())


def judge(case: Case, runbook: Runbook) -> Outcome:
    """Judge a case with today's rules."""
    return Outcome(case, found_in(replayed(case.snapshot, runbook)))


def found_in(report: Report) -> str:
    """Return the primary cause, "none" if nothing is wrong, "unknown" if that cannot be told.

    What today's rules ask and nobody asked then leaves a healthy night healthy.
    """
    if report.findings:
        return report.findings[0].cause
    gaps = [gap for gap in report.gaps if not gap.reason.startswith(UNASKED)]
    return Verdict.UNKNOWN.value if gaps else NONE


def causes(runbook: Runbook) -> tuple[str, ...]:
    """Return the causes that a runbook can name."""
    return tuple(str(rule.__name__).replace("_", "-") for rule in runbook.RULES)


def public(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot without the e-mail addresses and user ids in what AWS described."""
    return replace(
        snapshot, look=Look(tuple((target, _public(read)) for target, read in snapshot.look.by_target))
    )


def default_name(snapshot: Snapshot, cause: str) -> str:
    """Return what a case is called if nobody says: its cause and the day."""
    day = datetime.fromtimestamp(snapshot.look.window.end, UTC).date()
    return f"{cause}-{day.isoformat()}"


def _public(readings: Readings) -> Readings:
    return replace(
        readings, answers={signal: _shown(reading) for signal, reading in readings.answers.items()}
    )


def _shown(reading: Reading) -> Reading:
    return replace(reading, document=_masked(reading.document))


def _masked(document: Json) -> Any:
    if isinstance(document, str):
        return mask(document)
    if isinstance(document, dict):
        return {name: _masked(value) for name, value in document.items()}
    return [_masked(value) for value in document] if isinstance(document, list) else document
