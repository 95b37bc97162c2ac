"""ListMetrics: each metric once, filtered by name and dimensions, 500 a page."""

from collections.abc import Callable, Sequence
from typing import Any

from opskit.sandbox.front import Call
from opskit.sandbox.metrics import checks, tokens
from opskit.sandbox.metrics.batch import Dimensions
from opskit.sandbox.metrics.checks import DAY, HOUR, Params
from opskit.sandbox.metrics.store import SeriesKey, Store

PAGE = 500
MAX_FILTERS = 10
RECENT = "PT3H"


def list_metrics(store: Store, now: Callable[[], float], call: Call) -> dict[str, Any]:
    """List the metrics with data in the last two weeks; in the last three hours with RecentlyActive."""
    params = call.params
    filters = _filters(params.get("Dimensions") or ())
    recent = params.get("RecentlyActive")
    if recent not in (None, RECENT):
        raise checks.invalid(f"The parameter RecentlyActive must be {RECENT}.")
    since = int(now()) - (3 * HOUR if recent else 14 * DAY)
    names = {"namespace": params.get("Namespace"), "name": params.get("MetricName")}
    found = [key for key in store.metrics(call.region, since) if _fits(key, names, filters)]
    return _page(found, params)


def _filters(given: Sequence[Params]) -> list[tuple[str, str | None]]:
    if len(given) > MAX_FILTERS:
        raise checks.invalid(f"The collection Dimensions must not have a size greater than {MAX_FILTERS}.")
    for number, each in enumerate(given, 1):
        checks.required(each, "Name", where=f"Dimensions.member.{number}.")
    return [(each["Name"], each.get("Value")) for each in given]


def _fits(key: SeriesKey, names: dict[str, str | None], filters: list[tuple[str, str | None]]) -> bool:
    if any(wanted is not None and getattr(key, part) != wanted for part, wanted in names.items()):
        return False
    having = dict(key.dimensions)
    return all(name in having and value in (None, having[name]) for name, value in filters)


def _page(found: Sequence[SeriesKey], params: Params) -> dict[str, Any]:
    scope = {name: params.get(name) for name in ("Namespace", "MetricName", "Dimensions", "RecentlyActive")}
    start = tokens.read(params.get("NextToken"), scope, [0], "InvalidParameterValue")[0]
    page: dict[str, Any] = {"Metrics": [_metric(key) for key in found[start : start + PAGE]]}
    if len(found) > start + PAGE:
        page["NextToken"] = tokens.write(scope, [start + PAGE])
    return page


def _metric(key: SeriesKey) -> dict[str, Any]:
    return {"Namespace": key.namespace, "MetricName": key.name, "Dimensions": _pairs(key.dimensions)}


def _pairs(dimensions: Dimensions) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions]
