"""The lines that Lambda's platform and a worker write about an execution: text and JSON, old and new.

Their forms: Lambda guide, "JSON and plain text log formats" and "Understanding the Lambda execution
environment lifecycle"; the fields of a worker's own lines are the handbook's.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, repeat
from random import Random
from typing import Protocol

from opskit.sandbox.workload.execution import KILLED, TIMEOUT

DAY_MS = 86_400_000
STREAMS = 8
"""Log streams that one version's executions of a day are spread over."""


_STATUS = {"": "success", TIMEOUT: TIMEOUT}


class Execution(Protocol):
    """What a line can say of one execution."""

    @property
    def at_s(self) -> float: ...  # noqa: D102 - as in `shard.Run`
    @property
    def records(self) -> int: ...  # noqa: D102
    @property
    def duration_ms(self) -> float: ...  # noqa: D102
    @property
    def init_ms(self) -> float: ...  # noqa: D102
    @property
    def error(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def used_mb(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Writer:
    """How one function's lines look."""

    function: str
    memory_mb: int
    timeout_s: float
    json_format: bool
    old: bool = False
    """The older platform lines: "Task timed out", and no status on REPORT."""
    flow: str = ""
    """Workers of one flow that run in the same second carry one correlation id; "" carries none."""

    def lines(
        self, executions: Iterable[Execution], start: float, random: Random
    ) -> Iterator[tuple[str, int, str]]:
        """Yield (log stream, epoch ms, message) of executions; `start` is the model's second 0."""
        write = self._json if self.json_format else self._text
        for run in chain.from_iterable(repeat(run, getattr(run, "stands_for", 1)) for run in executions):
            request = _uuid(random)
            begin = int((start + run.at_s) * 1000)
            stream = _stream(begin // DAY_MS, run.version, int(random.random() * STREAMS))
            for offset, text in write(run, request, begin):
                yield stream, begin + offset, text

    def _text(self, run: Execution, request: str, begin: int) -> Iterator[tuple[int, str]]:
        end = round(run.init_ms + run.duration_ms)
        yield 0, f"START RequestId: {request} Version: {run.version}\n"
        yield from ((end, text) for text in self._text_outcome(run, request, begin + end))
        yield end, f"END RequestId: {request}\n"
        yield end, self._report(run, request)

    def _text_outcome(self, run: Execution, request: str, end_ms: int) -> Iterator[str]:
        stamp = _iso(end_ms)
        if not run.error:
            yield f"[INFO]\t{stamp}\t{request}\tprocessed {run.records} records\n"
        elif run.error == TIMEOUT:
            if self.old:
                yield f"{stamp} {request} Task timed out after {self.timeout_s:.2f} seconds\n\n"
        elif run.error == KILLED:
            killed = "Runtime exited with error: signal: killed\nRuntime.ExitError"
            yield f"RequestId: {request} Error: {killed}\n"
        else:
            stack = 'Traceback (most recent call last):\n  File "/var/task/handler.py", line 41, in handler'
            yield f"[ERROR] {run.error}\n{stack}"

    def _report(self, run: Execution, request: str) -> str:
        fields = [
            f"REPORT RequestId: {request}",
            f"Duration: {run.duration_ms:.2f} ms",
            f"Billed Duration: {int(run.duration_ms) + 1} ms",
            f"Memory Size: {self.memory_mb} MB",
            f"Max Memory Used: {run.used_mb} MB",
        ]
        if run.init_ms:
            fields.append(f"Init Duration: {run.init_ms:.2f} ms")
        if run.error and not self.old:
            fields.append("Status: timeout" if run.error == TIMEOUT else "Status: error")
            if run.error == KILLED:
                fields.append("Error Type: Runtime.OutOfMemory")
        return "\t".join(fields) + "\t\n"

    def _json(self, run: Execution, request: str, begin: int) -> Iterator[tuple[int, str]]:
        end = round(run.init_ms + run.duration_ms)
        stamp = _iso(begin + end)
        yield 0, _platform(_iso(begin), "start", f'{{"requestId": "{request}", "version": "{run.version}"}}')
        if run.error != TIMEOUT:
            yield end, self._said(run, request, stamp)
        elif self.old:
            yield end, f"{stamp} {request} Task timed out after {self.timeout_s:.2f} seconds\n\n"
        yield end, _platform(stamp, "report", self._record(run, request))

    def _said(self, run: Execution, request: str, stamp: str) -> str:
        """Return what the worker's own logger writes, with the handbook's fields."""
        message = run.error or f"processed {run.records} records"
        head = (
            f'{{"timestamp": "{stamp}", "level": "{"ERROR" if run.error else "INFO"}", '
            f'"requestId": "{request}", {self._correlation(run)}"functionName": "{self.function}", '
            f'"message": {_quoted(message)}, '
        )
        if not run.error:
            return f'{head}"records": {run.records}, "duration": {round(run.duration_ms)}}}'
        kind, _, text = run.error.partition(": ")
        return f'{head}"errorType": {_quoted(kind)}, "errorMessage": {_quoted(text)}}}'

    def _correlation(self, run: Execution) -> str:
        # By the model's time, which does not move when the sandbox's past does.
        return f'"correlationId": "{_named(f"{self.flow}:{int(run.at_s)}")}", ' if self.flow else ""

    def _record(self, run: Execution, request: str) -> str:
        init = f', "initDurationMs": {run.init_ms:.3f}' if run.init_ms else ""
        metrics = (
            f'{{"durationMs": {run.duration_ms:.3f}, "billedDurationMs": {int(run.duration_ms) + 1}, '
            f'"memorySizeMB": {self.memory_mb}, "maxMemoryUsedMB": {run.used_mb}{init}}}'
        )
        outcome = ""
        if not self.old:
            outcome = f', "status": "{_STATUS.get(run.error, "error")}"'
        if not self.old and run.error == KILLED:
            outcome += ', "errorType": "Runtime.OutOfMemory"'
        return f'{{"requestId": "{request}", "metrics": {metrics}{outcome}}}'


def _platform(stamp: str, kind: str, record: str) -> str:
    return f'{{"time": "{stamp}", "type": "platform.{kind}", "record": {record}}}'


def _uuid(draw: Random) -> str:
    return _shaped(f"{draw.getrandbits(128):032x}")


@lru_cache(maxsize=4096)
def _named(name: str) -> str:
    """Return the same id for the same name."""
    return _shaped(blake2b(name.encode(), digest_size=16).hexdigest())


def _shaped(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    return json.dumps(text)


@lru_cache(maxsize=4096)
def _stream(day: int, version: int, number: int) -> str:
    """Return a log stream's name; `day` is counted from 1970 on."""
    date = datetime.fromtimestamp(day * DAY_MS // 1000, UTC)
    return f"{date:%Y/%m/%d}/[{version}]{number:032x}"


def _iso(ms: int) -> str:
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=4096)
def _second(at: int) -> str:
    return f"{_minute(at // 60)}:{at % 60:02d}"


@lru_cache(maxsize=4096)
def _minute(number: int) -> str:
    return datetime.fromtimestamp(number * 60, UTC).strftime("%Y-%m-%dT%H:%M")
