"""Partial batches: one record's failure is its own, and what was not begun is reported, never lost."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.batch import EventType
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError
from workers_kit import TRACE, context, fan_event, kinesis, measured, said, spans, sqs

from workers.common import settings, tracing
from workers.common.batch import Answer, Record, process
from workers.common.events import record_id
from workers.common.settings import Settings
from workers.common.worker import Run, worker


@pytest.fixture(autouse=True)
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one" / "config").mkdir(parents=True)
    (tmp_path / "one" / "config" / "local-dev.toml").write_text("")
    monkeypatch.setattr(settings, "_WORKERS", tmp_path)
    monkeypatch.delenv("CONFIG_ENV", raising=False)
    settings._load.cache_clear()


def handled(
    event: dict[str, Any], one: Callable[[Record], None], timeout_s: float = 60, **options: Any
) -> Answer:
    @worker("oneWorker", "one", Settings)
    def handle(batch: dict[str, Any], run: Run[Settings]) -> Answer:
        return process(batch["Records"], one, run=run, **options)

    return handle(event, context(timeout_s=timeout_s))


def failing(*ids: str) -> Callable[[Record], None]:
    def one(record: Record) -> None:
        if record_id(record) in ids:
            raise LookupError(record_id(record))

    return one


def reported(answer: Answer) -> list[str]:
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def test_a_message_that_fails_is_reported_alone(capsys: pytest.CaptureFixture[str]) -> None:
    answer = handled(sqs({}, {}, {}), failing("message-0001"), kind=EventType.SQS)
    assert reported(answer) == ["message-0001"]
    written = capsys.readouterr().out
    assert measured(written)["RecordsHandled"] == 2
    assert measured(written)["RecordsFailed"] == 1
    told = [line for line in said(written) if line.level == "ERROR"]
    assert [(line.fields["recordId"], line.fields["errorType"]) for line in told] == [
        ("message-0001", "LookupError")
    ]


def test_stream_records_are_reported_by_sequence_number() -> None:
    batch = kinesis(fan_event(1), fan_event(2), fan_event(3))
    second = record_id(batch["Records"][1])
    assert reported(handled(batch, failing(second), kind=EventType.KinesisDataStreams)) == [second]
    changes = [{"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": str(at)}} for at in (7, 8)]
    answer = handled({"Records": changes}, failing("8"), kind=EventType.DynamoDBStreams)
    assert reported(answer) == ["8"]


def test_a_batch_that_failed_whole_is_an_error_of_the_function(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BatchProcessingError) as raised:
        handled(sqs({}, {}), failing("message-0000", "message-0001"), kind=EventType.SQS)
    line = "all records of the batch failed, 2 LookupError; each one's log line says why"
    assert str(raised.value).strip() == line
    written = capsys.readouterr().out
    assert measured(written)["RecordsFailed"] == 2
    assert said(written)[-1].message == "invocation failed"


def test_near_the_deadline_records_are_reported_without_being_begun(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_RESERVE_MS", "0")
    begun: list[str] = []

    def slow(record: Record) -> None:
        begun.append(record_id(record))
        while run_left() > 400:
            pass

    def run_left() -> int:
        from workers.common.deadline import current  # noqa: PLC0415

        now = current()
        return now.left_ms() if now else 0

    answer = handled(sqs({}, {}, {}), slow, timeout_s=0.6, kind=EventType.SQS, need_ms=500)
    assert begun == ["message-0000"]
    assert reported(answer) == ["message-0001", "message-0002"]
    told = [line for line in said(capsys.readouterr().out) if line.level == "WARN"]
    assert [line.fields["recordId"] for line in told] == ["message-0001", "message-0002"]
    assert all(line.message.startswith("record not begun, reported as failed") for line in told)


def test_each_record_goes_on_with_its_own_trace(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("oneWorker")
    other = {"correlationId": "another-one", "traceparent": f"00-{'5' * 32}-{'6' * 16}-01"}
    batch = kinesis(fan_event(1), fan_event(2, meta=other), fan_event(3, meta="none"))
    seen: list[tuple[str, str]] = []

    def one(_record: Record) -> None:
        seen.append((tracing.correlation_id(), tracing.trace_id()))
        log.info("seen")

    handled(batch, one, kind=EventType.KinesisDataStreams)
    assert [trace for _, trace in seen][:2] == [TRACE, "5" * 32]
    assert len({correlation for correlation, _ in seen}) == 3
    lines = [line for line in said(capsys.readouterr().out) if line.message == "seen"]
    assert [(line.fields["correlationId"], line.fields["traceId"]) for line in lines] == seen


def test_a_record_of_the_invocations_own_trace_is_a_step_of_the_invocation() -> None:
    with spans() as ended:
        handled(kinesis(fan_event(1)), failing(), kind=EventType.KinesisDataStreams)
    step, invocation = ended
    assert (step.name, invocation.name) == ("record", "oneWorker")
    assert step.parent is not None
    assert step.parent.span_id == invocation.context.span_id
