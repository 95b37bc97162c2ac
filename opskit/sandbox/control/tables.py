"""DynamoDB, where moto forgets: the caps that an owner sets on an on-demand table."""

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request, Response

from opskit.sandbox.front import Wsgi, signed_for

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
