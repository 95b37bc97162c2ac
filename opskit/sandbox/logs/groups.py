"""The logs API's operations on groups, streams, retention and tags."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from opskit.sandbox.front import Call, Handler, RefusedError
from opskit.sandbox.logs.store import Group, Store, Stream, pages

CLASSES = ("STANDARD", "INFREQUENT_ACCESS", "DELIVERY", "ESSENTIALS")
RETENTIONS = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731}
    | {1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
PAGE = 50


def invalid(message: str) -> RefusedError:
    """Return the refusal of a parameter."""
    return RefusedError("InvalidParameterException", message)


def limit_of(call: Call, name: str, most: int) -> int:
    """Return a call's page size; refused outside of 1 to `most`."""
    limit = int(call.params.get(name) or most)
    if not 1 <= limit <= most:
        raise invalid(f"{name} must be from 1 to {most}")
    return limit


def group_of(store: Store, call: Call) -> Group:
    """Return the group whose events a call reads: `logGroupName` or `logGroupIdentifier`, exactly one."""
    name, identifier = call.params.get("logGroupName"), call.params.get("logGroupIdentifier")
    if bool(name) == bool(identifier):
        raise invalid("Exactly one of logGroupName and logGroupIdentifier must be given.")
    return store.fresh(store.group(call.region, name or name_in(identifier)))


def name_in(identifier: Any) -> str:
    """Return the group's name in a name or an ARN; an ARN must not end with `:*`."""
    text = str(identifier)
    if not text.startswith("arn:"):
        return text
    match = re.fullmatch(r"arn:aws[\w-]*:logs:[\w-]+:\d{12}:log-group:([^:*]+)", text)
    if match is None:
        raise invalid(f"Invalid log group ARN: {text}")
    return match.group(1)


class Groups:
    """Handlers for groups and streams; `now` yields epoch seconds."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now

    def handlers(self) -> Mapping[str, Handler]:
        """Return operation -> handler."""
        return {
            "CreateLogGroup": self._create,
            "DeleteLogGroup": self._delete,
            "DescribeLogGroups": self._describe,
            "PutRetentionPolicy": self._retain,
            "DeleteRetentionPolicy": self._keep,
            "CreateLogStream": self._create_stream,
            "DeleteLogStream": self._delete_stream,
            "DescribeLogStreams": self._describe_streams,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._tags,
        }

    def _named(self, call: Call) -> Group:
        return self._store.group(call.region, call.params["logGroupName"])

    def _create(self, call: Call) -> None:
        name = call.params["logGroupName"]
        if not re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", name):
            raise invalid(f"Invalid log group name: {name}")
        log_class = call.params.get("logGroupClass") or "STANDARD"
        if log_class not in CLASSES:
            raise invalid(f"logGroupClass must be one of {', '.join(CLASSES)}")
        group = self._store.create(call.region, name, round(self._now() * 1000), log_class)
        group.tags.update(call.params.get("tags") or {})

    def _delete(self, call: Call) -> None:
        self._store.drop(self._named(call))

    def _describe(self, call: Call) -> dict[str, Any]:
        prefix, part = call.params.get("logGroupNamePrefix"), call.params.get("logGroupNamePattern")
        if prefix and part:
            raise invalid("logGroupNamePrefix and logGroupNamePattern are mutually exclusive.")
        wanted = [name_in(i) for i in call.params.get("logGroupIdentifiers") or ()]
        log_class = call.params.get("logGroupClass")
        fitting = {
            group.name: group
            for group in self._store.groups(call.region)
            if group.name.startswith(prefix or "")
            and (part or "").lower() in group.name.lower()
            and (not wanted or group.name in wanted)
            and log_class in (None, group.log_class)
        }
        names, token = pages(list(fitting), call.params.get("nextToken"), limit_of(call, "limit", PAGE))
        answer: dict[str, Any] = {"logGroups": [_group(fitting[name]) for name in names]}
        return answer | ({"nextToken": token} if token else {})

    def _retain(self, call: Call) -> None:
        group, days = self._named(call), int(call.params["retentionInDays"])
        if days not in RETENTIONS:
            raise invalid(f"retentionInDays must be one of {sorted(RETENTIONS)}")
        group.retention_days = days

    def _keep(self, call: Call) -> None:
        self._named(call).retention_days = None

    def _create_stream(self, call: Call) -> None:
        name = call.params["logStreamName"]
        if not re.fullmatch(r"[^:*]{1,512}", name):
            raise invalid(f"Invalid log stream name: {name}")
        self._store.add_stream(self._named(call), name, round(self._now() * 1000))

    def _delete_stream(self, call: Call) -> None:
        group = self._store.fresh(self._named(call))
        self._store.drop_stream(group, self._store.stream(group, call.params["logStreamName"]))

    def _describe_streams(self, call: Call) -> dict[str, Any]:
        group = group_of(self._store, call)
        by_time = call.params.get("orderBy") == "LastEventTime"
        prefix = call.params.get("logStreamNamePrefix")
        if by_time and prefix:
            raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        streams = [s for s in list(group.streams.values()) if s.name.startswith(prefix or "")]
        streams.sort(
            key=lambda s: (s.last_ms or 0 if by_time else 0, s.name),
            reverse=bool(call.params.get("descending")),
        )
        start = _offset(call.params.get("nextToken"))
        page = streams[start : start + limit_of(call, "limit", PAGE)]
        answer: dict[str, Any] = {"logStreams": [_stream(group, stream) for stream in page]}
        end = start + len(page)
        return answer | ({"nextToken": str(end)} if end < len(streams) else {})

    def _tagged(self, call: Call) -> Group:
        return self._store.group(call.region, name_in(call.params["resourceArn"].removesuffix(":*")))

    def _tag(self, call: Call) -> None:
        self._tagged(call).tags.update(call.params["tags"])

    def _untag(self, call: Call) -> None:
        group = self._tagged(call)
        for key in call.params["tagKeys"]:
            group.tags.pop(key, None)

    def _tags(self, call: Call) -> dict[str, Any]:
        return {"tags": dict(self._tagged(call).tags)}


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise invalid("The specified nextToken is invalid.")
    return int(token)


def _group(group: Group) -> dict[str, Any]:
    answer = {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": f"{group.arn}:*",
        "logGroupArn": group.arn,
        "storedBytes": sum(stream.size for stream in list(group.streams.values())),
        "logGroupClass": group.log_class,
    }
    return answer | ({"retentionInDays": group.retention_days} if group.retention_days else {})


def _stream(group: Group, stream: Stream) -> dict[str, Any]:
    times = {
        "firstEventTimestamp": stream.first_ms,
        "lastEventTimestamp": stream.last_ms,
        "lastIngestionTime": stream.ingested_ms,
    }
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "arn": f"{group.arn}:log-stream:{stream.name}",
        "storedBytes": 0,
        **{name: value for name, value in times.items() if value is not None},
    }
