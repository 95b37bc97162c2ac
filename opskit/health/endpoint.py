"""Where a worker's API is reached, what to ask it, and what its answer means; pure.

A drill stays on this machine: while the AWS endpoint is on loopback, so is every address made here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from opskit.inventory import arns
from opskit.inventory.worker import Worker
from opskit.loopback import is_drill, is_loopback
from opskit.model import Json, Probe

CERTIFICATE_WARN_DAYS = 14
"""Not in the table of limits: those warn above a value. ACM begins to renew weeks before the end (ACM User
Guide, "Managed certificate renewal"), so that two weeks left say that a renewal has failed."""
SLOW_MS = 3000
"""A health route that takes longer is no sign of health."""

_DEFAULT_STAGE = "$default"
_DOMAINS = {"aws-cn": "amazonaws.com.cn"}
"""The partitions' DNS suffixes that are not amazonaws.com (botocore's partitions.json)."""
_SERVER_ERROR, _CLIENT_ERROR, _REDIRECT, _OK = 500, 400, 300, 200
_REFUSED = (401, 403)
_THROTTLED, _NOT_FOUND = 429, 404
_NO_ROUTE = "Missing Authentication Token"
"""What a REST API answers with 403 to a path that it does not have (API Gateway guide, "Gateway response
types", MISSING_AUTHENTICATION_TOKEN)."""

State = Literal["ok", "warn", "crit", "unknown"]
_WORST: tuple[State, ...] = ("crit", "warn", "unknown", "ok")


@dataclass(frozen=True, slots=True)
class Judged:
    """How an endpoint is, in a word and in words; "unknown" is one that cannot be seen from here."""

    state: State
    text: str


def address(worker: Worker, api_id: str, endpoint: str) -> str:
    """Return the URL of the health route, without one the API's own; "" if nothing tells it.

    `endpoint` is the AWS endpoint in use, "" for AWS's own. If that is this machine's, the address is the
    one that local AWS endpoints serve (LocalStack's documentation, "API Gateway", has two forms; this one
    needs no name server), unless the manifest's own `url` is on this machine too.
    """
    path = str(worker.expected.get("health_path") or "")
    stage = str(worker.expected.get("stage") or _DEFAULT_STAGE)
    url = str(worker.expected.get("url") or "")
    if url and (is_loopback(url) or not is_drill(endpoint)):
        return url.rstrip("/") + path
    if not api_id:
        return ""
    if is_drill(endpoint):
        return f"{endpoint.rstrip('/')}/restapis/{api_id}/{quote(stage, safe='$')}/_user_request_{path}"
    domain = _DOMAINS.get(arns.partition(worker.region), "amazonaws.com")
    named = "" if stage == _DEFAULT_STAGE else f"/{quote(stage)}"
    return f"https://{api_id}.execute-api.{worker.region}.{domain}{named}{path}"


def probe(worker: Worker, api_id: str, endpoint: str) -> Probe | None:
    """Return what to ask a worker's API; None if it has no address.

    Without a health route nothing is sent: a request to a business route is no look.
    """
    url = address(worker, api_id, endpoint)
    return Probe(url, "GET" if worker.expected.get("health_path") else "") if url else None


def judge(document: Json, *, guarded: bool = False) -> Judged:
    """Judge the document of a probe's reading.

    `guarded` is an API that is private, or asks for authorization on its health route: that it refuses us,
    or cannot be reached from here, says nothing against it.
    """
    said = sorted(_said(document, guarded=guarded), key=lambda one: _WORST.index(one.state))
    state = said[0].state
    heavy = [one.text for one in said if one.state == state]
    light = [one.text for one in said if one.state not in (state, "ok")]
    return Judged(state, "; ".join(heavy + light))


def _said(document: Json, *, guarded: bool) -> Iterator[Judged]:
    error, tls = document["error"], document["tls"]
    if error:
        yield _failed(error, guarded=guarded)
    elif document["status"] is not None:
        yield _answered(int(document["status"]), str(document["body"]), guarded=guarded)
        yield from _slow(float(document["latency_ms"]))
    else:
        yield Judged("ok", "reachable; it has no health route to ask")
    if tls:
        yield _certificate(float(tls["days_left"]))


def _failed(error: Json, *, guarded: bool) -> Judged:
    stage, text = str(error["stage"]), str(error["text"])
    if guarded and stage in ("dns", "connect", "timeout"):
        return Judged("unknown", f"cannot be reached from here: {text}; a private API answers its VPC only")
    words = {
        "dns": f"no DNS: {text}",
        "connect": f"no connection: {text}",
        "tls": f"TLS is not valid: {text}",
    }
    return Judged("crit", words.get(stage, text))


def _answered(status: int, body: str, *, guarded: bool) -> Judged:
    if _OK <= status < _REDIRECT:
        return Judged("ok", f"answers {status}")
    if status >= _SERVER_ERROR:
        return Judged("crit", f"answers {status}{f': {body}' if body else ''}")
    if status < _CLIENT_ERROR:
        return Judged("warn", f"answers {status}: redirects elsewhere")
    if status == _NOT_FOUND or _NO_ROUTE in body:
        return Judged("warn", f"answers {status}: no such path?")
    if status in _REFUSED:
        return Judged("ok" if guarded else "warn", f"answers, but refuses us ({status})")
    return Judged("warn", f"answers {status}{': throttled' if status == _THROTTLED else ''}")


def _slow(latency_ms: float) -> Iterator[Judged]:
    if latency_ms > SLOW_MS:
        yield Judged("warn", f"took {latency_ms / 1000:.1f} s, limit {SLOW_MS / 1000:g} s")


def _certificate(days_left: float) -> Judged:
    if days_left < 0:
        return Judged("crit", f"the certificate ended {int(-days_left)} days ago")
    if days_left < CERTIFICATE_WARN_DAYS:
        return Judged("warn", f"the certificate ends in {int(days_left)} days, limit {CERTIFICATE_WARN_DAYS}")
    return Judged("ok", f"certificate good for {int(days_left)} days")
