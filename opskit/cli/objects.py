"""`opskit redrive-dlq s3://BUCKET/PREFIX`: failures that Lambda wrote to S3, back to who they were for."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from opskit.aws.faults import FAULTS, explain
from opskit.aws.objects import Bucket
from opskit.aws.session import Aws
from opskit.cli import out
from opskit.cli.acting import ask, refuse_account, refuse_unasked
from opskit.cli.look import endpoint_of
from opskit.cli.options import SharedOptions
from opskit.cli.verdict import command_line
from opskit.errors import CannotLookError, UsageError
from opskit.exits import Exit
from opskit.gather import Gatherer, window
from opskit.inventory import arns, round0
from opskit.inventory.lookup import refuse_other_account
from opskit.journal.store import new_run
from opskit.redrive import s3_objects
from opskit.redrive.destinations import ByKind
from opskit.redrive.s3_objects import LIMIT, PREFIX, Told
from opskit.redrive.sinks import FileSink
from opskit.render.envelope import Envelope
from opskit.render.objects import Objects, render
from opskit.settings import Settings

_URL = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>.*))?")
"""A bucket's name (S3 User Guide, "General purpose bucket naming rules")."""
COMMAND = "redrive-dlq"
INTERRUPTED = "interrupted by Ctrl-C: the next object may have been handed over, and is still there"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: `function` "" gives each event to the function that its record names."""

    url: str
    function: str = ""
    file: str = ""
    any_count: bool = False
    limit: int | None = None
    account: str | None = None
    apply: bool = False
    yes: bool = False


def run(shared: SharedOptions, asked: Asked) -> int:
    """Show where each object would go, or hand them over, until the first that is not taken."""
    found = _URL.fullmatch(asked.url)
    if found is None:
        raise UsageError(f"QUEUE: expected s3://BUCKET/PREFIX, got {asked.url}")
    settings = shared.settings()
    aws = Aws(settings.region, settings.profile)
    try:
        identity = _identity(aws, settings)
        if asked.apply:
            refuse_account(asked.account, identity, settings, endpoint_of(aws, settings))
            if not asked.yes:
                refuse_unasked()
                ask(f"Hand over up to {asked.limit or LIMIT} failures of {asked.url}, and delete them there?")
        told, fault = _told(aws, asked, found["bucket"], found["prefix"] or PREFIX)
        envelope = Envelope(COMMAND, identity, settings.region, settings.env, endpoint_of(aws, settings))
    finally:
        aws.close()
    again = "" if asked.apply else f"{command_line()} --apply"
    full = len(told) == (asked.limit or LIMIT)
    objects = Objects(found["bucket"], asked.apply, tuple(told), fault, again, full=full)
    out.result(render(objects, envelope, out.form(settings.output)))
    return _exit(objects)


def _told(aws: Aws, asked: Asked, bucket_name: str, prefix: str) -> tuple[list[Told], str]:
    """Return what became of each object, and why there are no more, "" if those are all."""
    bucket = Bucket(aws, bucket_name)
    arn = f"arn:{arns.partition(aws.region)}:s3:::{bucket_name}"
    file = FileSink(Path(asked.file), make=asked.apply) if asked.file else None
    to = ByKind(aws, arn, function=asked.function, file=file, any_count=asked.any_count)
    limit = asked.limit or LIMIT
    told: list[Told] = []
    try:
        if not asked.apply:
            told += s3_objects.look(bucket, to, prefix=prefix, limit=limit)
        else:
            for one in s3_objects.redrive(bucket, to, new_run(int(time.time())), prefix=prefix, limit=limit):
                told.append(one)  # one by one: what was handed over is told, whatever comes next
    except FAULTS as error:
        fault = explain(error, "s3", "ListObjectsV2").text
        if not told:
            raise CannotLookError(f"bucket {bucket_name}: {fault}") from error
        return told, fault
    except KeyboardInterrupt:
        return told, INTERRUPTED
    return told, ""


def _identity(aws: Aws, settings: Settings) -> str:
    """Return the account of the credentials; UsageError if the environment is bound to another."""
    asks = Gatherer(aws, window(time.time(), 60))
    document = asks.gather([round0.identity()])[round0.identity()].document or {}
    if asks.blocked:
        raise CannotLookError(asks.blocked)
    refuse_other_account(settings, document)
    return str(document.get("account") or "")


def _exit(objects: Objects) -> Exit:
    if objects.fault == INTERRUPTED:
        return Exit.INTERRUPTED
    if objects.findings:
        return Exit.FINDINGS
    return Exit.UNDETERMINED if objects.gaps else Exit.CLEAN
