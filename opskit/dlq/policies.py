"""What a queue's policies say, judged as IAM judges them; pure."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum

from opskit.model import Json

SNS, EVENTS = "SNS", "EventBridge"
_PRINCIPALS = {SNS: "sns.amazonaws.com", EVENTS: "events.amazonaws.com"}
_SENDER = {SNS: "arn:{0}:sns:{1}:{2}:{3}", EVENTS: "arn:{0}:events:{1}:{2}:rule/{3}"}
"""Whom each acts for, by partition, region, account and name: a topic, a rule."""
_SOURCE, _ACCOUNT = "aws:sourcearn", "aws:sourceaccount"
"""Keys are no matter of case (IAM User Guide, "IAM JSON policy elements: Condition")."""
_ANY = "~"
"""Stands for whatever no policy says: no name has it."""


class Lets(IntEnum):
    """Whether something is so; the greater wins where one is enough, the smaller where all are needed."""

    NO = 0
    PERHAPS = 1
    """It hangs on what only AWS knows of a call, such as who is of an organization."""
    YES = 2


def policy_of(text: str | None) -> Mapping[str, Json]:
    """Return a policy; one that is not there or cannot be read says nothing."""
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def let_in(policy: str | None, queue_arn: str) -> Iterator[str]:
    """Yield the services that a queue's own policy lets send to it, "perhaps" before one that may be none."""
    for service in _PRINCIPALS:
        lets = lets_in(policy, queue_arn, service)
        if lets is not Lets.NO:
            yield service if lets is Lets.YES else f"perhaps {service}"


def lets_in(policy: str | None, queue_arn: str, service: str) -> Lets:
    """Tell whether a queue's policy lets a service send to it, for any topic or rule at all."""
    found = _senders(policy, queue_arn, service)
    return max(found.values(), default=Lets.NO)


def topics_in(policy: str | None, queue_arn: str) -> tuple[str, ...]:
    """Return the topics that a queue's policy lets send to it; () if it lets others in, or none."""
    found = [topic for topic, lets in _senders(policy, queue_arn, SNS).items() if lets is not Lets.NO]
    return () if any(_ANY in topic for topic in found) else tuple(found)


def unjudged(policy: str | None) -> tuple[str, ...]:
    """Return the condition keys that only AWS can judge."""
    keys = [key for one in _statements(policy) for _, key, _ in _conditions(one)]
    return tuple(dict.fromkeys(key for key in keys if key.lower() not in _context("", "")))


def _senders(policy: str | None, queue_arn: str, service: str) -> Mapping[str, Lets]:
    """Return which topics or rules may send: those that the policy names, and one for all that it does not.

    A pattern is judged by one that it fits.
    """
    statements = _statements(policy)
    parts = queue_arn.split(":")
    if not statements or len(parts) <= len(_ARN):
        return {}
    conditions = [found for one in statements for found in _conditions(one)]
    accounts = [value for _, key, values in conditions if key.lower() == _ACCOUNT for value in values]
    named = [value for _, key, values in conditions if key.lower() == _SOURCE for value in values]
    whole = _SENDER[service].format(parts[1], parts[3], parts[4], _ANY).split(":")
    some = [":".join((*whole[:4], account, whole[5])) for account in (parts[4], *accounts)]
    some += [_filled(one, whole) for one in named if _fits(one.split(":")[2:3], whole[2])]
    return {one: _decided(statements, queue_arn, _PRINCIPALS[service], one) for one in dict.fromkeys(some)}


_ARN = ("arn", "partition", "service", "region", "account")


def _fits(patterns: list[str], value: str) -> bool:
    return any(_like(value, pattern) for pattern in patterns)


def _filled(pattern: str, whole: list[str]) -> str:
    """Return a pattern as a name that it fits: what it leaves open is as in `whole`."""
    said = pattern.split(":", 5)
    parts = [*said, *whole[len(said) :]]
    head = [
        other if re.search(r"[*?]", part) else part for part, other in zip(parts[:5], whole, strict=False)
    ]
    return ":".join((*head, re.sub(r"[*?]", _ANY, parts[5])))


def _decided(statements: list[Mapping[str, Json]], queue_arn: str, principal: str, sender: str) -> Lets:
    """Tell whether one may send: some statement allows it, and none denies it."""
    said = {"Allow": Lets.NO, "Deny": Lets.NO}
    for one in statements:
        effect = "Deny" if one.get("Effect") == "Deny" else "Allow"
        said[effect] = max(said[effect], _applies(one, queue_arn, principal, sender))
    return min(said["Allow"], Lets(Lets.YES - said["Deny"]))


def _applies(statement: Mapping[str, Json], queue_arn: str, principal: str, sender: str) -> Lets:
    """Tell whether a statement is about a service that sends to the queue for `sender`."""
    about = _principal(statement, principal) and all(
        _covers(statement, element, value)
        for element, value in (("Action", "sqs:sendmessage"), ("Resource", queue_arn))
    )
    context = _context(principal, sender)
    held = (_holds(test, context.get(key.lower()), values) for test, key, values in _conditions(statement))
    return min(held, default=Lets.YES) if about else Lets.NO


def _principal(statement: Mapping[str, Json], service: str) -> bool:
    """Tell whether a statement is for a service; everybody is "*", alone or as AWS's."""
    name = "NotPrincipal" if "NotPrincipal" in statement else "Principal"
    said = statement.get(name)
    if isinstance(said, dict):
        listed = "*" in _listed(said.get("AWS", ())) or service in _listed(said.get("Service", ()))
    else:
        listed = said == "*"
    return listed == (name == "Principal")


def _covers(statement: Mapping[str, Json], element: str, value: str) -> bool:
    """Tell whether a statement is about an action or a resource; one that names none is about all."""
    if f"Not{element}" in statement:
        return not any(_like(value, one, any_case=True) for one in _listed(statement[f"Not{element}"]))
    return any(_like(value, one, any_case=True) for one in _listed(statement.get(element, "*")))


def _context(principal: str, sender: str) -> Mapping[str, str]:
    """Return what a service's call says of itself (IAM User Guide, "AWS global condition context keys").

    It comes by HTTPS (SQS Developer Guide, "Subscribing a queue to an Amazon SNS topic").
    """
    return {
        _SOURCE: sender,
        _ACCOUNT: "".join(sender.split(":")[4:5]),
        "aws:principalisawsservice": "true",
        "aws:principalservicename": principal,
        "aws:securetransport": "true",
    }


def _conditions(statement: Mapping[str, Json]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield tests, keys and values."""
    conditions = statement.get("Condition")
    for test, keys in conditions.items() if isinstance(conditions, dict) else ():
        for key, values in keys.items() if isinstance(keys, dict) else ():
            yield test, str(key), [str(value) for value in _listed(values)]


def _holds(test: str, said: str | None, values: list[str]) -> Lets:
    """Tell whether a condition holds for what a call says; a test for nobody ("Not") holds if none does."""
    name = test.rpartition(":")[2].lower().removesuffix("ifexists")
    if said is None or any("${" in value for value in values):
        return Lets.PERHAPS
    if name == "null":
        return Lets.YES if values == ["false"] else Lets.NO
    matches = _TESTS.get(name.replace("not", "", 1))
    if matches is None:
        return Lets.PERHAPS
    found = any(matches(said, value) for value in values)
    return Lets.YES if found != ("not" in name) else Lets.NO


def _like(value: str, pattern: Json, *, any_case: bool = False) -> bool:
    """Tell whether a pattern of "*" and "?" fits a value."""
    parts = (_WILD.get(part, re.escape(part)) for part in re.split(r"([*?])", str(pattern)))
    return re.fullmatch("".join(parts), value, re.DOTALL | (re.IGNORECASE if any_case else 0)) is not None


_WILD = {"*": ".*", "?": "."}


def _arn_like(value: str, pattern: str) -> bool:
    """Tell whether an ARN fits, each of its six parts for itself ("Amazon Resource Name condition")."""
    here, there = value.split(":", 5), pattern.split(":", 5)
    return len(here) == len(there) and all(map(_like, here, there))


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "arnequals": _arn_like,
    "arnlike": _arn_like,
    "stringequals": str.__eq__,
    "stringequalsignorecase": lambda value, other: value.lower() == other.lower(),
    "stringlike": _like,
    "bool": lambda value, other: value == other.lower(),
}


def _statements(policy: str | None) -> list[Mapping[str, Json]]:
    return [one for one in _listed(policy_of(policy).get("Statement", ())) if isinstance(one, dict)]


def _listed(value: Json) -> list[Json]:
    """Return a policy's values: one may stand alone."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
