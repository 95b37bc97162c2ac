"""What the control plane's parts share: pages, ranges, function names and moto's own refusals."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.core.utils import get_service_model

from opskit.sandbox.front import Call, RefusedError

T = TypeVar("T")

_FUNCTION = re.compile(
    r"(?:arn:aws[\w-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?(?:\d{12}:)?(?:function:)?"
    r"(?P<name>[\w.-]+)(?::(?P<qualifier>\$LATEST|[\w-]+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function as a call names it: by name, partial ARN or ARN, with or without a version or alias."""

    name: str
    qualifier: str | None = None


def function_name(call: Call, field: str = "FunctionName") -> FunctionName:
    """Read the call's function; ValidationException if it is no name, 404 if it is of another region."""
    text = call.params[field]
    match = _FUNCTION.fullmatch(text)
    if not match:
        problem = f"Value '{text}' at 'functionName' failed to satisfy constraint"
        raise RefusedError("ValidationException", f"1 validation error detected: {problem}")
    if match["region"] not in (None, call.region):
        raise RefusedError(
            "ResourceNotFoundException", f"Functions from '{match['region']}' are not reachable", 404
        )
    return FunctionName(match["name"], call.params.get("Qualifier") or match["qualifier"])


def function_arn(call: Call, name: FunctionName) -> str:
    """Return the function's ARN in the call's region, with its qualifier if it has one."""
    suffix = f":{name.qualifier}" if name.qualifier else ""
    return f"arn:aws:lambda:{call.region}:{call.account}:function:{name.name}{suffix}"


@contextmanager
def moto_refusals() -> Iterator[None]:
    """Let moto's errors out as ours, so that the front writes them."""
    try:
        yield
    except JsonRESTError as error:
        raise RefusedError(error.error_type, error.message, error.code) from error
    except ServiceException as error:
        raise RefusedError(error.code, error.message) from error


def page(items: Sequence[T], marker: str | None, size: int) -> tuple[Sequence[T], str | None]:
    """Return one page and the marker of the next; an unreadable marker is refused."""
    start = _offset(marker) if marker else 0
    rest = start + size < len(items)
    return items[start : start + size], _marker(start + size) if rest else None


def _marker(offset: int) -> str:
    return base64.urlsafe_b64encode(f"opskit:{offset}".encode()).decode()


def _offset(marker: str) -> int:
    try:
        name, _, offset = base64.urlsafe_b64decode(marker).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        name, offset = "", ""
    if name != "opskit" or not offset.isdecimal():
        raise RefusedError("InvalidParameterValueException", f"Invalid marker: {marker}")
    return int(offset)


def limited(asked: int | None, most: int) -> int:
    """Return the page size: what was asked, at most what AWS gives."""
    return min(asked or most, most)


def model_ranges(*shapes: str) -> dict[str, tuple[int, int]]:
    """Return the least and the most that Lambda's own model gives for numbers of these names."""
    model = get_service_model("lambda")
    limits = {shape: model.shape_for(shape).metadata for shape in shapes}
    return {shape: (limit["min"], limit["max"]) for shape, limit in limits.items()}


def check_ranges(params: Mapping[str, Any], ranges: Mapping[str, tuple[int, int]]) -> None:
    """Refuse a number out of its range, in the words of Lambda's validation."""
    for name, (least, most) in ranges.items():
        value = params.get(name)
        if value is not None and not least <= value <= most:
            field = name[0].lower() + name[1:]
            side = f"greater than or equal to {least}" if value < least else f"less than or equal to {most}"
            problem = (
                f"Value '{value}' at '{field}' failed to satisfy constraint: Member must have value {side}"
            )
            raise RefusedError("ValidationException", f"1 validation error detected: {problem}")


def iso(at_s: float) -> str:
    """Return a time as Lambda writes LastModified: 2026-11-24T03:00:00.000+0000."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def datetime_of(at_s: float) -> datetime:
    """Return epoch seconds as the aware datetime that answers carry."""
    return datetime.fromtimestamp(at_s, UTC)


def regional(call: Call) -> tuple[str, str]:
    """Return the key of a store that each region of an account has its own of."""
    return call.account, call.region
