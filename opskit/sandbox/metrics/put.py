"""PutMetricData: what a datum may be, and what the store keeps of it."""

import math
from collections.abc import Callable
from typing import Any

from opskit.sandbox.front import Call
from opskit.sandbox.metrics import checks
from opskit.sandbox.metrics.checks import DAY, HOUR, MINUTE, Params
from opskit.sandbox.metrics.store import Columns, SeriesKey, Store

MAX_DATA = 1000
MAX_VALUES = 150
LARGEST = 2.0**360
SET = ("SampleCount", "Sum", "Minimum", "Maximum")
SHAPES = ("Value", "Values", "StatisticValues")


def put_metric_data(store: Store, now: Callable[[], float], call: Call) -> None:
    """Store all data of the call, or none: the first wrong one refuses the request."""
    checks.required(call.params, "Namespace")
    space = checks.namespace(call.params["Namespace"])
    data = _data(call.params)
    time_s = now()
    store.add(
        [_kept(SeriesKey(call.region, space, "", ()), datum, f"{where}.", time_s) for where, datum in data]
    )


def _data(params: Params) -> list[tuple[str, Params]]:
    """Return (path, datum) of plain data and of those said to be of an entity, whose name is not kept."""
    data = [(f"MetricData.member.{n}", datum) for n, datum in enumerate(params.get("MetricData") or (), 1)]
    for number, entity in enumerate(params.get("EntityMetricData") or (), 1):
        where = f"EntityMetricData.member.{number}.MetricData.member"
        data += [(f"{where}.{n}", datum) for n, datum in enumerate(entity.get("MetricData") or (), 1)]
    if not data:
        raise checks.missing("MetricData")
    if len(data) > MAX_DATA:
        raise checks.invalid(f"The collection MetricData must not have a size greater than {MAX_DATA}.")
    return data


def _kept(key: SeriesKey, datum: Params, where: str, now: float) -> Columns:
    checks.required(datum, "MetricName", where=where)
    name = checks.text(datum["MetricName"], f"{where}MetricName")
    pairs = checks.dimensions(datum.get("Dimensions") or (), f"{where}Dimensions")
    unit = checks.unit(datum.get("Unit"), f"{where}Unit") or "None"
    time = _time(datum, where, now)
    named = SeriesKey(key.region, key.namespace, name, pairs), unit
    return named, {"t": [time], **_seen(datum, where)}


def _time(datum: Params, where: str, now: float) -> int:
    """Return the datum's second, or its minute unless it is of high resolution."""
    resolution = datum.get("StorageResolution", MINUTE)
    if resolution not in (1, MINUTE):
        raise checks.invalid(f"The parameter {where}StorageResolution must be 1 or 60.")
    given = datum.get("Timestamp")
    time = now if given is None else checks.epoch_s(given)
    if time < now - 14 * DAY:
        raise checks.invalid(f"The parameter {where}Timestamp must specify a time within the past two weeks.")
    if time > now + 2 * HOUR:
        raise checks.invalid(
            f"The parameter {where}Timestamp must specify a time no more than two hours in the future."
        )
    return int(time) // int(resolution) * int(resolution)


def _seen(datum: Params, where: str) -> dict[str, Any]:
    """Return the columns of what the datum says was seen."""
    given = [shape for shape in SHAPES if datum.get(shape) not in (None, [])]
    if len(given) > 1:
        first, second = given[:2]
        raise checks.combination(
            f"The parameters {where}{first} and {where}{second} are mutually exclusive "
            "and you have specified both."
        )
    if not given:
        raise checks.missing(f"{where}Value")
    if datum.get("Counts") and given != ["Values"]:
        raise checks.combination(f"The parameter {where}Counts goes with {where}Values only.")
    shape = given[0]
    if shape == "Value":
        return {"v": [_number(datum["Value"], f"{where}Value")]}
    return _values(datum, where) if shape == "Values" else _set(datum[shape], f"{where}{shape}.")


def _values(datum: Params, where: str) -> dict[str, Any]:
    values = [_number(value, f"{where}Values") for value in datum["Values"]]
    if len(values) > MAX_VALUES:
        raise checks.invalid(f"The collection {where}Values must not have a size greater than {MAX_VALUES}.")
    counts = [_number(count, f"{where}Counts") for count in datum.get("Counts") or [1.0] * len(values)]
    if len(counts) != len(values):
        raise checks.invalid(f"The parameters {where}Values and {where}Counts must be of the same size.")
    if any(count <= 0 for count in counts):
        raise checks.invalid(f"The values for parameter {where}Counts must be greater than 0.")
    return {"x": [values], "c": [counts]}


def _set(given: Params, where: str) -> dict[str, Any]:
    for name in SET:
        if given.get(name) is None:
            raise checks.missing(where + name)
    count, total, least, most = (_number(given[name], where + name) for name in SET)
    if count <= 0:
        raise checks.invalid(f"The value {count:g} for parameter {where}SampleCount must be greater than 0.")
    if least > most:
        raise checks.invalid(f"The parameter {where}Maximum must be greater than or equal to {where}Minimum.")
    return {"n": [count], "s": [total], "lo": [least], "hi": [most]}


def _number(value: float, name: str) -> float:
    """Return a value CloudWatch takes: no NaN, no infinity, between -2**360 and 2**360."""
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise checks.invalid(f"The value {value} for parameter {name} is invalid.")
    return float(value)
