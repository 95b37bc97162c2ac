"""The embedded AWS's door: requests that a plane of ours answers go there, all others to moto.

Requests are parsed and answers written with moto's own protocol code from botocore's service models, so
a handler sees the operation's input as a dict and returns its output as one.
"""

import base64
import gzip
import io
import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.wrappers import Request, Response

JSON_1_0 = "application/x-amz-json-1.0"
ACCOUNT = "123456789012"
"""The account that the embedded AWS plays; moto's default."""

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Call:
    """One AWS API call: the operation's name and its parsed input."""

    service: str
    """The name boto3 knows the service by: cloudwatch, logs, sqs, lambda."""
    action: str
    params: dict[str, Any]
    region: str
    host: str
    """The Host header: queue URLs are built from it."""
    account: str = ACCOUNT


class RefusedError(Exception):
    """A handler refuses a call as AWS does: error code, message, HTTP status, further members.

    `query_code` is what services that once spoke the query protocol (SQS) send beside the code and what
    botocore shows as the error's Code; it is the code where nothing else is said.
    """

    def __init__(
        self, code: str, message: str, status: int = 400, *, query_code: str = "", **members: Any
    ) -> None:
        super().__init__(f"{query_code or code}: {message}")
        self.code = code
        self.query_code = query_code or code
        self.message = message
        self.status = status
        self.members = members


Handler = Callable[[Call], Mapping[str, Any] | None]
Handlers = Mapping[tuple[str, str], Handler]
"""(service, action) -> handler; a handler refuses by raising RefusedError."""

SIGNING_NAMES = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}
"""Signing names that differ from the name boto3 knows the service by."""


class Front:
    """The WSGI application: our handlers first, then `fallback` (moto)."""

    def __init__(self, handlers: Handlers, fallback: Wsgi) -> None:
        self._handlers = dict(handlers)
        self._fallback = fallback
        self._routes = rest_routes(self._handlers)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        request = Request(_inflated(environ))
        service, region = signed_for(request)
        action, url_params = self._action(service, request)
        handler = self._handlers.get((service, action))
        if handler is None:
            return self._fallback(request.environ, start_response)
        call = Call(service, action, {}, region, request.host)
        return _answer(handler, call, request, url_params)(request.environ, start_response)

    def _action(self, service: str, request: Request) -> tuple[str, dict[str, str]]:
        target = request.headers.get("X-Amz-Target")
        if target:
            return target.rpartition(".")[2], {}
        for route in self._routes.get(service, ()):
            places = route.match(request)
            if places is not None:
                return route.action, places
        if (request.content_type or "").startswith("application/x-www-form-urlencoded"):
            body = request.get_data(cache=True)
            request.environ["wsgi.input"] = _Replay(body)
            return parse_qs(body.decode()).get("Action", [""])[0], {}
        return "", {}


def _inflated(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the request with its body unpacked: SDKs compress PutMetricData above 10 KiB."""
    if environ.get("HTTP_CONTENT_ENCODING") != "gzip":
        return environ
    body = gzip.decompress(Request(environ).get_data())
    plain = {name: value for name, value in environ.items() if name != "HTTP_CONTENT_ENCODING"}
    return {**plain, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}


def signed_for(request: Request) -> tuple[str, str]:
    """Return (service, region) from the SigV4 credential scope; ("", "us-east-1") if unsigned."""
    match = re.search(
        r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request", request.headers.get("Authorization", "")
    )
    if not match:
        return "", "us-east-1"
    region, name = match.groups()
    return SIGNING_NAMES.get(name, name), region


@dataclass(frozen=True, slots=True)
class Route:
    """The URL that tells an operation of a REST protocol apart."""

    method: str
    path: re.Pattern[str]
    query: str
    """"List=ALL" where only that tells two operations apart, else empty."""
    action: str

    def match(self, request: Request) -> dict[str, str] | None:
        """Return what stands in the path's places if the request is of this operation."""
        found = self.path.fullmatch(request.path)
        asked = self.query in request.query_string.decode("latin-1").split("&") if self.query else True
        return found.groupdict() if found and asked and request.method == self.method else None


def rest_routes(operations: Iterable[tuple[str, str]]) -> dict[str, list[Route]]:
    """Return service -> routes of those (service, action) that are told apart by their URL."""
    routes: dict[str, list[Route]] = {}
    for service, action in operations:
        model = get_service_model(service)
        if model.protocol != "rest-json":
            continue
        http = model.operation_model(action).http
        uri, _, query = http["requestUri"].partition("?")
        pattern = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", uri.rstrip("/")) + "/?"
        routes.setdefault(service, []).append(Route(http["method"], re.compile(pattern), query, action))
    return {service: sorted(found, key=lambda route: not route.query) for service, found in routes.items()}


def _answer(handler: Handler, call: Call, request: Request, url_params: dict[str, str]) -> Response:
    model = get_service_model(call.service)
    operation = model.operation_model(call.action)
    protocol = determine_request_protocol(model, request.content_type)
    parsed = PROTOCOL_PARSERS[protocol](operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(cache=True),
            "url_path": request.path,
            "url_params": url_params,
        }
    )
    request_id = {"x-amzn-requestid": str(uuid.uuid4())}
    try:
        result = handler(replace(call, params=dict(parsed))) or {}
    except RefusedError as error:
        return refusal(error, protocol, request_id)
    if protocol == "json":
        # The same bytes as moto's serializer, several times faster for long series.
        return Response(json.dumps(result, default=_plain), 200, request_id, content_type=JSON_1_0)
    serialized = get_serializer_class(call.service, protocol)(operation).serialize(result)
    headers = {**serialized["headers"], **request_id}
    return Response(serialized["body"], _status(operation, result, serialized["status_code"]), headers)


def _status(operation: OperationModel, result: Mapping[str, Any], usual: int) -> int:
    """Return the member that the model puts in the status line, as Invoke's, else the usual status."""
    members = operation.output_shape.members if operation.output_shape else {}
    in_line = [
        name for name, member in members.items() if member.serialization.get("location") == "statusCode"
    ]
    return int(result[in_line[0]]) if in_line and in_line[0] in result else usual


def refusal(error: RefusedError, protocol: str, request_id: dict[str, str]) -> Response:
    """Write an error as the protocol has it (botocore's parsers: JSONParser, QueryParser)."""
    if protocol in {"query", "ec2", "rest-xml"}:
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(error.query_code)}</Code>"
            f"<Message>{escape(error.message)}</Message></Error></ErrorResponse>"
        )
        return Response(text, error.status, request_id, content_type="text/xml")
    body = {"__type": error.code, "message": error.message, "Message": error.message, **error.members}
    headers = {
        **request_id,
        "x-amzn-errortype": error.code,
        "x-amzn-query-error": f"{error.query_code};Sender",
    }
    return Response(json.dumps(body, default=_plain), error.status, headers, content_type=JSON_1_0)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} does not go into an AWS answer")


class _Replay:
    """A request body read once already, for the application behind us."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def read(self, size: int = -1) -> bytes:
        size = len(self._body) if size < 0 else size
        taken, self._body = self._body[:size], self._body[size:]
        return taken
