"""Any read-only AWS call: all its pages, times as epoch seconds, reduced to what its signal selects."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import jmespath
from botocore import xform_name
from jmespath.exceptions import JMESPathError

from opskit.aws.faults import FAULTS, explain
from opskit.aws.price import Meter
from opskit.aws.session import Aws
from opskit.mask import mask_document
from opskit.model import Describe, Json, Param, Reading, Status

READ_ONLY = ("Get", "Describe", "List", "Lookup")


def check(signal: Describe) -> None:
    """Raise ValueError for a signal that only a mistake in a runbook can have made."""
    if not signal.operation.startswith(READ_ONLY):
        raise ValueError(f"{signal.service} {signal.operation} is not a read-only call")
    _compiled(signal.select)


def ask(aws: Aws, signal: Describe, meter: Meter) -> Reading:
    """Make the call and keep what `select` keeps; a list without elements is an answer, hence ok."""
    check(signal)
    meter.called(signal.service)
    try:
        answer = _all_pages(aws.client(signal.service), signal)
    except FAULTS as error:
        return explain(error, signal.service, signal.operation).reading()
    try:
        return Reading(Status.OK, document=mask_document(_compiled(signal.select).search(plain(answer))))
    except JMESPathError as error:
        reason = f"the answer is not as {signal.operation} answers: {error}"
        return Reading(Status.FAILED, " ".join(reason.split()), "UnexpectedAnswer")


def plain(value: Any) -> Json:
    """Return an answer as JSON: times as epoch seconds UTC, no environment variables, no bytes."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(moment.timestamp())
    if isinstance(value, Mapping):
        return {key: _member(key, member) for key, member in value.items() if not _holds_variables(member)}
    if isinstance(value, (list, tuple)):
        return [plain(member) for member in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def _holds_variables(value: Any) -> bool:
    """Tell a function's Environment: it holds secrets as often as settings and comes no further."""
    return isinstance(value, Mapping) and isinstance(value.get("Variables"), Mapping)


def _member(key: str, value: Any) -> Json:
    # Lambda's model has a function's LastModified as text ("2027-01-15T08:00:00.000+0000").
    if key == "LastModified" and isinstance(value, str) and _ISO_TIME.fullmatch(value):
        return plain(datetime.fromisoformat(value))
    return plain(value)


_ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:?\d\d)?", re.ASCII)


@lru_cache(maxsize=512)
def _compiled(select: str) -> Any:
    return jmespath.compile(select)


def _all_pages(client: Any, signal: Describe) -> dict[str, Any]:
    if signal.operation not in client.meta.service_model.operation_names:
        raise ValueError(f"{signal.service} has no operation {signal.operation}")
    method = xform_name(signal.operation)
    params = {name: _sent(value) for name, value in signal.params}
    if client.can_paginate(method):
        pages = client.get_paginator(method).paginate(**params)
        return dict(pages.build_full_result())
    answer = dict(getattr(client, method)(**params))
    answer.pop("ResponseMetadata", None)
    return answer


def _sent(value: Param) -> Any:
    """Return a parameter as botocore takes it: pairs as a structure, any other tuple as a list."""
    if not isinstance(value, tuple):
        return value
    pairs = [one for one in value if isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str)]  # noqa: PLR2004
    if value and len(pairs) == len(value):
        return {str(name): _sent(inner) for name, inner in pairs}
    return [_sent(one) for one in value]
