"""What a mapping may read: a queue, a stream or a table's stream that exists and fits the function."""

from collections.abc import Iterable
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.kinesis.models import kinesis_backends

from opskit.sandbox.front import Call, RefusedError
from opskit.sandbox.queues import Queues

_KINDS = {"sqs", "kinesis", "dynamodb"}


def source_kind(arn: str) -> str:
    """Return sqs, kinesis or dynamodb; other sources are refused."""
    parts = arn.split(":")
    kind = parts[2] if len(parts) > 5 else ""  # noqa: PLR2004  # an ARN has six parts
    if kind not in _KINDS:
        raise RefusedError("InvalidParameterValueException", "Unrecognized event source.", Type="User")
    return kind


class Sources:
    """The queues and streams that mappings name."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def check(self, call: Call, arn: str, timeout_s: int) -> None:
        """Refuse a source that is not there, or a queue whose messages reappear before the function ends."""
        kind = source_kind(arn)
        if kind == "sqs":
            self._check_queue(arn, timeout_s)
        elif kind == "kinesis":
            streams = kinesis_backends[call.account][arn.split(":")[3]].streams.values()
            consumers = (consumer for stream in streams for consumer in stream.consumers)
            readable = {stream.arn for stream in streams} | {each.consumer_arn for each in consumers}
            _exists(arn, readable)
        else:
            tables = dynamodb_backends[call.account][arn.split(":")[3]].tables.values()
            _exists(arn, (_stream_arn(table) for table in tables))

    def _check_queue(self, arn: str, timeout_s: int) -> None:
        try:
            visibility_s = int(self._queues.attributes(arn)["VisibilityTimeout"])
        except RefusedError as error:
            problem = f"Error occurred while ReceiveMessage. SQS Error Code: {error.code}. {error.message}"
            raise RefusedError("InvalidParameterValueException", problem, Type="User") from error
        if visibility_s < timeout_s:
            problem = (
                f"Queue visibility timeout: {visibility_s} seconds is less than "
                f"Function timeout: {timeout_s} seconds"
            )
            raise RefusedError("InvalidParameterValueException", problem, Type="User")


def _stream_arn(table: Any) -> str:
    return f"{table.table_arn}/stream/{table.latest_stream_label}" if table.latest_stream_label else ""


def _exists(arn: str, known: Iterable[str]) -> None:
    if arn not in known:
        raise RefusedError("InvalidParameterValueException", f"Stream not found: {arn}", Type="User")
