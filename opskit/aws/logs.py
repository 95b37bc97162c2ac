"""Logs Insights queries: started, polled under a deadline, stopped when nobody waits for them any more."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opskit.aws.faults import FAULTS, explain
from opskit.aws.price import Meter
from opskit.aws.session import Aws
from opskit.mask import mask_row
from opskit.model import LogQuery, Reading, Status, Window

SHORTEST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
PAUSE_SHARE = 0.2
"""A pause is a fifth of the time waited so far: a result is seen at most a fifth later than it was there."""
POLLS_PER_S = 8
"""GetQueryResults allows 10 calls per second, account and region (AWS's table of CloudWatch Logs quotas)."""

BUSY = frozenset({"LimitExceededException", "ThrottlingException"})
"""Codes of a StartQuery that the account has no room for now: a query that ends makes some, in seconds.

An account runs 100 queries at once, of all its users (StartQuery in the API reference).
"""

ENDED_BADLY = {
    "Failed": "the query failed inside Logs Insights",
    "Cancelled": "somebody cancelled the query",
    "Timeout": "the query ran into Logs Insights' own time limit: shorten the window",
    "Unknown": "Logs Insights lost track of the query",
}
"""The states that end a query, besides Complete; in Scheduled and Running it goes on (QueryStatus)."""


@dataclass
class Patience:
    """How long to wait: until a deadline on `clock`, or until `stopping` is set."""

    seconds: float
    stopping: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    wait: Callable[[float], object] | None = None
    """Waits so many seconds or until stopping; the default is the event's own wait."""
    queries: int = 1
    """How many queries share the quota of polls."""

    def __post_init__(self) -> None:
        self._start = self.clock()

    def left_s(self) -> float:
        """Return the seconds left, 0 once stopping."""
        waited_s = self.clock() - self._start
        return 0.0 if self.stopping.is_set() else max(0.0, self.seconds - waited_s)

    def pause(self) -> None:
        """Wait until it is time for the next poll, but not past the end."""
        share_s = (self.clock() - self._start) * PAUSE_SHARE
        pause_s = max(SHORTEST_PAUSE_S, self.queries / POLLS_PER_S, min(share_s, LONGEST_PAUSE_S))
        (self.wait or self.stopping.wait)(min(pause_s, self.left_s()))


Statistics = Mapping[str, float]


def ask(
    aws: Aws,
    query: LogQuery,
    window: Window,
    patience: Patience,
    meter: Meter,
    *,
    heard: Callable[[Statistics], None] | None = None,
) -> Reading:
    """Run one query to its end; whatever happens, it does not run on at AWS.

    `heard` is handed the statistics of a complete query (QueryStatistics in the API reference), if any.
    """
    meter.called("logs")
    run = _Run(aws, query, window, meter, heard)
    try:
        busy = run.begin(patience)
        return busy or run.follow(patience)
    except FAULTS as error:
        return explain(error, "logs", run.doing).reading()
    finally:
        run.stop()


@dataclass
class _Run:
    aws: Aws
    query: LogQuery
    window: Window
    meter: Meter
    heard: Callable[[Statistics], None] | None
    doing: str = "StartQuery"
    query_id: str = ""
    running: bool = False
    bytes_scanned: int = 0

    def begin(self, patience: Patience) -> Reading | None:
        """Start the query once the account has room for it; the failed reading if it has none in time."""
        while True:
            try:
                self._start()
            except FAULTS as error:
                fault = explain(error, "logs", self.doing)
                if fault.code not in BUSY:
                    raise
            else:
                return None
            patience.pause()
            if patience.left_s() <= 0:
                reason = f"{fault.text}; it could not be started within {patience.seconds:g} s"
                return Reading(Status.FAILED, reason, fault.code)

    def _start(self) -> None:
        arns = any(group.startswith("arn:") for group in self.query.groups)
        names = "logGroupIdentifiers" if arns else "logGroupNames"
        answer = self.aws.client("logs").start_query(
            **{names: list(self.query.groups)},
            # Epoch seconds here, although FilterLogEvents takes milliseconds.
            startTime=self.window.start,
            endTime=self.window.end,
            queryString=self.query.query,
            limit=self.query.limit,
        )
        self.query_id = answer.get("queryId", "")
        self.running = bool(self.query_id)
        self.doing = "GetQueryResults"

    def follow(self, patience: Patience) -> Reading:
        if not self.running:
            return Reading(Status.FAILED, "the answer to StartQuery has no query id", "UnexpectedAnswer")
        state = "not polled"
        while patience.left_s() > 0:
            answer = self._poll()
            state = str(answer.get("status", "none"))
            if state == "Complete":
                self.running = False
                return self._complete(answer)
            if state in ENDED_BADLY:
                self.running = state == "Unknown"
                return Reading(Status.FAILED, ENDED_BADLY[state], state)
            patience.pause()
        if patience.stopping.is_set():
            return Reading(Status.FAILED, "interrupted; the query was stopped", "Interrupted")
        reason = f"no result within {patience.seconds:g} s (state {state}); the query was stopped"
        return Reading(Status.FAILED, reason, "DeadlineExceeded")

    def _poll(self, **page: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.aws.client("logs").get_query_results(queryId=self.query_id, **page)
        scanned = int(answer.get("statistics", {}).get("bytesScanned", 0))
        if scanned > self.bytes_scanned:
            self.meter.scanned(scanned - self.bytes_scanned)
            self.bytes_scanned = scanned
        return answer

    def _complete(self, answer: Mapping[str, Any]) -> Reading:
        rows = list(answer.get("results", ()))
        token = answer.get("nextToken")
        while token and len(rows) < self.query.limit:
            page = self._poll(nextToken=token)
            rows += page.get("results", ())
            token = page.get("nextToken") if page.get("results") else None
        if self.heard is not None:
            self.heard(answer.get("statistics") or {})
        return read(self.query, rows[: self.query.limit], answer.get("statistics"))

    def stop(self) -> None:
        """Stop the query unless it ended; a query that cannot be stopped ends at AWS's own limit."""
        if not self.running:
            return
        self.running = False
        try:
            self.aws.client("logs").stop_query(queryId=self.query_id)
        except FAULTS:
            return


def read(
    query: LogQuery, results: Sequence[Sequence[Mapping[str, str]]], statistics: Statistics | None
) -> Reading:
    """Return the reading of a complete query's results."""
    if not results:
        return Reading(Status.EMPTY, _silence(statistics))
    rows = tuple(
        mask_row(
            (cell.get("field", ""), cell.get("value", "")) for cell in row if cell.get("field") != "@ptr"
        )
        for row in results
    )
    # A row leaves out the fields that its line lacks, so a column is missing only if no row has it.
    missing = set(query.columns).difference(*rows)
    if missing:
        names = ", ".join(sorted(missing))
        return Reading(Status.FAILED, f"the answer lacks the columns {names}", "UnexpectedAnswer")
    matched = (statistics or {}).get("recordsMatched", float("inf"))
    if len(rows) >= query.limit and matched > len(rows):
        reason = f"limit {query.limit} reached: counts are a lower bound"
        return Reading(Status.PARTIAL, reason, rows=rows)
    return Reading(Status.OK, rows=rows)


def _silence(statistics: Statistics | None) -> str:
    if statistics is None:
        return "no matching line; the endpoint does not say how many it read"
    looked_at = statistics.get("recordsScanned", 0) + statistics.get("estimatedRecordsSkipped", 0)
    return "no matching line" if looked_at else "nothing was read: wrong group, window or retention"
