"""What a worker's manifest names, made in the embedded AWS; what is there already stays as it is."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from opskit.aws.faults import FAULTS, explain
from opskit.aws.session import Aws
from opskit.errors import CannotLookError
from opskit.inventory.worker import Worker

KEY = "id"
"""The partition key of a table of which no manifest says another; as in the played fleet."""
_THERE = ("ResourceInUseException", "QueueNameExists", "QueueAlreadyExists")


def create(aws: Aws, worker: Worker, keys: Mapping[str, str]) -> None:
    """Make the tables, queues, streams and topics of a worker; `keys`: partition keys by table.

    CannotLookError if the endpoint does not take one.
    """
    streamed = worker.sources[0].name if worker.trigger == "dynamodb-stream" else ""
    tables = [("table", name) for name in worker.tables]
    for kind, name in dict.fromkeys([*tables, *worker.downstream, *_of_trigger(worker)]):
        if kind == "table":
            _made(kind, name, partial(_table, aws, name, keys.get(name, KEY), streamed=name == streamed))
        elif kind in _MAKERS:
            _made(kind, name, partial(_MAKERS[kind], aws, name))


def _of_trigger(worker: Worker) -> list[tuple[str, str]]:
    source = worker.sources[0]
    kinds = {"kinesis": "stream", "sqs": "queue", "dynamodb-stream": "table"}
    named = [(kinds[source.trigger], source.name)] if source.trigger in kinds else []
    dead = {worker.dead_letter_queue, worker.expected.get("on_failure")}
    return [*named, *(("queue", str(name)) for name in dead if name)]


def _made(kind: str, name: str, make: Callable[[], Any]) -> None:
    try:
        make()
    except FAULTS as error:
        fault = explain(error)
        if fault.code.rpartition(".")[2] not in _THERE:
            raise CannotLookError(
                f"nothing was run: {kind} {name} could not be made in the embedded AWS: {fault.text}"
            ) from error


def _table(aws: Aws, name: str, key: str, *, streamed: bool) -> None:
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    aws.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **({"StreamSpecification": stream} if streamed else {}),
    )


def _queue(aws: Aws, name: str) -> None:
    aws.client("sqs").create_queue(QueueName=name, Attributes=_fifo("FifoQueue", name))


def _stream(aws: Aws, name: str) -> None:
    aws.client("kinesis").create_stream(StreamName=name, ShardCount=1)


def _topic(aws: Aws, name: str) -> None:
    aws.client("sns").create_topic(Name=name, Attributes=_fifo("FifoTopic", name))


def _fifo(attribute: str, name: str) -> dict[str, str]:
    return {attribute: "true"} if name.endswith(".fifo") else {}


_MAKERS: Mapping[str, Callable[[Aws, str], None]] = {"queue": _queue, "stream": _stream, "topic": _topic}
