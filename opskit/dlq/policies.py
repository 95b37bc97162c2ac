"""What a queue's policies say; pure."""

import json
from collections.abc import Iterator, Mapping

from opskit.model import Json

SNS = "sns.amazonaws.com"
_SERVICES = {SNS: "SNS", "events.amazonaws.com": "EventBridge"}
_SOURCE = "aws:sourcearn"
"""The condition key for who a service acts for; keys are no matter of case (IAM User Guide, "Condition")."""


def policy_of(text: str | None) -> Mapping[str, Json]:
    """Return a policy; one that is not there or cannot be read says nothing."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def let_in(policy: str | None) -> Iterator[str]:
    """Yield the services that a queue's own policy lets send to it."""
    for one in _statements(policy):
        yield from (_SERVICES[name] for name in _services(one) if name in _SERVICES)


def topics_in(policy: str | None) -> tuple[str, ...]:
    """Return the topics that a queue's policy lets send to it; () if it lets others in, or none."""
    named = [_named(one) for one in _statements(policy) if SNS in _services(one) or _lets_topics_in(one)]
    found = [topic for topics in named for topic in topics]
    exact = all(named) and not any("*" in topic or "?" in topic for topic in found)
    return tuple(dict.fromkeys(found)) if exact else ()


def _statements(policy: str | None) -> list[Mapping[str, Json]]:
    statements = policy_of(policy).get("Statement", ())
    return [one for one in _listed(statements) if isinstance(one, dict) and one.get("Effect") != "Deny"]


def _services(statement: Mapping[str, Json]) -> list[Json]:
    principal = statement.get("Principal")
    return _listed(principal.get("Service", ())) if isinstance(principal, dict) else []


def _lets_topics_in(statement: Mapping[str, Json]) -> bool:
    """Tell whether a statement is for everybody, and does not name other sources alone."""
    principal = statement.get("Principal")
    everybody = "*" in _listed(principal.get("AWS") if isinstance(principal, dict) else principal)
    sources = _named(statement)
    return everybody and (not sources or any(":sns:" in source for source in sources))


def _named(statement: Mapping[str, Json]) -> list[str]:
    """Return the sources that a statement is for; conditions by which it is for all others name none."""
    conditions = statement.get("Condition")
    return [
        str(source)
        for test, keys in (conditions.items() if isinstance(conditions, dict) else ())
        if "Not" not in test and "IfExists" not in test and isinstance(keys, dict)
        for key, values in keys.items()
        if key.lower() == _SOURCE
        for source in _listed(values)
    ]


def _listed(value: Json) -> list[Json]:
    """Return a policy's values: one may stand alone."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
