"""CloudTrail's change history: every successful change of a setting, newest first, looked up as AWS does.

Data events (records put, messages sent, invocations) are no changes and are not kept, as in AWS.
"""

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from botocore.exceptions import UnknownServiceError
from moto.core.utils import get_service_model

from opskit.sandbox.control.common import datetime_of, limited, page
from opskit.sandbox.front import Call, Handlers, RefusedError

PAGE = 50

_CHANGES = re.compile(
    "(Add|Attach|Create|Decrease|Delete|Deregister|Detach|Disable|Enable|Increase|Merge|Modify|Publish|Purge|Put|Register|Remove|Set|Split|Start|Stop|"
    "Tag|Untag|Update)[A-Z].*"
)
_DATA = re.compile(
    "PublishBatch|(Put|Delete|Update)(Item|Record|Records|MetricData|LogEvents|Object)|DeleteMessage.*|Start(Query|LiveTail)|"
    "Stop(Query)"
)
_RESOURCES = {
    "FunctionName": "AWS::Lambda::Function",
    "UUID": "AWS::Lambda::EventSourceMapping",
    "StreamName": "AWS::Kinesis::Stream",
    "StreamARN": "AWS::Kinesis::Stream",
    "TableName": "AWS::DynamoDB::Table",
    "QueueUrl": "AWS::SQS::Queue",
    "QueueName": "AWS::SQS::Queue",
}
_SECRET = frozenset({"Environment", "Code", "ZipFile"})
"""What CloudTrail leaves out of a request's parameters."""
_SECOND_VERSIONS = frozenset(
    {
        *("AddPermission", "RemovePermission", "TagResource", "UntagResource"),
        *("UpdateFunctionCode", "UpdateFunctionConfiguration"),
    }
)
"""What CloudTrail writes with "v2" behind the date. Source: CloudTrail's list of Lambda's events."""
_AS_GIVEN = frozenset({"Attributes", "Tags", "tags"})
"""Members whose own keys are the caller's."""


@dataclass(frozen=True, slots=True)
class Event:
    """One change."""

    at_s: float
    source: str
    """lambda.amazonaws.com"""
    name: str
    username: str
    params: Mapping[str, Any]
    resources: tuple[tuple[str, str], ...]
    """(type, name)"""
    region: str
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))


class Trail:
    """The change history of every region."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._silent = False

    def handlers(self) -> Handlers:
        """Return the operation that moto lacks."""
        return {("cloudtrail", "LookupEvents"): self.lookup}

    def record(self, event: Event) -> None:
        """Keep one change."""
        with self._lock:
            self._events.append(event)

    def shift(self, seconds: float) -> None:
        """Let every change be `seconds` longer ago."""
        with self._lock:
            self._events = [replace(event, at_s=event.at_s - seconds) for event in self._events]

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Keep no call made meanwhile: an incident's own set-up is nobody's change."""
        self._silent = True
        try:
            yield
        finally:
            self._silent = False

    def changed(self, call: Call) -> None:
        """Keep a call that has succeeded, if it is a change of a setting."""
        if self._silent or not _is_change(call.action):
            return
        params = {name: value for name, value in call.params.items() if name not in _SECRET}
        resources = tuple(
            (_RESOURCES[name], each)
            for name, value in params.items()
            if name in _RESOURCES
            for each in _names(name, str(value))
        )
        name, source, told = _event_name(call), _source(call.service), _lowered(params)
        self.record(Event(self._now(), source, name, "sandbox", told, resources, call.region))

    def lookup(self, call: Call) -> Mapping[str, Any]:
        """LookupEvents by at most one attribute, newest first, at most 50 to a page."""
        wanted = call.params.get("LookupAttributes") or []
        if len(wanted) > 1:
            problem = "You can specify only one lookup attribute."
            raise RefusedError("InvalidLookupAttributesException", problem)
        with self._lock:
            found = [
                event for event in self._events if event.region == call.region and _within(event, call.params)
            ]
        for attribute in wanted:
            found = [event for event in found if attribute["AttributeValue"] in _values(event, attribute)]
        found.sort(key=lambda event: -event.at_s)
        size = limited(call.params.get("MaxResults"), PAGE)
        rows, token = page(found, call.params.get("NextToken"), size)
        answer: dict[str, Any] = {"Events": [_described(event, call.account) for event in rows]}
        return {**answer, "NextToken": token} if token else answer


def _is_change(action: str) -> bool:
    return bool(_CHANGES.fullmatch(action)) and not _DATA.fullmatch(action)


def _source(service: str) -> str:
    try:
        return f"{get_service_model(service).endpoint_prefix}.amazonaws.com"
    except UnknownServiceError:
        # The name that the call was signed for, such as "states", is the endpoint's.
        return f"{service}.amazonaws.com"


def _event_name(call: Call) -> str:
    """Return the event's name; Lambda's carry the date of their API: UpdateFunctionCode20150331v2."""
    if call.service != "lambda":
        return call.action
    uri = get_service_model("lambda").operation_model(call.action).http["requestUri"]
    version = "v2" if call.action in _SECOND_VERSIONS else ""
    return f"{call.action}{uri.split('/')[1].replace('-', '')}{version}"


def _names(member: str, value: str) -> list[str]:
    """Return a resource's name as the call gave it, and the bare name if that was an ARN or a URL."""
    bare = re.sub(r".*:function:([^:]+).*", r"\1", value) if member == "FunctionName" else value
    bare = re.split("[:/]", bare)[0 if member == "FunctionName" else -1]
    return list(dict.fromkeys((value, bare)))


def _lowered(value: Any) -> Any:
    """Return request parameters as CloudTrail writes them: functionName, uUID."""
    if isinstance(value, list):
        return [_lowered(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name[:1].lower() + name[1:]: each if name in _AS_GIVEN else _lowered(each)
        for name, each in value.items()
    }


def _within(event: Event, params: Mapping[str, Any]) -> bool:
    start, end = params.get("StartTime"), params.get("EndTime")
    at = datetime_of(event.at_s)
    return (start is None or at >= _aware(start)) and (end is None or at <= _aware(end))


def _aware(at: Any) -> Any:
    return at if at.tzinfo else at.replace(tzinfo=datetime_of(0).tzinfo)


def _values(event: Event, attribute: Mapping[str, str]) -> tuple[str, ...]:
    key = attribute["AttributeKey"]
    known = {
        "EventId": (event.identifier,),
        "EventName": (event.name,),
        "EventSource": (event.source,),
        "ReadOnly": ("false",),
        "Username": (event.username,),
        "ResourceType": tuple(kind for kind, _ in event.resources),
        "ResourceName": tuple(name for _, name in event.resources),
    }
    if key not in known:
        raise RefusedError("InvalidLookupAttributesException", f"{key} is no lookup attribute here")
    return known[key]


def _described(event: Event, account: str) -> dict[str, Any]:
    whole = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "userName": event.username, "accountId": account},
        "eventTime": datetime_of(event.at_s).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": event.source,
        "eventName": event.name,
        "awsRegion": event.region,
        "requestParameters": event.params,
        "eventID": event.identifier,
        "readOnly": False,
        "recipientAccountId": account,
    }
    return {
        "EventId": event.identifier,
        "EventName": event.name,
        "ReadOnly": "false",
        "EventTime": datetime_of(event.at_s),
        "EventSource": event.source,
        "Username": event.username,
        "Resources": [{"ResourceType": kind, "ResourceName": name} for kind, name in event.resources],
        "CloudTrailEvent": json.dumps(whole, default=str),
    }
