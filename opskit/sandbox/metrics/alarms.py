"""Alarm history, which moto has not: filled by SetAlarmState and by whoever plays an incident."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from moto.cloudwatch.models import cloudwatch_backends
from moto.sns.models import sns_backends

from opskit.sandbox.front import ACCOUNT, Call, RefusedError
from opskit.sandbox.metrics import checks, tokens
from opskit.sandbox.metrics.checks import Params

SCHEMA = """
CREATE TABLE IF NOT EXISTS alarm_history (
    seq BIGINT, region VARCHAR, alarm VARCHAR, alarm_type VARCHAR, at_s DOUBLE, item_type VARCHAR,
    summary VARCHAR, data VARCHAR
)
"""
APPEND = """
INSERT INTO alarm_history
SELECT (SELECT coalesce(max(seq), 0) FROM alarm_history) + unnest(range(1, len($alarm) + 1)),
    unnest($region), unnest($alarm), unnest($alarm_type), unnest($at_s::DOUBLE[]), unnest($item_type),
    unnest($summary), unnest($data)
"""
STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")
ITEM_TYPES = (
    "ConfigurationUpdate",
    "StateUpdate",
    "Action",
    "AlarmContributorStateUpdate",
    "AlarmContributorAction",
)
ALARM_TYPES = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
PAGE = 100
_ONLY = "AND list_contains($types, alarm_type) AND at_s >= $start AND at_s <= $end "
_ONLY_NAMED = "AND ($alarm IS NULL OR alarm = $alarm) AND ($item IS NULL OR item_type = $item) "
SELECT = f"""
SELECT seq, alarm, alarm_type, at_s, item_type, summary, data FROM alarm_history
WHERE region = $region {_ONLY}{_ONLY_NAMED}
ORDER BY at_s {{order}}, seq {{order}} LIMIT $limit OFFSET $offset
"""  # noqa: S608 - made of this module's constants


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One line of an alarm's history; `data` is a JSON document, `at_s` epoch seconds."""

    alarm: str
    at_s: float
    summary: str
    data: Mapping[str, Any]
    item_type: str = "StateUpdate"
    alarm_type: str = "MetricAlarm"
    region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class State:
    """An alarm's state and why; `data` is what StateReasonData holds, if anything."""

    value: str
    reason: str
    data: Any = None

    def told(self) -> dict[str, Any]:
        """Return the state as a history item has it."""
        state = {"stateValue": self.value, "stateReason": self.reason}
        return {**state, "stateReasonData": self.data} if self.data else state


class Alarms:
    """The alarm calls that moto lacks or that leave a history; the others stay moto's."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, now: Callable[[], float]) -> None:
        self._connection = connection
        self._now = now
        self._lock = threading.Lock()
        connection.execute(SCHEMA)

    def record(self, item: HistoryItem) -> None:
        """Keep one item; ValueError for a type that AWS does not know."""
        if item.item_type not in ITEM_TYPES or item.alarm_type not in ALARM_TYPES:
            raise ValueError(f"no such history: {item.item_type} of a {item.alarm_type}")
        self.record_all([item])

    def record_all(self, items: Sequence[HistoryItem]) -> None:
        """Keep items in one statement."""
        if not items:
            return
        names = ("region", "alarm", "alarm_type", "at_s", "item_type", "summary")
        columns = {name: [getattr(item, name) for item in items] for name in names}
        with self._lock, self._connection.cursor() as cursor:
            cursor.execute(APPEND, {**columns, "data": [json.dumps(item.data) for item in items]})

    def shift(self, seconds: int) -> None:
        """Move the history, and what moto keeps of every alarm, `seconds` further into the past."""
        back = timedelta(seconds=seconds)
        with self._lock, self._connection.cursor() as cursor:
            cursor.execute("UPDATE alarm_history SET at_s = at_s - ?", [seconds])
        for backend in list(cloudwatch_backends[ACCOUNT].values()):
            for alarm in backend.alarms.values():
                alarm.state_updated_timestamp -= back
                alarm.configuration_updated_timestamp -= back

    def set_alarm_state(self, call: Call) -> Any:
        """Set the state in moto, which keeps the alarm, record the change and return moto's alarm."""
        params = call.params
        checks.required(params, "AlarmName", "StateValue")
        name, state, reason = params["AlarmName"], params["StateValue"], params.get("StateReason", "")
        if state not in STATES:
            raise checks.malformed(f"StateValue must be one of {', '.join(STATES)}")
        backend = cloudwatch_backends[call.account][call.region]
        alarm = backend.alarms.get(name)
        if alarm is None:
            raise RefusedError("ResourceNotFound", f"The alarm {name} does not exist.", 404)
        new = State(state, reason, _json(params.get("StateReasonData")))
        self.record_all(changed(call.region, alarm, new, self._now()))
        return alarm

    def describe_alarm_history(self, call: Call) -> dict[str, Any]:
        """List history items, newest first unless asked otherwise, at most 100 a page."""
        params = call.params
        scope = {name: value for name, value in params.items() if name not in ("NextToken", "MaxRecords")}
        offset = tokens.read(params.get("NextToken"), scope, [0])[0]
        limit = params.get("MaxRecords") or PAGE
        if not 1 <= limit <= PAGE:
            raise checks.malformed(f"MaxRecords must be between 1 and {PAGE}")
        order = _one_of(params.get("ScanBy"), "ScanBy", ("TimestampDescending", "TimestampAscending"))
        sql = SELECT.format(order="ASC" if order == "TimestampAscending" else "DESC")
        wanted = {**_filter(params), "region": call.region, "limit": limit + 1, "offset": offset}
        with self._connection.cursor() as cursor:
            rows = cursor.execute(sql, wanted).fetchall()
        answer: dict[str, Any] = {"AlarmHistoryItems": [_item(row) for row in rows[:limit]]}
        if len(rows) > limit:
            answer["NextToken"] = tokens.write(scope, [offset + limit])
        return answer


def changed(region: str, alarm: Any, state: State, at_s: float) -> list[HistoryItem]:
    """Give moto's alarm another state, as of `at_s` (epoch s), and return what its history says of that."""
    before = State(alarm.state_value, alarm.state_reason, _json(alarm.state_reason_data))
    alarm.update_state(state.reason, json.dumps(state.data or {}), state.value)
    alarm.state_updated_timestamp = datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None)
    change = {"version": "1.0", "oldState": before.told(), "newState": state.told()}
    summary = f"Alarm updated from {before.value} to {state.value}"
    update = HistoryItem(alarm.name, at_s, summary, change, region=region)
    acts = alarm.actions_enabled and state.value != before.value
    asked = _actions(alarm, state.value) if acts else []
    return [update, *(_acted(region, alarm.name, action, at_s) for action in asked)]


def _actions(alarm: Any, state: str) -> list[str]:
    """Return what an alarm does when it comes into a state."""
    by_state = {"ALARM": alarm.alarm_actions, "OK": alarm.ok_actions}
    return list(by_state.get(state, alarm.insufficient_data_actions) or ())


def _acted(region: str, alarm: str, action: str, at_s: float) -> HistoryItem:
    """Return what the history says of an action; nothing is sent, but a topic that is gone is missed."""
    gone = ":sns:" in action and action not in sns_backends[ACCOUNT][region].topics
    error = f'"The topic {action} does not exist."' if gone else None
    data = {
        "actionState": "Failed" if gone else "Succeeded",
        "notificationResource": action,
        "stateUpdateTimestamp": int(at_s * 1000),
        "error": error,
    }
    failed, done = (
        f"Failed to execute action {action}. Received error: {error}",
        "Successfully executed action",
    )
    return HistoryItem(alarm, at_s, failed if gone else f"{done} {action}", data, "Action", region=region)


def put_composite_alarm(_: Call) -> None:
    """Refuse: nothing here would evaluate the rule, so an alarm kept would lie."""
    raise RefusedError("UnsupportedOperation", "The embedded AWS has no composite alarms.")


def _filter(params: Params) -> dict[str, Any]:
    start, end = params.get("StartDate"), params.get("EndDate")
    return {
        "alarm": params.get("AlarmName"),
        "item": _one_of(params.get("HistoryItemType"), "HistoryItemType", ITEM_TYPES),
        "types": [
            _one_of(each, "AlarmTypes", ALARM_TYPES) for each in params.get("AlarmTypes") or ("MetricAlarm",)
        ],
        "start": checks.epoch_s(start) if start is not None else float("-inf"),
        "end": checks.epoch_s(end) if end is not None else float("inf"),
    }


def _one_of(value: str | None, name: str, known: tuple[str, ...]) -> str | None:
    if value is not None and value not in known:
        raise checks.malformed(f"{name} must be one of {', '.join(known)}")
    return value


def _item(row: tuple[Any, ...]) -> dict[str, Any]:
    _, alarm, alarm_type, at_s, item_type, summary, data = row
    return {
        "AlarmName": alarm,
        "AlarmType": alarm_type,
        "Timestamp": datetime.fromtimestamp(at_s, UTC),
        "HistoryItemType": item_type,
        "HistorySummary": summary,
        "HistoryData": data,
    }


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise RefusedError("InvalidFormat", "StateReasonData must be JSON.") from error
