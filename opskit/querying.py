"""A query of the library over log groups at AWS: what it would cost, its rows, and what could not be read."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from opskit.aws import describe, logs
from opskit.aws.loggroups import STANDARD
from opskit.aws.price import Meter
from opskit.aws.session import Aws
from opskit.errors import UsageError
from opskit.insights.answer import Answer, Asked, Estimate
from opskit.insights.fields import discovered
from opskit.insights.merge import merged
from opskit.model import Describe, LogQuery, Reading, Status, Window

MOST_GROUPS = 50
"""Log groups that one query reads (StartQuery in the API reference)."""
IN_FLIGHT = 8
"""Queries that run at once: an account has 100 for all its users (StartQuery in the API reference)."""
UNASKED = "Unasked"
"""The code of a log group that was left out of all queries."""
ABSENT = "there is no such log group"
GONE = "ResourceNotFoundException"
_BLIND = "Logs Insights discovers none in it, so rows may be missing"
UNQUERIED = "DELIVERY"
"""The log class that Logs Insights cannot query (LogGroup.logGroupClass in the API reference)."""


class Client:
    """Runs queries at AWS, several at once, under one deadline."""

    def __init__(self, aws: Aws, deadline_s: float) -> None:
        self.aws = aws
        self.meter = Meter()
        self._patience = logs.Patience(deadline_s)

    def run(self, asked: Asked) -> Answer:
        """Return the rows of all log groups; UsageError if AWS finds the query malformed.

        `asked` has a window. On Ctrl-C the queries are stopped at AWS before KeyboardInterrupt goes on.
        """
        # One row more than wanted tells whether there are more.
        heard = self._all(asked, LogQuery((), asked.text, (), asked.limit + 1))
        heard = [self._beside_its_class(part, discovered(asked.text)) for part in heard]
        return _together(
            asked,
            [_answer(asked, part) for part in heard if part.reading.code != UNASKED],
            [part for part in heard if part.reading.code == UNASKED],
        )

    def estimate(self, asked: Asked) -> Estimate:
        """Return what the query would scan, without running it and without charge.

        Where the endpoint knows no `estimate`, it is what the log groups store in all: an upper bound.
        Source: Logs user guide, "estimate".
        """
        heard = self._all(asked, LogQuery((), f"{asked.text}\n| estimate", (), 1), malformed=False)
        sizes = [_size(part.reading) for part in heard if part.reading.code != UNASKED]
        failed = [part for part in heard if part.reading.status is Status.FAILED and not _refused(part)]
        gaps = tuple(dict.fromkeys(map(str, failed)))
        if any(part.reading.code != UNASKED for part in failed):
            return Estimate(None, gaps=gaps)
        if None not in sizes:
            return Estimate(sum(size or 0 for size in sizes), gaps=gaps)
        known, problem = self._stored(asked.groups)
        if problem:
            return Estimate(None, gaps=(*gaps, f"no estimate: {problem}"))
        return Estimate(sum(int(group["bytes"] or 0) for group in known.values()), bound=True, gaps=gaps)

    def _all(self, asked: Asked, query: LogQuery, *, malformed: bool = True) -> "list[_Heard]":
        """Ask all groups in parts; where AWS refuses a part for one of its groups, the others without it."""
        window = asked.window or Window(0, 0)
        heard = self._each(window, query, _parts(asked.groups))
        result: list[_Heard] = []
        for part in heard:
            if malformed and _refused(part):
                raise UsageError(f"query {asked.name}: {part.reading.reason}")
            again, missing = self._without_the_bad(part)
            result += missing
            result += self._each(window, query, again) if again else [] if missing else [part]
        return result

    def _each(self, window: Window, query: LogQuery, parts: Sequence[tuple[str, ...]]) -> "list[_Heard]":
        self._patience.queries = IN_FLIGHT if len(parts) > 1 else 1
        with ThreadPoolExecutor(IN_FLIGHT, "query") as pool:
            asked = [pool.submit(self._one, window, replace(query, groups=groups)) for groups in parts]
            try:
                return [future.result() for future in asked]
            except BaseException:
                # What has begun is stopped at AWS by its thread, which the pool waits for.
                self._patience.stopping.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, window: Window, query: LogQuery) -> "_Heard":
        statistics: dict[str, float] = {}
        reading = logs.ask(self.aws, query, window, self._patience, self.meter, heard=statistics.update)
        return _Heard(query.groups, reading, statistics)

    def _beside_its_class(self, part: "_Heard", wanted: tuple[str, ...]) -> "_Heard":
        """Return a part that was read with what its class keeps from a query for these discovered fields."""
        if part.reading.status is Status.FAILED or not wanted:
            return part
        known, _ = self._stored(part.groups[:1])  # the groups of one query are of one class
        log_class = next((row["class"] for row in known.values()), None)
        if log_class in (None, STANDARD):
            return part
        more = "" if len(wanted) == 1 else f" and {len(wanted) - 1} more"
        return replace(part, blind=f"its class {log_class} has no field {wanted[0]}{more}: {_BLIND}")

    def _without_the_bad(self, part: "_Heard") -> "tuple[list[tuple[str, ...]], list[_Heard]]":
        """Return a refused part's groups that can be asked, by class, and those that cannot as failures."""
        if part.reading.code not in (GONE, "InvalidParameterException"):
            return [], []
        known, problem = self._stored(part.groups)
        if problem:
            return [], []
        by_class: dict[str, list[str]] = {}
        bad: list[_Heard] = []
        for name in part.groups:
            if name not in known:
                bad.append(_failed(name, ABSENT))
            elif known[name]["class"] == UNQUERIED:
                bad.append(_failed(name, f"its class is {UNQUERIED}, which Logs Insights cannot query"))
            else:
                by_class.setdefault(str(known[name]["class"]), []).append(name)
        good = [tuple(names) for names in by_class.values()]
        return ([], []) if not bad and len(good) == 1 else (good, bad)

    def _stored(self, groups: Sequence[str]) -> tuple[dict[str, dict[str, int | str | None]], str]:
        """Return what there is of the groups, by name, and why it could not be seen; "" if it could."""
        found: dict[str, dict[str, int | str | None]] = {}
        for name in groups:
            reading = describe.ask(self.aws, _described(name), self.meter)
            if reading.status is Status.FAILED:
                return {}, reading.reason
            found |= {row["name"]: row for row in reading.document or () if row["name"] == name}
        return found, ""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one part's query came to."""

    groups: tuple[str, ...]
    reading: Reading
    statistics: Mapping[str, float]
    blind: str = ""
    """Why rows may be missing although all was read."""

    def __str__(self) -> str:
        return f"{_named(self.groups)}: {self.reading.reason}"


def _named(groups: Sequence[str]) -> str:
    first = groups[0]
    return f"log group {first}" if len(groups) == 1 else f"{len(groups)} log groups ({first}, ...)"


def _failed(group: str, reason: str) -> _Heard:
    return _Heard((group,), Reading(Status.FAILED, reason, UNASKED), {})


def _refused(part: _Heard) -> bool:
    return part.reading.code == "MalformedQueryException"


def _described(name: str) -> Describe:
    select = "logGroups[].{name: logGroupName, class: logGroupClass, bytes: storedBytes}"
    return Describe("logs", "DescribeLogGroups", (("logGroupNamePrefix", name),), select)


def _parts(groups: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(groups[n : n + MOST_GROUPS]) for n in range(0, len(groups), MOST_GROUPS)]


def _together(asked: Asked, parts: Sequence[Answer], unasked: "Sequence[_Heard]") -> Answer:
    """Return the answers of the parts as one."""
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part.statistics)
    rows = merged(asked.text, [part.rows for part in parts])
    whole = rows is not None
    rows = [row for part in parts for row in part.rows] if rows is None else rows
    return Answer(
        rows=tuple(rows[: asked.limit] if whole else rows),
        statistics=dict(total),
        gaps=tuple(dict.fromkeys([*map(str, unasked), *(gap for part in parts for gap in part.gaps)])),
        limited=any(part.limited for part in parts) or (whole and len(rows) > asked.limit),
        parts=1 if whole else len(parts),
        read=any(part.read for part in parts),
        failed=any(part.failed for part in parts) or any(part.reading.reason != ABSENT for part in unasked),
    )


def _answer(asked: Asked, part: _Heard) -> Answer:
    answer = _plain_answer(asked, part)
    if not part.blind:
        return answer
    return replace(answer, gaps=(*answer.gaps, f"{_named(part.groups)}: {part.blind}"), failed=True)


def _plain_answer(asked: Asked, part: _Heard) -> Answer:
    reading = part.reading
    if reading.status is Status.FAILED:
        absent = reading.code == GONE and len(part.groups) == 1
        return Answer(gaps=(str(part),), read=False, failed=not absent)
    if not reading.rows:
        looked = part.statistics.get("recordsScanned", 0) + part.statistics.get("estimatedRecordsSkipped", 0)
        return Answer((), part.statistics, () if looked else (str(part),), read=bool(looked))
    strange = set().union(*reading.rows) - set(asked.columns)
    if strange:
        names = ", ".join(sorted(strange))
        return Answer(
            gaps=(f"{_named(part.groups)}: the rows are not this query's: they have {names}",),
            read=False,
            failed=True,
        )
    limited = len(reading.rows) > asked.limit
    return Answer(reading.rows[: asked.limit], part.statistics, limited=limited)


def _size(reading: Reading) -> int | None:
    """Return the one number of an estimate's answer; AWS's guide does not say what its field is called."""
    cells = [value for row in reading.rows for name, value in row.items() if not name.startswith("@")]
    numbers = [float(cell) for cell in cells if re.fullmatch(r"\d+(\.\d+)?([eE][+]?\d+)?", cell)]
    return int(numbers[0]) if len(reading.rows) == len(numbers) == 1 else None
