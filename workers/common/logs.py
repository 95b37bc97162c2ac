"""Log lines with the handbook's fields, one JSON object each: Powertools' logger with a formatter for them.

Every line has timestamp, level, message, functionName and, in an invocation, requestId, coldStart,
correlationId and traceId. opskit reads them in opskit/logs/jsonlines.py.
"""

import functools
import hashlib
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from workers.common import tracing
from workers.common.settings import Logging

_ORDER = ["timestamp", "level", "requestId", "functionName", "message"]
_HIDDEN = ("service", "sampling_rate", "taskName", "xray_trace_id")
_LEVELS = ("AWS_LAMBDA_LOG_LEVEL", "POWERTOOLS_LOG_LEVEL")


class Formatter(LambdaPowertoolsFormatter):
    """Powertools' formatter with the handbook's names, a message that is always text, and the current ids."""

    def __init__(self) -> None:
        super().__init__(log_record_order=list(_ORDER), serialize_stacktrace=False, location=None)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        """Return the time in UTC with milliseconds, as Lambda's own JSON lines have it."""
        at = datetime.fromtimestamp(record.created, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def serialize(self, log: dict[str, Any]) -> str:  # type: ignore[override]  # their LogRecord is a dict
        """Return the line: the ids of what runs here, the kind of error, and no key that says nothing."""
        ids = {"correlationId": tracing.correlation_id() or None, "traceId": tracing.trace_id() or None}
        kept = {key: value for key, value in (ids | log).items() if key not in _HIDDEN and value is not None}
        if "exception_name" in kept:
            kept["errorType"] = kept.pop("exception_name")
        first = {key: kept.pop(key) for key in _ORDER if key in kept}
        return super().serialize(first | kept)

    def _extract_log_message(self, log_record: logging.LogRecord) -> str:
        """Return the message as it was written: Powertools would read "123" as a number."""
        return log_record.getMessage()


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to what sys.stdout is now, so that a caller may redirect it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stdout

    @stream.setter
    def stream(self, value: TextIO) -> None:
        """Nothing is kept: the stream is asked for each time."""


@functools.cache
def logger(worker: str) -> Logger:
    """Return the worker's one logger, and give the libraries' warnings the same form.

    They come through the root logger, to which Lambda's runtime has given a handler of its own.
    """
    made = Logger(service=worker, logger_handler=_Stdout(), logger_formatter=Formatter())
    made._logger.propagate = False  # noqa: SLF001 - or the root logger would write each line again
    logging.root.setLevel(logging.WARNING)  # what libraries do is no news, though Lambda may have set INFO
    if not logging.root.handlers:
        logging.root.addHandler(_Stdout())
    for handler in logging.root.handlers:
        handler.setFormatter(made.registered_formatter)
    logging.captureWarnings(capture=True)
    return made


def bind(log: Logger, settings: Logging, keys: Mapping[str, object]) -> None:
    """Set the level and the keys that every line of this invocation has, in place of the last one's."""
    log.registered_formatter.clear_state()
    log.append_keys(**keys)
    chosen_outside = any(os.environ.get(name) for name in _LEVELS)
    log.setLevel(None if chosen_outside else settings.level)


def person(user_id: str, settings: Logging) -> str:
    """Return how a line names a fan: the same pseudonym in every worker, unless the settings show the id.

    A pseudonym, not anonymity: who knows an id can find its lines, as on-call must when a fan calls.
    """
    if settings.show_user_ids:
        return user_id
    return "u-" + hashlib.blake2b(user_id.encode(), digest_size=6).hexdigest()
