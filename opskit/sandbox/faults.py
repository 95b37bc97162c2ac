"""What the embedded AWS says when it cannot answer: an error of AWS's shape, never a page of HTML."""

import io
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from botocore.exceptions import UnknownServiceError
from moto.core.request import determine_request_protocol
from moto.core.utils import get_service_model
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from opskit.sandbox.front import RefusedError, Wsgi, named, refusal, signed_for

_LOG = logging.getLogger(__name__)


class Faults:
    """WSGI around `app`: what it cannot do becomes an AWS error, the traceback goes to the server's log."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request (WSGI)."""
        body = Request(environ).get_data(cache=False)
        environ["wsgi.input"] = io.BytesIO(body)
        # The application reads its copy of the body; ours is for naming the action in an error.
        asked = Request({**environ, "wsgi.input": io.BytesIO(body)})
        return self._response(environ, asked)(environ, start_response)

    def _response(self, environ: dict[str, Any], request: Request) -> Response:
        # A server is the one place besides the command line and the rule runner that has to answer
        # whatever happens inside: a dropped connection tells the client nothing.
        try:
            body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        except NotImplementedError:
            return _not_implemented(request)
        except Exception as fault:  # noqa: BLE001
            _LOG.exception("%s %s", request.method, request.path)
            name = type(fault).__name__
            return _refused(request, RefusedError("InternalFailure", f"{name}; see the sandbox's log", 500))
        response = Response(body, status, headers)
        if _is_html_error(response) and "Authorization" in request.headers:
            return _not_implemented(request)
        return response


def _is_html_error(response: Response) -> bool:
    page = response.get_data()[:20].lstrip().lower().startswith((b"<!doctype html", b"<html"))
    return page and response.status_code >= HTTPStatus.BAD_REQUEST


def _not_implemented(request: Request) -> Response:
    what = _asked(request) or f"{request.method} {request.path}"
    # 501: unlike 500 and 503, botocore does not retry it.
    message = f"the embedded AWS does not implement {what}"
    return _refused(request, RefusedError("NotImplemented", message, HTTPStatus.NOT_IMPLEMENTED))


def _refused(request: Request, error: RefusedError) -> Response:
    service, _ = signed_for(request)
    try:
        protocol = determine_request_protocol(get_service_model(service), request.content_type)
    except (UnknownServiceError, NotImplementedError):
        protocol = "json"
    return refusal(error, protocol, {})


def _asked(request: Request) -> str:
    """Return "service Action" as far as the request tells."""
    call, _ = named(request)
    return f"{call.service} {call.action}" if call.action else ""
