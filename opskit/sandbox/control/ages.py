"""The times that moto keeps of what an operator looks at, moved into the past."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from moto.apigateway.models import apigateway_backends
from moto.awslambda_simple.models import lambda_simple_backends
from moto.dynamodb.models import dynamodb_backends
from moto.kinesis.models import kinesis_backends

from opskit.sandbox.control.common import iso
from opskit.sandbox.front import ACCOUNT


def shift(seconds: float) -> None:
    """Let functions, streams with their records, tables and REST APIs be `seconds` older."""
    back = timedelta(seconds=seconds)
    for backend in _regions(lambda_simple_backends):
        _shift_functions(backend, back)
    for backend in _regions(kinesis_backends):
        for stream in backend.streams.values():
            _shift_stream(stream, back)
    for backend in _regions(dynamodb_backends):
        for table in backend.tables.values():
            table.created_at -= back
    for backend in _regions(apigateway_backends):
        for api in backend.apis.values():
            _shift_api(api, seconds)


def _regions(backends: Any) -> Iterator[Any]:
    yield from list(backends[ACCOUNT].values())


def _shift_functions(backend: Any, back: timedelta) -> None:
    for function in backend.list_functions():
        # The first of the versions is a copy of the function itself.
        _, *versions = backend.list_versions_by_function(function.function_name)
        for each in (function, *versions):
            at = datetime.fromisoformat(each.last_modified)
            each.last_modified = iso((at - back).timestamp())


def _shift_stream(stream: Any, back: timedelta) -> None:
    stream.creation_datetime -= back
    for consumer in stream.consumers:
        consumer.created -= back
    for shard in stream.shards.values():
        for record in shard.records.values():
            record.created_at_datetime -= back
            record.created_at -= back.total_seconds()


def _shift_api(api: Any, seconds: float) -> None:
    api.create_date -= seconds
    for deployment in api.deployments.values():
        deployment.created_date -= seconds
