"""What CloudWatch checks of every call's parameters, refused with its codes and words."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.core.utils import get_service_model

from opskit.sandbox.front import RefusedError
from opskit.sandbox.metrics.batch import Dimensions

MINUTE, HOUR, DAY = 60, 3600, 86_400
MAX_DIMENSIONS = 30
MAX_NAME = 255
MAX_DIMENSION_VALUE = 1024
SHORT_PERIODS = (1, 5, 10, 20, 30)
UNITS = frozenset(get_service_model("cloudwatch").shape_for("StandardUnit").enum)

Params = Mapping[str, Any]


def invalid(message: str) -> RefusedError:
    """Return the refusal of a value."""
    return RefusedError("InvalidParameterValue", message)


def combination(message: str) -> RefusedError:
    """Return the refusal of parameters that do not go together."""
    return RefusedError("InvalidParameterCombination", message)


def missing(name: str) -> RefusedError:
    """Return the refusal of a call that lacks a parameter (MissingRequiredParameterException)."""
    return RefusedError("MissingParameter", f"The parameter {name} is required.")


def malformed(message: str) -> RefusedError:
    """Return the refusal GetMetricData gives (ValidationError)."""
    return RefusedError("ValidationError", message)


def required(params: Params, *names: str, where: str = "") -> None:
    """Refuse a call that lacks one of `names`; `where` is the path before them, ending in a dot."""
    for name in names:
        if params.get(name) in (None, "", []):
            raise missing(where + name)


def text(value: str, name: str, longest: int = MAX_NAME) -> str:
    """Return a name if it is 1 to `longest` printable ASCII characters, as CloudWatch wants it."""
    if not 1 <= len(value) <= longest or not value.strip() or not (value.isascii() and value.isprintable()):
        raise invalid(f"The value {value} for parameter {name} is invalid.")
    return value


def namespace(value: str, name: str = "Namespace") -> str:
    """Return a namespace; AWS/... is allowed, which AWS keeps for itself: incidents are made of it."""
    if value.startswith(":"):
        raise invalid(f"The value {value} for parameter {name} is invalid.")
    return text(value, name)


def dimensions(given: Sequence[Params], name: str) -> Dimensions:
    """Return the dimensions sorted: their order names no other metric."""
    if len(given) > MAX_DIMENSIONS:
        raise invalid(f"The collection {name} must not have a size greater than {MAX_DIMENSIONS}.")
    pairs = []
    for number, each in enumerate(given, 1):
        where = f"{name}.member.{number}."
        required(each, "Name", "Value", where=where)
        pair = (text(each["Name"], f"{where}Name"), text(each["Value"], f"{where}Value", MAX_DIMENSION_VALUE))
        pairs.append(pair)
    if len({key for key, _ in pairs}) < len(pairs):
        raise invalid(f"The collection {name} must not have two dimensions of one name.")
    return tuple(sorted(pairs))


def unit(value: str | None, name: str) -> str | None:
    """Return a unit that CloudWatch knows."""
    if value is not None and value not in UNITS:
        raise invalid(f"The parameter {name} must be a value in the set [ {', '.join(sorted(UNITS))} ].")
    return value


def period(value: int, name: str) -> int:
    """Return a period in seconds: one of the short ones or whole minutes."""
    if value not in SHORT_PERIODS and (value < MINUTE or value % MINUTE):
        raise invalid(f"The parameter {name} must be 1, 5, 10, 20, 30 or a multiple of 60.")
    return value


def epoch_s(value: datetime | float) -> float:
    """Return epoch seconds of a parsed timestamp; a naive one is UTC."""
    if not isinstance(value, datetime):
        return float(value)
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def interval(params: Params) -> tuple[float, float]:
    """Return StartTime and EndTime in epoch seconds; the caller words the refusal of an empty interval."""
    return epoch_s(params["StartTime"]), epoch_s(params["EndTime"])
