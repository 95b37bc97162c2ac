"""Alarm mute rules, which moto has not: made, read, listed and deleted; each knows whether it is active.

They do not hold back what alarms do here.
"""

import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from opskit.sandbox.front import ACCOUNT, Call, Handlers, RefusedError
from opskit.sandbox.metrics import checks, tokens

PAGE, MOST_PAGE = 50, 100
_DURATION = re.compile(r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?)?")
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=15)
_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2})\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+)\)")
_DAYS = {name: str(at) for at, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))}
_MONTHS = {f"{datetime(2000, month, 1, tzinfo=UTC):%b}".upper(): str(month) for month in range(1, 13)}

_DATES = ("StartDate", "ExpireDate")
_KEPT = ("Name", "Description", "Rule", "MuteTargets", *_DATES)

Rule = dict[str, Any]


class Mutes:
    """The rules of all regions, by region and name; `now` tells epoch seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rules: dict[tuple[str, str], Rule] = {}
        self._lock = threading.Lock()

    def handlers(self) -> Handlers:
        """Return the calls that are answered here."""
        return {
            ("cloudwatch", "PutAlarmMuteRule"): self._put,
            ("cloudwatch", "GetAlarmMuteRule"): self._get,
            ("cloudwatch", "ListAlarmMuteRules"): self._list,
            ("cloudwatch", "DeleteAlarmMuteRule"): self._delete,
        }

    def _put(self, call: Call) -> dict[str, Any]:
        checks.required(call.params, "Name", "Rule")
        rule = {name: call.params[name] for name in _KEPT if name in call.params}
        rule |= {name: rule[name].replace(tzinfo=UTC) for name in _DATES if name in rule}
        moment = datetime.fromtimestamp(self._now(), UTC)
        _active(rule["Rule"]["Schedule"], moment)  # refuses what it cannot read
        arn = f"arn:aws:cloudwatch:{call.region}:{ACCOUNT}:alarm-mute-rule:{rule['Name']}"
        once = _AT.fullmatch(rule["Rule"]["Schedule"]["Expression"])
        about = {"AlarmMuteRuleArn": arn, "LastUpdatedTimestamp": moment}
        with self._lock:
            self._rules[call.region, rule["Name"]] = {
                **rule, **about, "MuteType": "ONE_TIME" if once else "RECURRING",
            }  # fmt: skip
        return {}

    def _get(self, call: Call) -> dict[str, Any]:
        checks.required(call.params, "AlarmMuteRuleName")
        name = call.params["AlarmMuteRuleName"]
        rule = self._rules.get((call.region, name))
        if rule is None:
            raise RefusedError("ResourceNotFoundException", f"Alarm mute rule {name} does not exist.", 404)
        return self._told(rule)

    def _list(self, call: Call) -> dict[str, Any]:
        params = call.params
        scope = {name: value for name, value in params.items() if name not in ("NextToken", "MaxRecords")}
        offset = tokens.read(params.get("NextToken"), scope, [0])[0]
        limit = params.get("MaxRecords") or PAGE
        if not 1 <= limit <= MOST_PAGE:
            raise checks.malformed(f"MaxRecords must be between 1 and {MOST_PAGE}")
        with self._lock:
            rules = [rule for (region, _), rule in sorted(self._rules.items()) if region == call.region]
        found = [rule for rule in map(self._told, rules) if _is_wanted(rule, params)]
        names = ("AlarmMuteRuleArn", "ExpireDate", "Status", "MuteType", "LastUpdatedTimestamp")
        page = [{name: one[name] for name in names if name in one} for one in found[offset : offset + limit]]
        more = len(found) > offset + limit
        token = {"NextToken": tokens.write(scope, [offset + limit])} if more else {}
        return {"AlarmMuteRuleSummaries": page, **token}

    def _delete(self, call: Call) -> dict[str, Any]:
        checks.required(call.params, "AlarmMuteRuleName")
        with self._lock:
            self._rules.pop((call.region, call.params["AlarmMuteRuleName"]), None)
        return {}

    def _told(self, rule: Rule) -> Rule:
        return {**rule, "Status": _status(rule, datetime.fromtimestamp(self._now(), UTC))}


def _is_wanted(rule: Rule, params: Mapping[str, Any]) -> bool:
    alarm, statuses = params.get("AlarmName"), params.get("Statuses")
    targets = (rule.get("MuteTargets") or {}).get("AlarmNames") or ()
    return (not alarm or alarm in targets) and (not statuses or rule["Status"] in statuses)


def _status(rule: Rule, now: datetime) -> str:
    if "ExpireDate" in rule and now >= rule["ExpireDate"]:
        return "EXPIRED"
    if "StartDate" in rule and now < rule["StartDate"]:
        return "SCHEDULED"
    schedule = rule["Rule"]["Schedule"]
    if _active(schedule, now):
        return "ACTIVE"
    once = _AT.fullmatch(schedule["Expression"])
    begins = _local(once[1], schedule) if once else None
    return "EXPIRED" if begins and begins < now else "SCHEDULED"


def _active(schedule: Mapping[str, str], now: datetime) -> bool:
    """Tell whether a schedule began no longer ago than it lasts; refuse one that AWS would refuse."""
    lasts, expression = _lasts(schedule["Duration"]), schedule["Expression"]
    if once := _AT.fullmatch(expression):
        begins = _local(once[1], schedule)
        return begins <= now < begins + lasts
    fields = _CRON.fullmatch(expression)
    if fields is None:
        raise checks.invalid(f"no schedule expression: {expression}")
    local = now.astimezone(_zone(schedule)).replace(second=0, microsecond=0)
    ago = (local - timedelta(minutes=minutes) for minutes in range(int(lasts.total_seconds()) // 60))
    return any(_begins(fields.groups(), moment) for moment in ago)


def _begins(fields: tuple[str, ...], moment: datetime) -> bool:
    """Tell whether a cron expression names a minute."""
    weekday = (moment.weekday() + 1) % 7
    said = (moment.minute, moment.hour, moment.day, moment.month, weekday)
    names: tuple[Mapping[str, str], ...] = ({}, {}, {}, _MONTHS, _DAYS)
    return all(map(_has, fields, said, names))


def _has(field: str, value: int, names: Mapping[str, str]) -> bool:
    for part in field.upper().split(","):
        low, _, high = (names.get(one, one) for one in part.partition("-"))
        if low == "*":
            return True
        if not (low.isdigit() and (not high or high.isdigit())):
            raise checks.invalid(f"no field of a schedule expression: {field}")
        if int(low) <= value <= int(high or low):
            return True
    return False


def _local(text: str, schedule: Mapping[str, str]) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=_zone(schedule))
    except ValueError as error:
        raise checks.invalid(f"no time: {text}") from error


def _zone(schedule: Mapping[str, str]) -> ZoneInfo:
    try:
        return ZoneInfo(schedule.get("Timezone") or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise checks.invalid(f"no time zone: {schedule['Timezone']}") from error


def _lasts(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    lasts = (
        timedelta(**{name: int(value or 0) for name, value in found.groupdict().items()}) if found else None
    )
    if lasts is None or not _SHORTEST <= lasts <= _LONGEST:
        raise checks.invalid(f"a duration is from PT1M to P15D, not {text}")
    return lasts
