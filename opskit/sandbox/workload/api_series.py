"""The AWS/ApiGateway series of an API: REST and HTTP APIs differ in metric names and dimensions.

API Gateway guide, "Amazon API Gateway dimensions and metrics" and "Working with metrics for HTTP APIs". A
minute without a request has no point.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from opskit.sandbox.workload.api import ApiMinute
from opskit.sandbox.workload.published import Dimensions, Measured, Published, counted


@dataclass(frozen=True, slots=True)
class _Names:
    api: str
    client_errors: str
    server_errors: str


_REST = _Names("ApiName", "4XXError", "5XXError")
_HTTP = _Names("ApiId", "4xx", "5xx")


def rest_series(
    api_name: str, stage: str, start_epoch_s: int, minutes: Iterable[tuple[int, ApiMinute]]
) -> Iterator[Published]:
    """Yield the series of a REST API, by its name and by its name and stage."""
    yield from _series(_REST, api_name, stage, start_epoch_s, minutes)


def http_series(
    api_id: str, stage: str, start_epoch_s: int, minutes: Iterable[tuple[int, ApiMinute]]
) -> Iterator[Published]:
    """Yield the series of an HTTP API, by its id and by its id and stage."""
    yield from _series(_HTTP, api_id, stage, start_epoch_s, minutes)


def _series(
    names: _Names, api: str, stage: str, start_epoch_s: int, minutes: Iterable[tuple[int, ApiMinute]]
) -> Iterator[Published]:
    points: dict[str, list[tuple[int, Measured]]] = {}
    for index, minute in sorted(minutes, key=lambda m: m[0]):
        for name, measured in _measured(names, minute):
            points.setdefault(name, []).append((start_epoch_s + index * 60, measured))
    whole: Dimensions = ((names.api, api),)
    for dimensions in (whole, (*whole, ("Stage", stage))):
        for name, seen in points.items():
            yield Published("AWS/ApiGateway", name, dimensions, tuple(seen))


def _measured(names: _Names, minute: ApiMinute) -> Iterator[tuple[str, Measured]]:
    requests = sum(minute.statuses.values())
    if not requests:
        return
    client, server = _of_class(minute, 4), _of_class(minute, 5)
    yield "Count", counted({1.0: requests})
    yield names.client_errors, counted({1.0: client, 0.0: requests - client})
    yield names.server_errors, counted({1.0: server, 0.0: requests - server})
    yield "Latency", counted(minute.latencies_ms)
    if minute.integration_ms:
        yield "IntegrationLatency", counted(minute.integration_ms)
    if names is _HTTP:
        yield "DataProcessed", counted({minute.data_bytes / requests: requests})


def _of_class(minute: ApiMinute, hundreds: int) -> int:
    return sum(number for status, number in minute.statuses.items() if status // 100 == hundreds)
