"""The logs API's Insights queries: started, run by workers, polled, stopped."""

# ruff: noqa: S608 - SQL is made of our own names and numbers

import base64
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Any

import duckdb

from opskit.insights import discover, engine
from opskit.insights.compile import DEFAULT_LIMIT, MAX_LIMIT, Compiled, compile_query
from opskit.insights.errors import MalformedQueryError
from opskit.insights.parser import parse
from opskit.insights.sql import Source
from opskit.sandbox.front import Call, Handler, RefusedError
from opskit.sandbox.logs.groups import invalid, limit_of, name_in
from opskit.sandbox.logs.store import Group, Store, utf8

MOST_GROUPS = 50
MOST_RUNNING = 100
PAGE = 10_000
LONGEST_QUERY = 10_000
INTERRUPT_S = 0.02
TIMEOUT_S = 3600
KEPT = 1000
"""How many ended queries stay readable."""
WORKERS = 4
ENDED = ("Complete", "Failed", "Cancelled", "Timeout")


@dataclass(slots=True)
class Query:
    """One started query; times are epoch ms."""

    key: str
    region: str
    text: str
    groups: tuple[Group, ...]
    relation: str
    compiled: Compiled
    created_ms: int
    cursor: duckdb.DuckDBPyConnection
    status: str = "Scheduled"
    ended_ms: int | None = None
    rows: Sequence[list[dict[str, str]]] = ()
    statistics: dict[str, float] = field(default_factory=dict)
    done: bool = False
    """Its worker has let go of the cursor."""


class Queries:
    """Handlers for Insights queries; `now` yields epoch seconds."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._lock = Lock()
        self._queries: dict[str, Query] = {}
        self._workers = ThreadPoolExecutor(WORKERS, "insights")

    def handlers(self) -> Mapping[str, Handler]:
        """Return operation -> handler."""
        return {
            "StartQuery": self._start,
            "GetQueryResults": self._results,
            "StopQuery": self._stop,
            "DescribeQueries": self._describe,
            "GetLogRecord": self._record,
        }

    def close(self) -> None:
        """Stop what runs and end the workers."""
        for query in list(self._queries.values()):
            self._end(query, "Cancelled")
        self._workers.shutdown()

    def _now_ms(self) -> int:
        return round(self._now() * 1000)

    def _start(self, call: Call) -> dict[str, Any]:
        text = utf8(call.params.get("queryString") or "")
        if call.params.get("queryLanguage") not in (None, "CWLI"):
            raise invalid("Only the query language CWLI is supported here.")
        if len(text) > LONGEST_QUERY:
            raise invalid(f"queryString has at most {LONGEST_QUERY} characters.")
        groups = self._groups(call)
        relation = self._relation(call, groups)
        limit = limit_of(call, "limit", MAX_LIMIT) if call.params.get("limit") else DEFAULT_LIMIT
        cursor = self._store.snapshot()
        query = Query(
            key=str(uuid.uuid4()),
            region=call.region,
            text=text,
            groups=groups,
            relation=relation,
            compiled=self._compiled(text, _source(groups, relation), limit, cursor),
            created_ms=self._now_ms(),
            cursor=cursor,
        )
        self._admit(query)
        self._workers.submit(self._run, query)
        return {"queryId": query.key}

    def _admit(self, query: Query) -> None:
        with self._lock:
            running = [q for q in self._queries.values() if q.status not in ENDED]
            if len(running) >= MOST_RUNNING:
                raise RefusedError(
                    "LimitExceededException",
                    f"Account maximum query concurrency limit of [{MOST_RUNNING}] reached.",
                )
            ended = [q.key for q in self._queries.values() if q.status in ENDED]
            for key in ended[: max(0, len(ended) - KEPT + 1)]:
                del self._queries[key]
            self._queries[query.key] = query

    def _groups(self, call: Call) -> tuple[Group, ...]:
        ways = [call.params.get(k) for k in ("logGroupName", "logGroupNames", "logGroupIdentifiers")]
        if len([way for way in ways if way]) != 1:
            raise invalid("Exactly one of logGroupName, logGroupNames, logGroupIdentifiers must be given.")
        names = [ways[0]] if ways[0] else list(ways[1] or ways[2] or ())
        if len(names) > MOST_GROUPS:
            raise invalid(f"A query reads at most {MOST_GROUPS} log groups.")
        found = [self._store.group(call.region, name_in(name)) for name in names]
        groups = tuple(self._store.fresh(group) for group in {group.key: group for group in found}.values())
        if any(group.log_class == "DELIVERY" for group in groups):
            raise invalid("Log groups of class DELIVERY cannot be queried with Logs Insights.")
        if len({group.log_class for group in groups}) > 1:
            raise invalid("All log groups of a query must be of one log group class.")
        return groups

    def _relation(self, call: Call, groups: tuple[Group, ...]) -> str:
        start, end = int(call.params["startTime"]), int(call.params["endTime"])
        if end < start:
            raise invalid("End time should not be before start time.")
        oldest = min(group.oldest_ms(self._now_ms()) for group in groups)
        if end * 1000 < oldest:
            raise RefusedError(
                "MalformedQueryException",
                "Query's end date and time is either before the log groups creation time or exceeds the "
                "log groups log retention settings",
            )
        return self._store.relation(groups, start * 1000, end * 1000, self._now_ms())

    def _compiled(self, text: str, source: Source, limit: int, cursor: duckdb.DuckDBPyConnection) -> Compiled:
        try:
            compiled = compile_query(parse(text), source, int(self._now()), limit)
            engine.check(cursor, compiled)
        except MalformedQueryError as error:
            location = {"startCharOffset": error.start, "endCharOffset": error.end}
            raise RefusedError(
                "MalformedQueryException",
                f"{error.message} ({[error.start, error.end]})",
                queryCompileError={"location": location, "message": error.message},
            ) from None
        return compiled

    def _run(self, query: Query) -> None:
        with self._lock:
            if query.status in ENDED:
                return
            query.status = "Running"
        try:
            _execute(query)
        except duckdb.Error:
            self._end(query, "Failed")
        else:
            self._end(query, "Complete")
        with self._lock:
            query.done = True
            query.cursor.close()

    def _end(self, query: Query, status: str) -> bool:
        """Set the end state unless there is one; whatever still runs is interrupted."""
        with self._lock:
            if query.status in ENDED:
                return False
            if query.status == "Running" and status in ("Cancelled", "Timeout"):
                Thread(target=self._interrupt, args=(query,), daemon=True).start()
            query.status, query.ended_ms = status, self._now_ms()
            return True

    def _interrupt(self, query: Query) -> None:
        """Interrupt until the worker has noticed: one that comes between two statements is lost."""
        while True:
            with self._lock:
                if query.done:
                    return
                query.cursor.interrupt()
            time.sleep(INTERRUPT_S)

    def _found(self, key: str) -> Query:
        query = self._queries.get(key)
        if query is None:
            raise RefusedError("ResourceNotFoundException", f"Query {key} does not exist")
        if self._now_ms() - query.created_ms > TIMEOUT_S * 1000:
            self._end(query, "Timeout")
        return query

    def _results(self, call: Call) -> dict[str, Any]:
        query = self._found(call.params["queryId"])
        status = query.status
        complete = status == "Complete"
        start = _offset(call.params.get("nextToken"), query)
        end = start + limit_of(call, "maxItems", PAGE)
        rows = query.rows if complete else ()
        nothing = {"recordsMatched": 0.0, "recordsScanned": 0.0, "bytesScanned": 0.0}
        answer: dict[str, Any] = {
            "queryLanguage": "CWLI",
            "status": status,
            "results": list(rows[start:end]),
            "statistics": query.statistics if complete else nothing,
        }
        return answer | ({"nextToken": f"{query.key}/{end}"} if end < len(rows) else {})

    def _stop(self, call: Call) -> dict[str, Any]:
        query = self._found(call.params["queryId"])
        if not self._end(query, "Cancelled"):
            raise invalid(f"Query is not in progress, its status is {query.status}")
        return {"success": True}

    def _describe(self, call: Call) -> dict[str, Any]:
        name, status = call.params.get("logGroupName"), call.params.get("status")
        fitting = [
            query
            for query in reversed(list(self._queries.values()))
            if query.region == call.region
            and status in (None, self._found(query.key).status)
            and (name is None or any(group.name == name for group in query.groups))
        ]
        token = call.params.get("nextToken") or "0"
        start = int(token) if token.isdigit() else 0
        end = start + limit_of(call, "maxResults", KEPT)
        answer: dict[str, Any] = {"queries": [_info(query) for query in fitting[start:end]]}
        return answer | ({"nextToken": str(end)} if end < len(fitting) else {})

    def _record(self, call: Call) -> dict[str, Any]:
        try:
            key = int(base64.b64decode(call.params["logRecordPointer"], validate=True))
        except ValueError:
            raise invalid("The specified logRecordPointer is invalid.") from None
        relation = f"(SELECT * FROM log_events WHERE id = {key}) AS events"
        columns = ", ".join(name for name in discover.FIELDS)
        compiled = compile_query(parse(f"fields {columns}"), discover.source(relation), int(self._now()))
        for row, _ in engine.run(self._store.cursor(), compiled):
            return {"logRecord": row}
        raise RefusedError("ResourceNotFoundException", "The log record does not exist.")


def _source(groups: Sequence[Group], relation: str) -> Source:
    """Return what is read; fields are discovered in log groups of the class STANDARD alone."""
    return discover.source(relation, discovering=all(group.log_class == "STANDARD" for group in groups))


def _execute(query: Query) -> None:
    """Run the query and what its statistics need; give up where it was ended meanwhile."""
    scanned = engine.scanned(query.cursor, query.compiled, discover.source(query.relation))
    matched = 0 if query.status in ENDED else engine.matched(query.cursor, query.compiled)
    found = () if query.status in ENDED else engine.run(query.cursor, query.compiled)
    query.rows = [_row(row, pointer) for row, pointer in found]
    query.statistics = engine.statistics(scanned, matched, len(query.rows), len(query.groups))


def _row(row: Mapping[str, str], pointer: Any) -> list[dict[str, str]]:
    fields = [{"field": name, "value": value} for name, value in row.items()]
    if pointer is None:
        return fields
    return [*fields, {"field": "@ptr", "value": base64.b64encode(str(pointer).encode()).decode()}]


def _offset(token: str | None, query: Query) -> int:
    if token is None:
        return 0
    match = re.fullmatch(rf"{query.key}/(\d+)", token)
    if match is None:
        raise invalid("The specified nextToken is invalid.")
    return int(match.group(1))


def _info(query: Query) -> dict[str, Any]:
    took = {} if query.ended_ms is None else {"queryDuration": query.ended_ms - query.created_ms}
    return {
        "queryLanguage": "CWLI",
        "queryId": query.key,
        "queryString": query.text,
        "status": query.status,
        "createTime": query.created_ms,
        "logGroupName": query.groups[0].name,
        "bytesScanned": query.statistics.get("bytesScanned", 0.0),
        **took,
    }
