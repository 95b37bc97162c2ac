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
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from opskit.sandbox.watch import NOBODY, OWN, Watch, is_change, is_read

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

TABLE_STREAMS = "DynamoDBStreams_"
"""How the targets of calls about tables' streams begin."""

SIGNING_NAMES = {
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "states": "stepfunctions",
}
"""Signing names that differ from the name boto3 knows the service by."""


class Front:
    """The WSGI application: our handlers first, then `fallback` (moto); `watch` is told of calls."""

    def __init__(self, handlers: Handlers, fallback: Wsgi, watch: Watch = NOBODY) -> None:
        self._handlers = dict(handlers)
        self._fallback = fallback
        self._watch = watch

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        request = Request(_inflated(environ))
        call, url_params = named(request)
        watch = NOBODY if OWN in environ else self._watch
        if is_read(call) or is_change(call):
            watch.coming(call)
        handler = self._handlers.get((call.service, call.action))
        if handler is not None:
            answer = _answer(handler, call, request, url_params, watch)
        elif is_change(call):
            answer = self._changing(call, request, url_params, watch)
        else:
            return self._fallback(request.environ, start_response)
        return answer(request.environ, start_response)

    def _changing(
        self, call: Call, request: Request, url_params: Mapping[str, str], watch: Watch
    ) -> Response:
        """Return moto's answer; a success is told."""
        request.environ["wsgi.input"] = io.BytesIO(request.get_data(cache=True))
        answer = Response(*run_wsgi_app(self._fallback, request.environ, buffered=True))
        if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            watch.changed(replace(call, params=_params(call, request, url_params)))
        return answer


def named(request: Request) -> tuple[Call, Mapping[str, str]]:
    """Return the call that a request makes, without its parameters, and what stands in its URL's places.

    The action is empty where nothing tells it: S3, and requests that are no AWS calls.
    """
    service, region = signed_for(request)
    target = request.headers.get("X-Amz-Target")
    if target:
        return Call(service, target.rpartition(".")[2], {}, region, request.host), {}
    # Second versions of an API are signed with the first one's name.
    for name in (service, f"{service}v2"):
        for route in routes_of(name):
            places = route.match(request)
            if places is not None:
                return Call(name, route.action, {}, region, request.host), places
    action = ""
    if (request.content_type or "").startswith("application/x-www-form-urlencoded"):
        body = request.get_data(cache=True)
        request.environ["wsgi.input"] = io.BytesIO(body)
        action = parse_qs(body.decode()).get("Action", [""])[0]
    return Call(service, action, {}, region, request.host), {}


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
    if request.headers.get("X-Amz-Target", "").startswith(TABLE_STREAMS):
        name = "dynamodbstreams"  # signed as dynamodb is
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


@cache
def routes_of(service: str) -> tuple[Route, ...]:
    """Return the routes of a service's operations if they are told apart by their URL, else none."""
    try:
        model = get_service_model(service)
    except UnknownServiceError:
        return ()
    if model.protocol != "rest-json":
        return ()
    routes = [_route(action, model.operation_model(action).http) for action in model.operation_names]
    return tuple(sorted(routes, key=lambda route: not route.query))


def _route(action: str, http: Mapping[str, Any]) -> Route:
    uri, _, query = http["requestUri"].partition("?")
    pattern = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", uri.rstrip("/")) + "/?"
    return Route(http["method"], re.compile(pattern), query, action)


def _params(call: Call, request: Request, url_params: Mapping[str, str]) -> dict[str, Any]:
    """Return a call's input, read as its service's model has it; nothing for a service without one."""
    try:
        model = get_service_model(call.service)
    except UnknownServiceError:
        return {}
    protocol = determine_request_protocol(model, request.content_type)
    parsed = PROTOCOL_PARSERS[protocol](model.operation_model(call.action)).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(cache=True),
            "url_path": request.path,
            "url_params": url_params,
        }
    )
    return dict(parsed)


def _answer(
    handler: Handler, call: Call, request: Request, url_params: Mapping[str, str], watch: Watch
) -> Response:
    model = get_service_model(call.service)
    operation = model.operation_model(call.action)
    protocol = determine_request_protocol(model, request.content_type)
    request_id = {"x-amzn-requestid": str(uuid.uuid4())}
    whole = replace(call, params=_params(call, request, url_params))
    try:
        result = handler(whole) or {}
    except RefusedError as error:
        return refusal(error, protocol, request_id)
    if is_change(call):
        watch.changed(whole)
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
