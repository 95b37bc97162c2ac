"""The admin route: what no AWS call can set or tell. JSON in, JSON out, loopback only.

docs/embedded-aws.md describes every route for users; `ROUTES` here is the truth the tests compare it with.
"""

import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from werkzeug.wrappers import Request, Response

from opskit import __version__
from opskit.errors import OpskitError
from opskit.sandbox.control.trail import Event
from opskit.sandbox.front import Call, RefusedError, Wsgi
from opskit.sandbox.metrics import HistoryItem
from opskit.sandbox.planes import Planes

PREFIX = "/_opskit/"
LEAST_TICK_S, MOST_TICK_S = 60, 86_400
DEFAULT_SEED = 1
DEFAULT_REGION = "us-east-1"

Body = Mapping[str, Any]
Action = Callable[["Admin", Call, Body], Mapping[str, Any]]


class Sandbox(Protocol):
    """What the admin route governs."""

    @property
    def planes(self) -> Planes:
        """The stores being served."""
        ...

    def renew(self) -> None:
        """Put empty stores in their place."""
        ...

    def stop(self) -> None:
        """End the server."""
        ...


class Admin:
    """WSGI: requests under PREFIX are answered here, all others by `app`."""

    def __init__(self, sandbox: Sandbox, app: Wsgi) -> None:
        self.incident: str | None = None
        self._sandbox = sandbox
        self._app = app
        self._playing = threading.Lock()

    @property
    def planes(self) -> Planes:
        """What is served just now."""
        return self._sandbox.planes

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        if not environ.get("PATH_INFO", "").startswith(PREFIX):
            return self._app(environ, start_response)
        return _answer(self, Request(environ))(environ, start_response)

    def health(self, _call: Call, _body: Body) -> Mapping[str, Any]:
        """GET health."""
        incident = self.incident
        return {"version": __version__, "pid": os.getpid(), "empty": incident is None, "incident": incident}

    def stop(self, call: Call, body: Body) -> Mapping[str, Any]:
        """POST stop: answers, then ends."""
        threading.Timer(0.05, self._sandbox.stop).start()
        return self.health(call, body)

    def play(self, _call: Call, body: Body) -> Mapping[str, Any]:
        """POST play {incident, seed, strength}: its last hours; what an earlier one left is gone first."""
        # An empty sandbox never pays for the workload model's import.
        from opskit.sandbox import stage  # noqa: PLC0415
        from opskit.sandbox.incidents import PLAIN, find  # noqa: PLC0415

        name = _text(body, "incident")
        seed = _number({"seed": DEFAULT_SEED, **body}, "seed")
        strength = _text({"strength": PLAIN, **body}, "strength")
        incident = find(name).of(strength)
        with self._playing:
            if self.incident is not None:
                self._sandbox.renew()
            else:
                stage.check_free(self.planes)
            self.incident = name
            return stage.play(self.planes, incident, seed)

    def tick(self, _call: Call, body: Body) -> Mapping[str, Any]:
        """POST tick {seconds}: lets whole minutes pass in what was played."""
        seconds = _number(body, "seconds")
        if not LEAST_TICK_S <= seconds <= MOST_TICK_S or seconds % LEAST_TICK_S:
            problem = f'"seconds" must be whole minutes, from {LEAST_TICK_S} to {MOST_TICK_S}'
            raise RefusedError("ValidationException", problem)
        with self._playing:
            live = self.planes.live
            if live is None:
                problem = "nothing goes on in this sandbox whose time could pass: no incident was played"
                raise RefusedError("Conflict", problem, 409)
            return live.tick(seconds)

    def mapping(self, call: Call, body: Body) -> Mapping[str, Any]:
        """POST mappings/UUID: state, its reason, last result, last modified."""
        return self.planes.control.mappings.set(call, body)

    def function(self, call: Call, body: Body) -> Mapping[str, Any]:
        """POST functions/NAME: state, last update, last modified."""
        return self.planes.control.functions.set(call, body)

    def provisioned(self, call: Call, body: Body) -> Mapping[str, Any]:
        """POST functions/NAME/provisioned-concurrency/QUALIFIER {Status, StatusReason}."""
        concurrency = self.planes.control.concurrency
        return concurrency.set_provisioned(call, _text(body, "Status"), str(body.get("StatusReason", "")))

    def account(self, call: Call, body: Body) -> Mapping[str, Any]:
        """POST account {ConcurrentExecutions}."""
        return self.planes.control.concurrency.set_limit(call, _number(body, "ConcurrentExecutions"))

    def settings(self, call: Call, _body: Body) -> Mapping[str, Any]:
        """GET account."""
        return self.planes.control.concurrency.settings(call)

    def activity(self, call: Call, body: Body) -> Mapping[str, Any]:
        """POST scaling-activities {ServiceNamespace, ResourceId, ScalableDimension, ...}."""
        return self.planes.control.activities.tell(call, body)

    def alarm_history(self, call: Call, body: Body) -> Mapping[str, Any]:
        """POST alarm-history {AlarmName, Timestamp, HistorySummary, HistoryData, HistoryItemType}."""
        item = HistoryItem(
            alarm=_text(body, "AlarmName"),
            at_s=_number(body, "Timestamp"),
            summary=_text(body, "HistorySummary"),
            data=body.get("HistoryData") or {},
            item_type=body.get("HistoryItemType", "StateUpdate"),
            region=call.region,
        )
        try:
            self.planes.metrics.record_history(item)
        except ValueError as error:
            raise RefusedError("ValidationException", str(error)) from error
        return {}

    def change(self, call: Call, body: Body) -> Mapping[str, Any]:
        """POST changes {EventTime, EventSource, EventName, Username, ResourceType, ResourceName}."""
        resources = ((_text(body, "ResourceType"), _text(body, "ResourceName")),)
        self.planes.control.trail.record(
            Event(
                at_s=_number(body, "EventTime"),
                source=_text(body, "EventSource"),
                name=_text(body, "EventName"),
                username=_text(body, "Username"),
                params=body.get("RequestParameters") or {},
                resources=resources,
                region=call.region,
            )
        )
        return {}


ROUTES: Mapping[tuple[str, str], Action] = {
    ("GET", "health"): Admin.health,
    ("POST", "stop"): Admin.stop,
    ("POST", "play"): Admin.play,
    ("POST", "tick"): Admin.tick,
    ("GET", "account"): Admin.settings,
    ("POST", "account"): Admin.account,
    ("POST", "mappings/{UUID}"): Admin.mapping,
    ("POST", "functions/{FunctionName}"): Admin.function,
    ("POST", "scaling-activities"): Admin.activity,
    ("POST", "alarm-history"): Admin.alarm_history,
    ("POST", "changes"): Admin.change,
    ("POST", "functions/{FunctionName}/provisioned-concurrency/{Qualifier}"): Admin.provisioned,
}
"""(method, path under PREFIX) -> what answers it; `?region=` says of which region."""

_OWN_TIME = (Admin.play, Admin.stop, Admin.tick)


def _answer(admin: Admin, request: Request) -> Response:
    try:
        _check_local(request)
        action, params = _route(request)
        call = Call("opskit", "", params, request.args.get("region", DEFAULT_REGION), request.host)
        live = admin.planes.live
        if request.method == "POST" and action not in _OWN_TIME and live:
            # What is set holds from now on; until now, things were as they were.
            live.caught_up()
        return _json(200, action(admin, call, _body(request)))
    except RefusedError as error:
        return _json(error.status, {"error": error.code, "message": error.message})
    except OpskitError as error:
        return _json(400, {"error": type(error).__name__, "message": str(error)})


def _check_local(request: Request) -> None:
    """Refuse what a web page could send: its browser names the page's origin, or a host that is not ours."""
    host = request.host.rpartition(":")[0] or request.host
    if "Origin" in request.headers or host not in {"127.0.0.1", "localhost", "[::1]"}:
        raise RefusedError("AccessDenied", "the admin route answers programs on this machine only", 403)


def _route(request: Request) -> tuple[Action, dict[str, str]]:
    path = request.path.removeprefix(PREFIX).rstrip("/")
    for (method, pattern), action in ROUTES.items():
        match = re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), path)
        if match and method == request.method:
            return action, match.groupdict()
    raise RefusedError("NotFound", f"no admin route {request.method} {request.path}", 404)


def _body(request: Request) -> Body:
    raw = request.get_data()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError as error:
        raise RefusedError("ValidationException", f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError("ValidationException", "the body must be a JSON object")
    return body


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError("ValidationException", f'"{name}" must be a text')
    return value


def _number(body: Body, name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RefusedError("ValidationException", f'"{name}" must be a whole number')
    return value


def _json(status: int, value: Mapping[str, Any]) -> Response:
    return Response(json.dumps(value, default=str) + "\n", status, content_type="application/json")
