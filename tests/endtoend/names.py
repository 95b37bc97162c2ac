"""The variables of a deployed function: where its own resources are, and what is outside of AWS."""

from collections.abc import Mapping

from endtoend.fleet import Member


def variables(member: Member, outside: str, proxy: str) -> Mapping[str, str]:
    """Return them; `outside` and `proxy` are URLs."""
    own = _OWN[member.original](member, outside)
    return own | ({"AWS_ENDPOINT_URL_DYNAMODB": proxy} if member.fault == "throttled table" else {})


def _validate_token(member: Member, outside: str) -> dict[str, str]:
    return {"WORKER_IDENTITY_PROVIDER__JWKS_URL": f"{outside}/keys"}


def _score_users(member: Member, outside: str) -> dict[str, str]:
    """The worker that gets an unreadable record leaves it to its mapping."""
    isolates = "false" if member.fault == "poison record" else "true"
    own = {"WORKER_TABLE__NAME": member.table, "WORKER_FEATURES__ISOLATE_POISON": isolates}
    return own | ({"WORKER_AWS__ATTEMPTS": "2"} if member.fault else {})  # its timeout is short


def _publish_scores(member: Member, outside: str) -> dict[str, str]:
    topic = next(name for kind, name in member.worker.downstream if kind == "topic")
    return {"WORKER_TOPIC__NAME": topic}


def _handle_event(member: Member, outside: str) -> dict[str, str]:
    path = "slow" if member.fault == "slow external API" else "fast"
    profiles, *handled = member.worker.tables
    tables = {"WORKER_PROFILES__TABLE": profiles}
    tables |= {"WORKER_HANDLED__TABLE": handled[0]} if handled else {}
    return tables | {"WORKER_NOTIFY__URL": f"{outside}/{path}"}


_OWN = {
    "validateToken": _validate_token,
    "scoreUsers": _score_users,
    "publishScores": _publish_scores,
    "handleEvent": _handle_event,
}
