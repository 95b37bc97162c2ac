"""DynamoDB, where moto forgets: caps on an on-demand table, and that a stream may be switched on again."""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from opskit.sandbox.front import ACCOUNT, Wsgi, signed_for

_SETS = frozenset({"CreateTable", "UpdateTable"})
_TELLS = _SETS | {"DescribeTable"}
_CAPS = "OnDemandThroughput"


class Tables:
    """The on-demand caps of every region's tables, which stand beside moto's own."""

    def __init__(self) -> None:
        self._caps: dict[tuple[str, str], dict[str, int]] = {}

    def caps(self, region: str, table: str) -> dict[str, int]:
        """Return a table's caps; what has none is absent."""
        return {name: value for name, value in self._caps.get((region, table), {}).items() if value > 0}

    def behind(self, app: Wsgi) -> Wsgi:
        """Return `app` (moto) so wrapped that caps are kept and told."""

        def watched(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            service, _, action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")
            if not service.startswith("DynamoDB_") or action not in _TELLS:
                return app(environ, start_response)
            asked = Request(environ)
            body = asked.get_data(cache=False)
            environ["wsgi.input"] = io.BytesIO(body)
            if action == "UpdateTable":
                _let_stream_again(signed_for(asked)[1], json.loads(body))
            answer = Response(*run_wsgi_app(app, environ, buffered=True))
            if answer.status_code < 300:  # noqa: PLR2004  # HTTP's successes
                self._mend(action, signed_for(asked)[1], json.loads(body), answer)
            return answer(environ, start_response)

        return watched

    def _mend(self, action: str, region: str, asked: dict[str, Any], answer: Response) -> None:
        key = (region, asked["TableName"].rpartition("/")[2])
        if action == "CreateTable":
            self._caps.pop(key, None)
        if action in _SETS and _CAPS in asked:
            self._caps[key] = {**self._caps.get(key, {}), **asked[_CAPS]}
        told = json.loads(answer.get_data())
        member = "Table" if action == "DescribeTable" else "TableDescription"
        if self.caps(*key):
            told[member][_CAPS] = self.caps(*key)
            answer.set_data(json.dumps(told))
            answer.headers.pop("x-amz-crc32", None)  # of the former body; clients check it


def _let_stream_again(region: str, asked: dict[str, Any]) -> None:
    """Let a stream that was switched off be switched on: AWS makes a new one, moto takes it for still on."""
    table = dynamodb_backends[ACCOUNT][region].tables.get(asked["TableName"].rpartition("/")[2])
    wanted = asked.get("StreamSpecification", {}).get("StreamEnabled")
    if table is not None and wanted and not (table.stream_specification or {}).get("StreamEnabled"):
        table.latest_stream_label = None
