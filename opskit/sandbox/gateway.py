"""API Gateway's other door: requests to the APIs themselves, by the path that local AWS endpoints serve.

No function code runs here. A worker's health route is answered as most of the requests were that the
workload model played of late.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.apigatewayv2.models import apigatewayv2_backends
from werkzeug.wrappers import Request, Response

from opskit.sandbox.front import ACCOUNT, Call, RefusedError, Wsgi
from opskit.sandbox.planes import Planes

_REQUEST = re.compile(r"/restapis/(?P<api>[^/]+)/(?P<stage>[^/]+)/_user_request_(?P<path>/.*)?")
_FUNCTION = re.compile(r"arn:aws[a-z-]*:lambda:(?P<region>[^:/]+):\d{12}:function:(?P<name>[^:/]+)")
_FORBIDDEN = (403, {"message": "Forbidden"})
_NO_ROUTE = (403, {"message": "Missing Authentication Token"})
_NO_HTTP_ROUTE = (404, {"message": "Not Found"})
_BROKEN = {"message": "Internal server error"}
_NO_CODE = (501, {"message": "the embedded AWS runs no function code: it answers health routes alone"})
_BODIES: dict[int, dict[str, str]] = {
    200: {"status": "ok"},
    429: {"message": "Too Many Requests"},
    500: _BROKEN,
    502: _BROKEN,
    503: {"status": "unavailable"},
    504: {"message": "Endpoint request timed out"},
}

Answer = tuple[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class _Route:
    method: str
    path: str
    target: str
    """The ARN or URI of what is integrated; "": nothing."""

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a request is for this route; `{name}` stands for one part, `{name+}` for the rest."""
        named = re.sub(r"\\\{[^/{}+]+\\\}", "[^/]+", re.escape(self.path))
        pattern = re.sub(r"\\\{[^/{}]+\\\+\\\}", ".+", named)
        return self.method in ("ANY", method) and re.fullmatch(pattern, path) is not None


class Gateway:
    """WSGI: requests to APIs are answered here, all others by `app`."""

    def __init__(self, planes: Planes, app: Wsgi) -> None:
        self._planes = planes
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        found = _REQUEST.fullmatch(environ.get("PATH_INFO", ""))
        if not found:
            return self._app(environ, start_response)
        method = Request(environ).method
        status, body = self._answer(method, found["api"], found["stage"], found["path"] or "/")
        return Response(json.dumps(body), status, content_type="application/json")(environ, start_response)

    def _answer(self, method: str, api_id: str, stage: str, path: str) -> Answer:
        routes, none = _rest(api_id, stage), _NO_ROUTE
        if routes is None:
            routes, none = _http(api_id, stage), _NO_HTTP_ROUTE
        if routes is None:
            return _FORBIDDEN
        route = next((one for one in routes if one.fits(method, path)), None)
        return self._integrated(route, path) if route else none

    def _integrated(self, route: _Route, path: str) -> Answer:
        function = _FUNCTION.search(route.target)
        if not function:
            return 502, _BROKEN  # nothing that is served here
        try:
            params = {"FunctionName": function["name"]}
            found = self._planes.control.functions.find(Call("lambda", "", params, function["region"], ""))
        except RefusedError:
            return 500, _BROKEN
        if found.reserved_concurrency == 0:
            return 500, _BROKEN
        live = self._planes.live
        if live is None:
            return 502, _BROKEN  # what runs no code gives no answer that the API could pass on
        status = live.health(function["name"], path)
        return _NO_CODE if status is None else (status, _BODIES.get(status, _BROKEN))


def _rest(api_id: str, stage: str) -> list[_Route] | None:
    """Return the routes of a REST API's stage, the exact ones first; None: there is no such stage."""
    for backend in _regions(apigateway_backends):
        api = backend.apis.get(api_id)
        if api is not None:
            routes = [
                _Route(method, resource.get_path(), _uri(made.method_integration))
                for resource in api.resources.values()
                for method, made in resource.resource_methods.items()
            ]
            return sorted(routes, key=_vagueness) if stage in api.stages else None
    return None


def _http(api_id: str, stage: str) -> list[_Route] | None:
    """Return the routes of an HTTP API's stage, the exact ones first; None: there is no such stage."""
    for backend in _regions(apigatewayv2_backends):
        api = backend.apis.get(api_id)
        if api is not None:
            routes = [_http_route(api, route) for route in api.routes.values()]
            return sorted(routes, key=_vagueness) if stage in api.stages else None
    return None


def _http_route(api: Any, route: Any) -> _Route:
    method, _, path = route.route_key.partition(" ")
    integration = api.integrations.get((route.target or "").removeprefix("integrations/"))
    target = str(integration.integration_uri or "") if integration else ""
    return _Route("ANY", "/{all+}", target) if method == "$default" else _Route(method, path, target)


def _uri(integration: Any) -> str:
    return str(integration.uri or "") if integration else ""


def _vagueness(route: _Route) -> tuple[int, int, bool]:
    return route.path.count("+}"), route.path.count("{"), route.method == "ANY"


def _regions(backends: Any) -> Iterator[Any]:
    """Yield a service's stores that there are: a request names no region."""
    yield from dict(backends[ACCOUNT]).values()
