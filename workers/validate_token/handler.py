"""validateToken's handler: which route, then the checks of a token in the order of what they cost."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from workers.common import clients, logs, metrics, tracing
from workers.common.answered import NOT_ANSWERED
from workers.common.deadline import DeadlineNear
from workers.common.worker import Run, worker
from workers.validate_token import request as requests
from workers.validate_token.announce import announce
from workers.validate_token.answers import Answer, answer, problem, without_body
from workers.validate_token.health import Health
from workers.validate_token.keys import Keys, KeysUnavailableError
from workers.validate_token.problems import Problem, Refused
from workers.validate_token.request import Request
from workers.validate_token.revocation import revoked
from workers.validate_token.settings import IdentityProvider, ValidateSettings
from workers.validate_token.tokens import Claims, verified

Running = Run[ValidateSettings]
Route = Callable[[Request, Running], Answer]
_NOBODY = "health-check"
"""A token id that no token has: looking it up shows that the table answers."""


@worker("validateToken", "validate_token", ValidateSettings, warm=("dynamodb", "sqs"))
def handle(event: Any, run: Running) -> Answer:
    """Answer a request; what is wrong with it is an answer too, so only a bug is an error."""
    try:
        request = requests.read(event, run.settings.api.largest_body_bytes, run.context.aws_request_id)
        return _route(request, run)(request, run)
    except Refused as refused:
        _tell(refused, run)
        return problem(refused)


def _route(request: Request, run: Running) -> Route:
    api = run.settings.api
    routes: Mapping[str, Mapping[str, Route]] = {
        api.validate_path: {"POST": _validate},
        api.health_path: {"GET": _health, "HEAD": _health},
    }
    methods = routes.get(request.path)
    if methods is None:
        raise Refused(Problem.NOT_FOUND, "no such path")
    if request.method not in methods:
        allowed = ", ".join(sorted(methods))
        raise Refused(Problem.METHOD_NOT_ALLOWED, f"allowed: {allowed}", {"Allow": allowed})
    return methods[request.method]


def _tell(refused: Refused, run: Running) -> None:
    """Write down why a request was refused, and nothing of what it holds."""
    unchecked = refused.problem.status >= 500  # noqa: PLR2004 - the class of answers that are our fault
    write = run.log.error if unchecked else run.log.info
    said: dict[str, object] = {"problem": refused.problem.slug, "status": refused.problem.status}
    if unchecked:
        said |= _cause(refused.__cause__)
    write("request refused: %s", refused.detail, extra=said)
    metrics.count(run.metrics, "RequestsUnchecked" if unchecked else "RequestsRefused")


def _cause(error: BaseException | None) -> dict[str, object]:
    return {"cause": str(error), "errorType": type(error).__name__}


# --- the routes ----------------------------------------------------------------------------------------


def _validate(request: Request, run: Running) -> Answer:
    claims = _checked(requests.token(request), run)
    person = logs.person(claims.subject, run.settings.logging)
    run.log.info("token valid", userId=person)
    metrics.count(run.metrics, "TokensValid")
    if run.settings.features.announce_verified:
        _announce(claims, request, run)
    return answer(200, {"status": "valid", "userId": claims.subject, "expiresAt": claims.expires_at_s})


def _checked(token: str, run: Running) -> Claims:
    with tracing.span("verify token"):
        claims = verified(token, functools.partial(_key, run), run.settings.identity_provider)
    with tracing.span("look up revocation"):
        _not_revoked(claims, run)
    return claims


def _key(run: Running, key_id: str) -> Any:
    rules = run.settings.identity_provider
    try:
        return _keys(rules).find(key_id, run.deadline.timeout_s(rules.timeout_s, "fetching keys"))
    except (KeysUnavailableError, DeadlineNear) as error:
        raise Refused(Problem.KEYS_UNAVAILABLE, str(error), _later(run)) from error


def _not_revoked(claims: Claims, run: Running) -> None:
    try:
        is_revoked = _is_revoked(claims.token_id, run)
    except NOT_ANSWERED as error:
        detail = "the table of revoked tokens did not answer"
        raise Refused(Problem.REVOCATION_UNAVAILABLE, detail, _later(run)) from error
    if is_revoked:
        raise Refused(Problem.TOKEN_REVOKED, "the token was revoked")


def _announce(claims: Claims, request: Request, run: Running) -> None:
    """Announce a verified fan. A failure is logged and counted: the token is valid all the same."""
    try:
        sqs = clients.aws("sqs", run.settings)
        event_id = announce(sqs, run.settings.announcement.queue, claims.subject, request)
    except NOT_ANSWERED as error:
        message = "a verified fan could not be announced; the answer stays valid"
        run.log.error(message, extra=_cause(error))  # noqa: TRY400 - a stack of the SDK's tells nothing
        metrics.count(run.metrics, "AnnouncementsFailed")
    else:
        run.log.info("verified fan announced", eventId=event_id)


def _health(request: Request, run: Running) -> Answer:
    checks = {
        "keys": functools.partial(_keys_usable, run),
        "revocation": functools.partial(_table_answers, run),
    }
    found = _health_of(run.settings.api.health_cache_s).look(checks)
    status = {name: "ok" if works else "failed" for name, works in found.items()}
    well = all(found.values())
    body = {"status": "ok" if well else "failed", "checks": status}
    full = answer(200, body) if well else answer(503, body, _later(run))
    return without_body(full) if request.method == "HEAD" else full


# --- what they ask -------------------------------------------------------------------------------------


def _keys_usable(run: Running) -> bool:
    rules = run.settings.identity_provider
    try:
        return _keys(rules).usable(run.deadline.timeout_s(rules.timeout_s, "fetching keys"))
    except DeadlineNear:
        return False


def _table_answers(run: Running) -> bool:
    try:
        _is_revoked(_NOBODY, run)
    except NOT_ANSWERED as error:
        run.log.error("the table of revoked tokens did not answer", extra=_cause(error))  # noqa: TRY400
        return False
    return True


def _is_revoked(token_id: str, run: Running) -> bool:
    return revoked(clients.aws("dynamodb", run.settings), run.settings.revocation.table, token_id)


def _later(run: Running) -> Mapping[str, str]:
    """Return when it is worth to ask again: when the keys may be fetched again."""
    return {"Retry-After": str(run.settings.identity_provider.refetch_s)}


@functools.lru_cache(maxsize=4)
def _keys(rules: IdentityProvider) -> Keys:
    return Keys(rules)


@functools.lru_cache(maxsize=4)
def _health_of(cache_s: int) -> Health:
    return Health(cache_s)
