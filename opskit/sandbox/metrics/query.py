"""GetMetricData's request: checked, and turned into what to read and what to compute."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from opskit.sandbox.front import Call, RefusedError
from opskit.sandbox.metrics import checks
from opskit.sandbox.metrics.checks import Params, malformed
from opskit.sandbox.metrics.evaluate import check
from opskit.sandbox.metrics.expressions import MathError, Node, parse, references
from opskit.sandbox.metrics.read import Ask
from opskit.sandbox.metrics.statistics import parse_stat
from opskit.sandbox.metrics.store import SeriesKey, Store
from opskit.sandbox.metrics.window import Visible, visible

MAX_QUERIES = 500
MAX_EXPRESSION = 2048
ID = re.compile(r"[a-z][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Query:
    """One MetricDataQuery: either `ask` or `tree` is there."""

    id: str
    label: str
    returned: bool
    period: int
    ask: Ask | None = None
    tree: Node | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A GetMetricData call that is in order; times are epoch seconds."""

    queries: tuple[Query, ...]
    order: tuple[Query, ...]
    """The same, with every expression after what it names."""
    start: float
    end: float
    now: float

    def seen(self, period: int) -> Visible:
        """Return what a period sees of the request's time."""
        return visible(period, self.start, self.end, self.now)


def read_request(store: Store, now: float, call: Call) -> Request:
    """Check a call and look up its series; refuses what AWS refuses, with ValidationError."""
    params = call.params
    given = params.get("MetricDataQueries") or ()
    _check(params, given)
    request = Request((), (), *checks.interval(params), now)
    try:
        queries = tuple(_query(store, request, each, n, call) for n, each in enumerate(given, 1))
    except RefusedError as refusal:
        raise malformed(refusal.message) from refusal
    return Request(queries, _ordered(queries), request.start, request.end, now)


def _check(params: Params, given: Sequence[Params]) -> None:
    checks.required(params, "MetricDataQueries", "StartTime", "EndTime")
    if len(given) > MAX_QUERIES:
        raise malformed(f"The collection MetricDataQueries must not have a size greater than {MAX_QUERIES}.")
    start, end = checks.interval(params)
    if start >= end:
        raise malformed("The parameter StartTime must be less than the parameter EndTime.")
    for number, each in enumerate(given, 1):
        if not ID.fullmatch(each.get("Id") or ""):
            raise malformed(
                f"The value {each.get('Id')} for parameter MetricDataQueries.member.{number}.Id "
                f"is not matching the expected pattern ^{ID.pattern}$."
            )
    if len({each["Id"] for each in given}) < len(given):
        raise malformed("The values for parameter id in MetricDataQueries are not unique.")


def _query(store: Store, request: Request, given: Params, number: int, call: Call) -> Query:
    where = f"MetricDataQueries.member.{number}."
    stat, expression = given.get("MetricStat"), given.get("Expression")
    if (stat is None) == (expression is None):
        raise malformed(f"Exactly one of {where}MetricStat and {where}Expression must be given.")
    shown = given.get("ReturnData", True)
    if expression is not None:
        period = checks.period(given.get("Period") or checks.MINUTE, f"{where}Period")
        tree = _tree(given["Id"], expression)
        return Query(given["Id"], given.get("Label") or given["Id"], shown, period, tree=tree)
    ask = _ask(store, request, stat or {}, f"{where}MetricStat.", call.region)
    label = given.get("Label") or (stat or {})["Metric"]["MetricName"]
    return Query(given["Id"], label, shown, ask.period, ask=ask)


def _ask(store: Store, request: Request, given: Params, where: str, region: str) -> Ask:
    checks.required(given, "Metric", "Period", "Stat", where=where)
    metric = given["Metric"]
    checks.required(metric, "Namespace", "MetricName", where=f"{where}Metric.")
    stat = parse_stat(given["Stat"])
    if stat is None:
        raise malformed(f"The value {given['Stat']} for parameter {where}Stat is not supported.")
    pairs = checks.dimensions(metric.get("Dimensions") or (), f"{where}Metric.Dimensions")
    key = SeriesKey(region, metric["Namespace"], metric["MetricName"], pairs)
    kept = store.series(key, checks.unit(given.get("Unit"), f"{where}Unit"))
    seen = request.seen(checks.period(given["Period"], f"{where}Period"))
    return Ask(tuple(series.id for series in kept), stat, seen.period, seen.first, seen.last)


def _tree(name: str, expression: str) -> Node:
    if not 1 <= len(expression) <= MAX_EXPRESSION:
        raise malformed(f"The expression {name} must have 1 to {MAX_EXPRESSION} characters.")
    try:
        tree = parse(expression)
        check(tree)
    except MathError as error:
        raise failed(name, error) from error
    return tree


def failed(name: str, error: MathError) -> RefusedError:
    """Return the refusal of an expression."""
    return malformed(f"Error in expression '{name}' [{error}]")


def _ordered(queries: Sequence[Query]) -> tuple[Query, ...]:
    """Return the queries with every expression after what it names; refuse unknown ids and circles."""
    needs = {query.id: set(references(query.tree)) if query.tree else set() for query in queries}
    for name, wanted in needs.items():
        unknown = sorted(wanted - needs.keys())
        if unknown:
            raise failed(name, MathError(f"Undefined variable {unknown[0]}"))
    by_id = {query.id: query for query in queries}
    order: list[Query] = []
    while needs:
        ready = [name for name, wanted in needs.items() if not wanted & needs.keys()]
        if not ready:
            raise failed(min(needs), MathError("the expressions refer to each other in a circle"))
        order += [by_id[name] for name in ready]
        needs = {name: wanted for name, wanted in needs.items() if name not in set(ready)}
    return tuple(order)
