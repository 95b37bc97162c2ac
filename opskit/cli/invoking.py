"""What `opskit invoke` does: find the worker, read the event, run it here or invoke it there, show it."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from opskit import inventory
from opskit.aws.faults import FAULTS, explain
from opskit.aws.session import Aws
from opskit.aws.streams import read_back
from opskit.cli import out
from opskit.cli.acting import ask, refuse_account, refuse_unasked
from opskit.cli.embedded import aws_at, embedded_aws
from opskit.cli.look import endpoint_of
from opskit.cli.options import SharedOptions
from opskit.errors import CannotLookError, UsageError
from opskit.exits import Exit
from opskit.inventory import Inventory
from opskit.inventory.inventory import folder_of
from opskit.inventory.lookup import refuse_other_account
from opskit.inventory.worker import Worker
from opskit.invoke import event, local, remote, resources
from opskit.invoke.event import Payload, Read
from opskit.invoke.local import Code
from opskit.invoke.model import Invocation, Subject
from opskit.loopback import is_loopback
from opskit.redrive.records import Batch
from opskit.redrive.stream_event import parts_of
from opskit.render.canvas import Output
from opskit.render.figures import counted
from opskit.settings import Settings, nearest, show

LOCAL_ENV = "local-dev"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked on the command line."""

    worker: str
    path: str | None
    event: str | None
    letter: int | None
    network: bool
    remote: bool
    qualifier: str | None
    account: str | None
    yes: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """The worker that is meant, and where its code is."""

    worker: Worker
    settings: Settings
    code: Code
    keys: Mapping[str, str]
    """Partition keys by table, of all manifests."""


def run(shared: SharedOptions, asked: Asked) -> int:
    """Run it and show what came of it."""
    _check(asked)
    settings = shared.settings()
    if not (asked.remote or shared.env or os.environ.get("OPSKIT_ENV")):
        settings = replace(settings, env=LOCAL_ENV)
    chosen = _chosen(inventory.load(settings), asked.worker)
    name, read = _read(asked, chosen.code)
    invocation = _remote(chosen, asked, name, read) if asked.remote else _local(chosen, asked, name, read)
    out.result(_rendered(invocation, out.form(settings.output), shared))
    if invocation.failure:
        return Exit.FINDINGS
    return Exit.UNDETERMINED if invocation.unproved else Exit.CLEAN


def _check(asked: Asked) -> None:
    for_remote = {"--qualifier": asked.qualifier, "--account": asked.account, "--yes": asked.yes}
    given = [option for option, value in for_remote.items() if value]
    if given and not asked.remote:
        raise UsageError(f"{', '.join(given)}: only with --remote")
    if asked.network and asked.remote:
        raise UsageError("--network: a deployed function reaches what it may")


def _chosen(fleet: Inventory, name: str) -> Chosen:
    lookup = fleet.find(name)
    if lookup.worker is None:
        near = nearest(name, lookup.known)
        known = f"known: {', '.join(lookup.known)}"
        raise UsageError(
            f"no manifest names a worker {show(name)}", f"did you mean {near}?" if near else known
        )
    for line in lookup.notes:
        out.note(line)
    file = next(one for one in fleet.files if one.name == lookup.worker.name)
    keys = {table: key for worker in fleet.workers for table, key in worker.table_keys.items()}
    code = Code(folder_of(fleet.settings).resolve(), file.folder)
    return Chosen(lookup.worker, lookup.settings, code, keys)


def _read(asked: Asked, code: Code) -> tuple[str, Read]:
    """Return what the event is called, and what it is."""
    if (asked.path is None) == (asked.event is None):
        known = ", ".join(local.names_of(code.workers / code.folder)) or "none yet"
        raise UsageError("which event? EVENT.json, - or --event NAME", f"the worker's own: {known}")
    if asked.event is not None:
        name, text = asked.event, local.sample(code, asked.event)
    else:
        name, text = _file(str(asked.path), code)
    read = event.read(text, name)
    if asked.letter is not None and not read.letters:
        raise UsageError(f"--letter: {name} is an event, and no dead letter")
    return name, replace(read, letters=event.chosen(read.letters, asked.letter, name))


def _file(path: str, code: Code) -> tuple[str, str]:
    if path == "-":
        return "standard input", _decoded("standard input", sys.stdin.buffer.read())
    file = Path(path).expanduser()
    try:
        return path, _decoded(path, file.read_bytes())
    except OSError as error:
        own = path in local.names_of(code.workers / code.folder)
        hint = f"--event {path} is the worker's own" if own else ""
        raise UsageError(f"{path}: {error.strerror}", hint) from error


def _decoded(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: it is no text in UTF-8") from error


# --- here --------------------------------------------------------------------------------------------


def _local(chosen: Chosen, asked: Asked, name: str, read: Read) -> Invocation:
    from opskit.sandbox.process import ended_by_signals

    chosen.code.check()
    around = dict(os.environ)  # beside the embedded AWS there are none of the user's proxies
    with ended_by_signals(), _endpoint() as (endpoint, lasting):
        aws = Aws(chosen.worker.region)
        try:
            account = _account(aws)
            resources.create(aws, chosen.worker, chosen.keys)
            role = f"arn:aws:iam::{account}:role/{chosen.worker.function}-role"
            payload = _payload(
                chosen.worker, name, read, account=account, aws=aws if lasting else None, role_arn=role
            )
        finally:
            aws.close()
        subject = _subject(chosen, name, payload, account, endpoint, **local.described(chosen.worker))
        subject = replace(subject, passing=not lasting)
        with out.working(f"running {chosen.worker.name}"):
            return local.invoke(chosen.code, chosen.worker, payload, subject, around, network=asked.network)


@contextmanager
def _endpoint() -> Iterator[tuple[str, bool]]:
    """Yield an AWS on this machine, and whether it was there before: the one in use, else one of its own."""
    there = os.environ.get("AWS_ENDPOINT_URL", "")
    if there and is_loopback(there):
        with aws_at(there):
            yield there, True
        return
    with ExitStack() as stack:
        with out.working("starting an AWS on this machine"):
            running = stack.enter_context(embedded_aws(None))
        yield running.endpoint, False


def _account(aws: Aws) -> str:
    try:
        return str(aws.client("sts").get_caller_identity()["Account"])
    except FAULTS as error:
        fault = explain(error, "sts", "GetCallerIdentity")
        raise CannotLookError(f"nothing was run: the embedded AWS: {fault.text}") from error


# --- where it is deployed ----------------------------------------------------------------------------


def _remote(chosen: Chosen, asked: Asked, name: str, read: Read) -> Invocation:
    worker, settings = chosen.worker, chosen.settings
    aws = Aws(settings.region, settings.profile)
    try:
        found = remote.find(aws, worker.function, asked.qualifier or worker.alias)
        endpoint = endpoint_of(aws, settings)
        refuse_other_account(settings, {"account": found.account, "arn": found.role_arn})
        refuse_account(asked.account, found.account, settings, endpoint, "the function")
        payload = _payload(worker, name, read, account=found.account, aws=aws, role_arn=found.role_arn)
        subject = _subject(
            chosen, name, payload, found.account, endpoint,
            timeout_s=found.timeout_s, memory_mb=found.memory_mb, remote=True,
        )  # fmt: skip
        if not asked.yes:
            _ask(subject, found)
        with out.working(f"invoking {found.name}"):
            return remote.invoke(aws, found, worker, payload, subject)
    finally:
        aws.close()


def _ask(subject: Subject, found: remote.Function) -> None:
    refuse_unasked("invoke")
    records = f" ({counted(len(subject.ids), 'record', 'records')})" if subject.ids else ""
    at = f":{found.qualifier}" if found.qualifier else ""
    where = f"account {subject.account}, {subject.region}"
    ask(f"Invoke {found.name}{at} in {where} with {subject.event}{records}?", "nothing was invoked")


# --- both --------------------------------------------------------------------------------------------


def _payload(
    worker: Worker, name: str, read: Read, *, account: str, aws: Aws | None, role_arn: str
) -> Payload:
    """Return the event; a batch that a letter only names is read back from its stream, if `aws` has it."""
    if not read.letters:
        return event.of_event(read.event, worker, name)
    other = event.names_function(read.letters, worker)
    if other:
        out.note(f"{name} is of function {other}, and {worker.function} is invoked")
    made = event.of_letters(read.letters, worker, name, account)
    return made if isinstance(made, Payload) else event.payload(_read_back(aws, made, name, role_arn))


def _read_back(aws: Aws | None, batch: Batch, name: str, role_arn: str) -> str:
    if aws is None:
        raise UsageError(
            f"{name}: it names a batch whose records are still in their stream",
            "write them to a file first: opskit redrive-dlq QUEUE --to-file FILE --apply",
        )
    try:
        records = read_back(aws, batch)
    except FAULTS as error:
        raise CannotLookError(f"{name}: {explain(error, batch.service, 'GetRecords').text}") from error
    if len(records) != batch.count:
        raise UsageError(f"{name}: its stream holds {len(records)} of its {batch.count} records")
    parts = parts_of(batch, records, role_arn)
    if len(parts) > 1:
        raise UsageError(f"{name}: its {batch.count} records are more than one invocation takes")
    return parts[0].event


def _subject(
    chosen: Chosen, name: str, payload: Payload, account: str, endpoint: str, *,
    timeout_s: int, memory_mb: int, remote: bool = False,
) -> Subject:  # fmt: skip
    worker = chosen.worker
    return Subject(
        worker=worker.name,
        function=worker.function,
        env=worker.env,
        region=worker.region,
        account=account,
        endpoint=endpoint,
        event=name,
        ids=payload.ids,
        empty=payload.empty,
        package=chosen.code.workers.name,
        timeout_s=timeout_s,
        memory_mb=memory_mb,
        remote=remote,
    )


def _rendered(invocation: Invocation, output: Output, shared: SharedOptions) -> str:
    from opskit.render.invocation import render
    from opskit.render.invocation_json import document
    from opskit.render.json import encoded

    if output is Output.JSON:
        return encoded(document(invocation))
    return render(invocation, output, out.canvas(shared))
