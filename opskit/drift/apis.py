"""A worker's API: that it is there, its stage is deployed, its routes call the function and may do so."""

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase

from opskit.drift import asks
from opskit.drift.resource import Difference
from opskit.drift.seen import AbsentError, Seen, UnreadError, name_of
from opskit.drift.thing import Place, Said, Thing, invoked, invoked_by
from opskit.inventory import Worker, arns
from opskit.model import Describe, Json, Severity

REST = "rest-api"
_BY_VARIABLE = "the integration names its function by a stage variable"
_ANY, _DEFAULT = "ANY", "$default"
_INVOKES = ("lambda:InvokeFunction", "lambda:*", "*")
_SERVICE = "apigateway.amazonaws.com"


def things(worker: Worker, place: Place) -> Iterator[Thing]:
    """Yield an API worker's API, stage, routes, and the right to invoke the function."""
    api = worker.sources[0].name
    own = (worker.expected["method"], worker.expected["path"])
    yield Thing("api", worker, api, lambda _: (_all(worker),), lambda seen: _compare_api(worker, seen))
    stage = f"{api}/{worker.expected['stage']}"
    yield Thing(
        "stage", worker, stage, _within(worker, _stages(worker)), lambda seen: _compare_stage(worker, seen)
    )
    yield _route(worker, *own, invokes=True)
    health = worker.expected["health_path"]
    if health and ("GET", health) != own:
        yield _route(worker, "GET", health, invokes=False)
    yield _permission(worker, place)


def _all(worker: Worker) -> Describe:
    return asks.rest_apis() if worker.trigger == REST else asks.http_apis()


def _ids(worker: Worker, seen: Seen) -> list[str]:
    return [row["id"] for row in seen.rows(_all(worker), name_of, worker.sources[0].name)]


def _id(worker: Worker, seen: Seen) -> str:
    """Return the id of the API of that name; AbsentError if there is none.

    Names are not unique: of several APIs it is the one with the stage, if that can be told.
    """
    found = _ids(worker, seen)
    if not found:
        raise AbsentError
    return next((api for api in found if _stage(api, worker, seen)), found[0])


def _stage(api: str, worker: Worker, seen: Seen) -> Mapping[str, Json] | None:
    rows = seen.known(_stages(worker)(api)) or ()
    return next((row for row in rows if row["name"] == worker.expected["stage"]), None)


def _stages(worker: Worker) -> Callable[[str], Describe]:
    return asks.rest_stages if worker.trigger == REST else asks.http_stages


def _within(worker: Worker, *asked: Callable[[str], Describe]) -> Callable[[Seen], Iterator[Describe]]:
    """Return the signals about what an API has, once its id is known."""

    def signals(seen: Seen) -> Iterator[Describe]:
        yield _all(worker)
        if seen.known(_all(worker)) is not None:
            yield from (ask(api) for api in _ids(worker, seen) for ask in asked)

    return signals


def _compare_api(worker: Worker, seen: Seen) -> Iterator[Said]:
    _id(worker, seen)
    same = len(_ids(worker, seen))
    if same > 1:
        yield Difference("APIs of that name", same, 1, by_manifest=False)


def _compare_stage(worker: Worker, seen: Seen) -> Iterator[Said]:
    api = _id(worker, seen)
    seen.document(_stages(worker)(api))
    live = _stage(api, worker, seen)
    if live is None:
        raise AbsentError
    if not live["deployment"] and not live.get("automatic"):
        yield Difference("deployment", None, "one", Severity.HIGH, by_manifest=False)


# --- routes ------------------------------------------------------------------------------------------


def _route(worker: Worker, method: str, path: str, *, invokes: bool) -> Thing:
    """Return a route; one that `invokes` must call the worker's function."""
    asked = (asks.rest_resources,) if worker.trigger == REST else (asks.http_integrations, asks.http_routes)

    def compare(seen: Seen) -> Iterator[Said]:
        found = _integration(worker, method, path, seen)
        if found is None:
            raise AbsentError
        if invokes:
            yield from _compare_integration(found, worker)

    name = f"{worker.sources[0].name} {method} {path}"
    return Thing("route", worker, name, _within(worker, *asked), compare)


def _integration(worker: Worker, method: str, path: str, seen: Seen) -> Mapping[str, Json] | None:
    """Return what a route calls (`uri`, `timeout_ms`, `credentials`), {} for nothing; None: no route."""
    api = _id(worker, seen)
    if worker.trigger == REST:
        return _rest_integration(seen.document(asks.rest_resources(api)), method, path)
    routes = {row["key"]: row["target"] or "" for row in seen.document(asks.http_routes(api))}
    key = next((key for key in (f"{method} {path}", f"{_ANY} {path}", _DEFAULT) if key in routes), None)
    if key is None:
        return None
    target = routes[key].rpartition("/")[2]
    return next((row for row in seen.document(asks.http_integrations(api)) if row["id"] == target), {})


def _rest_integration(
    resources: list[Mapping[str, Json]], method: str, path: str
) -> Mapping[str, Json] | None:
    methods = next((row["methods"] or {} for row in resources if row["path"] == path), {})
    found = methods.get(method, methods.get(_ANY))
    if found is None:
        return None
    calls = found.get("methodIntegration") or {}
    return {
        "uri": calls.get("uri"),
        "timeout_ms": calls.get("timeoutInMillis"),
        "credentials": calls.get("credentials"),
    }


def _compare_integration(live: Mapping[str, Json], worker: Worker) -> Iterator[Difference]:
    uri = live.get("uri") or ""
    if "${stageVariables." in uri:
        raise UnreadError(_BY_VARIABLE)
    calls = invoked_by(uri)
    if calls != invoked(worker):
        yield Difference("integration", calls, invoked(worker), Severity.HIGH)
    expected = worker.expected["integration_timeout_ms"]
    if live.get("timeout_ms") not in (None, expected):
        yield Difference("integration_timeout_ms", live["timeout_ms"], expected)


# --- the right to invoke -----------------------------------------------------------------------------


def _permission(worker: Worker, place: Place) -> Thing:
    """Return the statement of the function's policy that lets the API invoke it."""
    asked = asks.policy(worker.function, worker.alias)

    def name(seen: Seen) -> str:
        return invoked(worker) if _needs_permission(worker, seen) else ""

    def compare(seen: Seen) -> Iterator[Said]:
        lets = [one for one in _statements(seen.document(asked)["policy"]) if _lets_api(one)]
        if not any(_covers(one, worker, place, seen) for one in lets):
            live = "other APIs or routes" if lets else None
            yield Difference("invoked by", live, worker.sources[0].name, Severity.HIGH)

    return Thing("permission", worker, name, lambda _: (asked,), compare)


def _statements(policy: str) -> list[Mapping[str, Json]]:
    try:
        found = json.loads(policy)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadError("the function's policy is not of the form that AWS documents") from error
    return [found] if isinstance(found, dict) else list(found)


def _needs_permission(worker: Worker, seen: Seen) -> bool:
    """Tell whether there is an API, and none that invokes as a role of its own (the integration's)."""
    try:
        found = _integration(worker, worker.expected["method"], worker.expected["path"], seen)
    except AbsentError:
        return False
    except UnreadError:
        return True
    return not (found and found.get("credentials"))


def _lets_api(statement: Mapping[str, Json]) -> bool:
    principal = statement.get("Principal")
    who = principal.get("Service", principal.get("AWS")) if isinstance(principal, dict) else principal
    actions = statement.get("Action", ())
    actions = [actions] if isinstance(actions, str) else actions
    return (
        statement.get("Effect") == "Allow"
        and bool({_SERVICE, "*"} & set([who] if isinstance(who, str) else who or ()))
        and any(action in _INVOKES for action in actions)
    )


def _covers(statement: Mapping[str, Json], worker: Worker, place: Place, seen: Seen) -> bool:
    """Tell whether a statement lets this route in: no source is named, or one that its ARN fits."""
    sources = list(_sources(statement.get("Condition") or {}))
    if not sources:
        return True
    method, path = worker.expected["method"], worker.expected["path"]
    route = f"{_id(worker, seen)}/{worker.expected['stage']}/{method}{path}"
    region = place.region
    arn = f"arn:{arns.partition(region)}:execute-api:{region}:{seen.account()}:{route}"
    return any(fnmatchcase(arn, pattern) for pattern in sources)


def _sources(condition: Mapping[str, Json]) -> Iterator[str]:
    for operands in condition.values():
        for key, value in operands.items():
            if key.lower() == "aws:sourcearn":
                yield from [value] if isinstance(value, str) else value
