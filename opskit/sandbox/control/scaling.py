"""What autoscaling did and which tables watch their keys: moto has neither call."""

import threading
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from opskit.sandbox.control.common import datetime_of, limited, page
from opskit.sandbox.front import Call, Handlers, RefusedError

PAGE = 50
_FILTERS = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_TIMES = ("StartTime", "EndTime")
_TOLD = {*_FILTERS, "Description", "Cause", "StatusCode", "StatusMessage", "Details", *_TIMES}


class Activities:
    """Application Auto Scaling's activities; nothing scales here, so the admin route tells them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._told: list[tuple[str, dict[str, Any]]] = []

    def handlers(self) -> Handlers:
        """Return the operation that moto lacks."""
        return {("application-autoscaling", "DescribeScalingActivities"): self.describe}

    def tell(self, call: Call, activity: Mapping[str, Any]) -> Mapping[str, Any]:
        """Keep one activity (StartTime, EndTime in epoch seconds); only the admin route can."""
        unknown = sorted(set(activity) - _TOLD)
        missing = [name for name in _FILTERS if not activity.get(name)]
        if unknown or missing:
            problem = f"not known: {', '.join(unknown) or 'none'}; missing: {', '.join(missing) or 'none'}"
            raise RefusedError("ValidationException", problem)
        times = {name: datetime_of(activity[name]) for name in _TIMES if name in activity}
        kept = {
            "ActivityId": str(uuid.uuid4()),
            "StatusCode": "Successful",
            "Description": "",
            "Cause": "",
            "StartTime": datetime_of(self._now()),
            **activity,
            **times,
        }
        with self._lock:
            self._told.append((call.region, kept))
        return {"ActivityId": kept["ActivityId"]}

    def shift(self, seconds: float) -> None:
        """Let every activity be `seconds` longer ago."""
        back = timedelta(seconds=seconds)
        with self._lock:
            for _, kept in self._told:
                kept |= {name: kept[name] - back for name in _TIMES if kept.get(name)}

    def describe(self, call: Call) -> Mapping[str, Any]:
        """DescribeScalingActivities, newest first, at most 50 to a page."""
        asked = {name: call.params[name] for name in _FILTERS if call.params.get(name)}
        with self._lock:
            found = [kept for region, kept in self._told if region == call.region]
        found = [kept for kept in found if asked.items() <= kept.items()]
        found.sort(key=lambda kept: kept["StartTime"], reverse=True)
        size = limited(call.params.get("MaxResults"), PAGE)
        rows, token = page(found, call.params.get("NextToken"), size)
        answer: dict[str, Any] = {"ScalingActivities": list(rows)}
        return {**answer, "NextToken": token} if token else answer


class ContributorInsights:
    """DynamoDB's watch over a table's busiest keys: on or off; its rules show nothing here."""

    def __init__(self) -> None:
        self._enabled: set[tuple[str, str, str]] = set()

    def handlers(self) -> Handlers:
        """Return the operations that moto lacks."""
        return {
            ("dynamodb", "DescribeContributorInsights"): self.describe,
            ("dynamodb", "UpdateContributorInsights"): self.update,
        }

    def describe(self, call: Call) -> Mapping[str, Any]:
        """DescribeContributorInsights."""
        key = self._key(call)
        rules = [f"DynamoDBContributorInsights-{kind}-{key[1]}" for kind in ("PKC", "PKT")]
        answer = self._status(call, key)
        return {**answer, "ContributorInsightsRuleList": rules} if key in self._enabled else answer

    def update(self, call: Call) -> Mapping[str, Any]:
        """UpdateContributorInsights."""
        key = self._key(call)
        if call.params["ContributorInsightsAction"] == "ENABLE":
            self._enabled.add(key)
        else:
            self._enabled.discard(key)
        return self._status(call, key)

    def _status(self, call: Call, key: tuple[str, str, str]) -> dict[str, Any]:
        status = "ENABLED" if key in self._enabled else "DISABLED"
        named = {name: call.params[name] for name in ("TableName", "IndexName") if call.params.get(name)}
        return {**named, "ContributorInsightsStatus": status}

    @staticmethod
    def _key(call: Call) -> tuple[str, str, str]:
        table = call.params["TableName"].rpartition("/")[2]
        if table not in dynamodb_backends[call.account][call.region].tables:
            problem = f"Requested resource not found: Table: {table} not found"
            raise RefusedError("ResourceNotFoundException", problem)
        return call.region, table, call.params.get("IndexName", "")
