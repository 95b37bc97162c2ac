"""A worker run on this machine: its handler in a process, the embedded AWS and a collector beside it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from opskit.errors import UsageError
from opskit.inventory.worker import Worker
from opskit.invoke import process
from opskit.invoke.environment import Place, environment
from opskit.invoke.event import Payload
from opskit.invoke.lines import told
from opskit.invoke.model import Error, Invocation, Subject
from opskit.invoke.outcome import unprocessed
from opskit.invoke.process import Asked, Ran
from opskit.invoke.receiver import Receiver, receiving
from opskit.mask import mask, mask_fields

HANDLER = "handler.py"
_EXTRA = ("aws_lambda_powertools", "opentelemetry.proto", "opentelemetry.sdk")


@dataclass(frozen=True, slots=True)
class Code:
    """A worker's folder among the others, below what Lambda calls the task root."""

    workers: Path
    folder: str

    @property
    def root(self) -> Path:
        """Where packages are imported from."""
        return self.workers.parent

    @property
    def handler(self) -> str:
        """What the function's Handler setting is."""
        return f"{self.workers.name}.{self.folder}.handler.handle"

    def check(self) -> None:
        """Raise UsageError if there is no handler, or the libraries of workers are not installed."""
        path = self.workers / self.folder / HANDLER
        if not path.is_file():
            raise UsageError(f"{self.workers.name}/{self.folder}: it has no {HANDLER}")
        if not all(map(_installed, _EXTRA)):
            raise UsageError("running a worker needs the workers extra", "pip install 'opskit[workers]'")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is not there
        return False


def invoke(
    code: Code,
    worker: Worker,
    event: Payload,
    subject: Subject,
    around: Mapping[str, str],
    *,
    network: bool,
) -> Invocation:
    """Run the handler once; `around` are the variables of this process."""
    request_id = str(uuid.uuid4())
    with receiving() as receiver:
        place = _place(code, worker, subject, receiver.url, network=network)
        ran = process.run(
            Asked(
                root=code.root,
                handler=code.handler,
                event=event.text,
                environment=environment(place, around),
                request_id=request_id,
                function_arn=f"arn:aws:lambda:{worker.region}:{subject.account}:function:{worker.function}",
                timeout_s=subject.timeout_s,
            )
        )
    return _invocation(ran, worker, subject, request_id, receiver)


def _place(code: Code, worker: Worker, subject: Subject, collector: str, *, network: bool) -> Place:
    day = datetime.now(UTC)
    return Place(
        function=worker.function,
        env=worker.env,
        region=worker.region,
        memory_mb=subject.memory_mb,
        log_group=worker.log_group,
        log_stream=f"{day:%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}",
        log_format=str(worker.expected.get("log_format") or "Text"),
        handler=code.handler,
        root=str(code.root),
        aws=subject.endpoint,
        collector=collector,
        open=network,
    )


def _invocation(
    ran: Ran, worker: Worker, subject: Subject, request_id: str, receiver: Receiver
) -> Invocation:
    lines, metrics = told(ran.lines, worker.name, worker.log_group)
    reports = bool(worker.expected.get("report_batch_item_failures"))
    return Invocation(
        subject=subject,
        request_id=request_id,
        ended=ran.ended,
        result=mask_fields(ran.result),
        error=_masked(ran.error) if ran.error else None,
        unprocessed=unprocessed(ran.result, subject.ids, worker.trigger, reports=reports),
        init_ms=ran.init_ms,
        handler_ms=ran.handler_ms,
        used_mb=ran.memory_mb,
        lines=lines,
        spans=tuple(receiver.spans),
        metrics=metrics,
        refused=tuple(receiver.refused),
    )


def _masked(error: Error) -> Error:
    return Error(error.type, mask(error.message), tuple(map(mask, error.trace)))


def names_of(folder: Path) -> Sequence[str]:
    """Return the names of a worker's sample events."""
    return sorted(path.stem for path in folder.glob("events/*.json"))


def sample(code: Code, name: str) -> str:
    """Return the text of a sample event; UsageError naming those there are."""
    folder = code.workers / code.folder
    known = names_of(folder)
    if name not in known:
        said = f"it has {', '.join(known)}" if known else "it has none"
        raise UsageError(f"{code.workers.name}/{code.folder}/events has no {name}", said)
    return (folder / "events" / f"{name}.json").read_text("utf-8")


def described(worker: Worker) -> dict[str, Any]:
    """Return the manifest's limits of the function."""
    return {"timeout_s": worker.expected["timeout_s"], "memory_mb": worker.expected["memory_mb"]}
