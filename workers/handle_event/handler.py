"""handleEvent's handler: fan events from the queue, each to where events of its type go."""

import logging
from typing import Any

import stamina
from aws_lambda_powertools.utilities.batch import EventType

from workers.common.batch import Answer, process
from workers.common.events import records_of
from workers.common.worker import Run, worker
from workers.handle_event.routing import Batch
from workers.handle_event.settings import HandleSettings

_log = logging.getLogger(__name__)


def _retried(details: stamina.instrumentation.RetryDetails) -> None:
    """Write down what is tried again; stamina's own line names neither the cause nor the call."""
    _log.warning("tried again in %.1f s: %s", details.wait_for, details.caused_by)


stamina.instrumentation.set_on_retry_hooks([_retried])


class NothingHandledError(Exception):
    """No message of a batch could be handled: the function's Errors tell of it, and Lambda slows down."""


@worker("handleEvent", "handle_event", HandleSettings, warm=("dynamodb", "kinesis"))
def handle(event: Any, run: Run[HandleSettings]) -> Answer:
    """Handle a batch of messages, and answer which of them are to come again."""
    records = [dict(one) for one in records_of(event, "aws:sqs")]
    batch = Batch(run, len(records))
    answer = process(records, batch.route, kind=EventType.SQS, run=run, need_ms=run.settings.need_ms)
    late = [{"itemIdentifier": one} for one in batch.flush()]
    failed = [*answer["batchItemFailures"], *late]
    if late and len(failed) == len(records):
        raise NothingHandledError(
            f"all {len(records)} messages failed; their errors stand in the lines above"
        )
    return {"batchItemFailures": failed}
