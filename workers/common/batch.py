"""Partial batches: each record on its own, and what failed reported, by Powertools' BatchProcessor.

What Lambda does with the report: of SQS, the named messages become visible again, each on its own. Of Kinesis
and table streams, the batch is read again from the lowest sequence number reported, so what follows it comes
again although it succeeded: a worker must do nothing twice. (Lambda guide, "Configuring partial batch
response" of SQS, Kinesis and DynamoDB.) When every record failed the processor raises, so that the function's
Errors tell of it; Lambda then tries all of them again.
"""

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from workers.common import metrics, tracing
from workers.common.deadline import DeadlineNear
from workers.common.events import record_carried, record_id
from workers.common.worker import Run

Record = Mapping[str, Any]
Answer = Mapping[str, Any]


def process(
    records: list[dict[str, Any]],
    handle_one: Callable[[Record], None],
    *,
    kind: EventType,
    run: Run[Any],
    need_ms: int = 1,
) -> Answer:
    """Handle each record in its own span and with its own ids, and return the partial batch response.

    An exception of `handle_one` is that record's failure. A record that finds less than `need_ms` left is
    reported as failed without being begun, so it comes again.
    """
    each = _Each(handle_one, run, need_ms)
    processor = BatchProcessor(kind)
    try:
        with processor(records, each):
            processor.process()
    except BatchProcessingError:
        raise _all_failed(processor) from None
    finally:
        metrics.count(run.metrics, "RecordsHandled", len(processor.success_messages))
        metrics.count(run.metrics, "RecordsFailed", len(processor.fail_messages))
    return processor.response()


def _all_failed(processor: BatchProcessor) -> BatchProcessingError:
    """Return Powertools' error with one line: its own message holds every record's stack trace."""
    failed = Counter(kind.__name__ for kind, _, _ in processor.exceptions if kind)
    kinds = ", ".join(f"{count} {name}" for name, count in failed.most_common())
    return BatchProcessingError(f"all records of the batch failed, {kinds}; each one's log line says why")


class _Each:
    """Powertools' record handler: one record in its scope, its failure told there."""

    def __init__(self, handle_one: Callable[[Record], None], run: Run[Any], need_ms: int) -> None:
        self._handle_one = handle_one
        self._run = run
        self._need_ms = need_ms

    def __call__(self, record: Any) -> None:
        """Handle one record, which Powertools gives as its own class."""
        raw = record.raw_event
        attributes = {"record.id": record_id(raw)}
        with (
            tracing.continued("record", record_carried(raw), attributes=attributes),
            contextlib.ExitStack() as stack,
        ):
            stack.push(functools.partial(self._told, raw))
            self._run.deadline.check(self._need_ms, "the record")
            self._handle_one(raw)

    def _told(
        self,
        raw: Record,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if error is None:
            return
        said = {"recordId": record_id(raw), "errorType": type(error).__name__}
        if isinstance(error, DeadlineNear):
            self._run.log.warning("record not begun, reported as failed: %s", error, extra=said)
        else:
            self._run.log.error("record failed", exc_info=error, extra=said)
