"""What a `worker.yaml` may say: the schema, strict, with every field's meaning (docs/manifest.md prints it).

Import this late: pydantic takes its time, and `opskit --help` must not wait for it.
"""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from opskit.settings import PLACEHOLDER

INFINITE = -1
"""AWS's word for "without end" in retries and record ages."""
_REGION = r"^[a-z]{2,4}(-[a-z]+)+-\d$"
_ALIAS = r"^[A-Za-z0-9_-]{1,128}$"
_URL = r"^https?://[^/?#\s]+[^?#\s]*$"
_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"


def _known_placeholders(text: str) -> str:
    return _only(text, ("env", "region"))


def _url(text: str) -> str:
    """Refuse a host or port that nothing can connect to, wherever placeholders are filled in."""
    try:
        is_address = urlsplit(PLACEHOLDER.sub("x", text)).port != 0  # `port` raises for one that is none
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError("a host, and a port from 1 to 65535 if any")
    return _known_placeholders(text)


def _log_group(text: str) -> str:
    return _only(text, ("env", "region", "function"))


def _only(text: str, known: tuple[str, ...]) -> str:
    unknown = [name for name in PLACEHOLDER.findall(text) if name not in known]
    if unknown:
        raise ValueError(f"nothing but {', '.join(known)} in braces")
    return text


def _age(seconds: int) -> int:
    if seconds != INFINITE and seconds < 60:  # noqa: PLR2004 - AWS's shortest record age
        raise ValueError("-1 (no limit) or an integer from 60 to 604800")
    return seconds


def _expression(text: str) -> str:
    if not re.fullmatch(r"(rate|cron|at)\(.+\)", text):
        raise ValueError("rate(...), cron(...) or at(...)")
    return text


RETENTIONS_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What CloudWatch Logs takes (its API Reference, PutRetentionPolicy, retentionInDays)."""


def _retention(days: int) -> int:
    if days not in RETENTIONS_DAYS:
        raise ValueError(f"one of {', '.join(map(str, RETENTIONS_DAYS))}")
    return days


def _action(text: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Za-z]+", text):
        raise ValueError("an action without its service, such as GetItem")
    return text


NamePattern = Annotated[str, Field(min_length=1), AfterValidator(_known_placeholders)]


class Part(BaseModel):
    """A part of a manifest: nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Mapped(Part):
    """What every event source mapping has."""

    batch_size: int = Field(100, ge=1, le=10_000, description="Records or messages per invocation, at most.")
    batch_window_s: int = Field(0, ge=0, le=300, description="How long a batch may wait to fill.")
    filters: tuple[str, ...] = Field(
        (), description="Filter patterns (JSON text); none lets everything through."
    )
    report_batch_item_failures: bool = Field(
        default=False, description="The handler answers which records failed, so that only they are retried."
    )
    event_counts: bool = Field(
        default=False, description="The mapping publishes the EventCount metrics (opt-in)."
    )


class Streamed(Mapped):
    """What the mappings of both kinds of stream have."""

    parallelization: int = Field(1, ge=1, le=10, description="Concurrent batches per shard.")
    tumbling_window_s: int = Field(0, ge=0, le=900, description="Aggregation window; 0 is none.")
    max_retries: int = Field(
        INFINITE, ge=INFINITE, le=10_000, description="Retries of a failed batch; -1 has no end."
    )
    max_record_age_s: Annotated[int, AfterValidator(_age)] = Field(
        INFINITE, ge=INFINITE, le=604_800, description="Older records are not retried; -1 has no limit."
    )
    bisect: bool = Field(default=False, description="Halve a failed batch before it is retried.")
    on_failure: NamePattern | None = Field(
        None, description="Queue that is told of batches given up; without one they are lost silently."
    )


class Kinesis(Streamed):
    """A Kinesis data stream."""

    type: Literal["kinesis"] = Field(description="The kind of trigger.")
    stream: NamePattern = Field(description="The stream's name.")
    shards: int | None = Field(
        None, ge=1, le=10_000, description="Open shards expected; unset for on-demand."
    )
    retention_h: int = Field(24, ge=24, le=8760, description="How long the stream keeps a record.")
    starting_position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"] = Field(
        "TRIM_HORIZON", description="Where a new mapping begins to read."
    )


class DynamoDBStream(Streamed):
    """The change stream of a DynamoDB table; it keeps records for 24 hours."""

    type: Literal["dynamodb-stream"] = Field(description="The kind of trigger.")
    table: NamePattern = Field(description="The table whose stream is read.")
    stream_view: Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"] | None = Field(
        None, description="What the stream's records hold of an item; unset is not compared."
    )
    starting_position: Literal["TRIM_HORIZON", "LATEST"] = Field(
        "TRIM_HORIZON", description="Where a new mapping begins to read."
    )


class Sqs(Mapped):
    """An SQS queue."""

    type: Literal["sqs"] = Field(description="The kind of trigger.")
    queue: NamePattern = Field(description="The queue's name.")
    fifo: bool = Field(default=False, description="A FIFO queue; its name ends in .fifo.")
    batch_size: int = Field(10, ge=1, le=10_000, description="Messages per invocation, at most; FIFO: 10.")
    visibility_timeout_s: int = Field(
        30,
        ge=0,
        le=43_200,
        description="How long a received message stays hidden; AWS advises 6 x timeout + window.",
    )
    retention_s: int = Field(345_600, ge=60, le=1_209_600, description="How long the queue keeps a message.")
    max_receive_count: int = Field(
        5, ge=1, le=1000, description="Receives before a message is dead-lettered."
    )
    max_concurrency: int | None = Field(
        None, ge=2, le=1000, description="Concurrent invocations by this queue, at most; unset is unlimited."
    )


class Api(Part):
    """What both kinds of API have."""

    api: NamePattern = Field(description="The API's name.")
    path: str = Field(pattern="^/", description="The route that calls the worker.")
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "ANY"] = Field(
        description="The route's method."
    )
    health_path: str | None = Field(
        None, pattern="^/", description="The route that says the API is well, if any."
    )
    url: Annotated[str, Field(pattern=_URL), AfterValidator(_url)] | None = Field(
        None, description="Where clients reach the API, such as a custom domain; unset is its own address."
    )


class RestApi(Api):
    """An API Gateway REST API."""

    type: Literal["rest-api"] = Field(description="The kind of trigger.")
    stage: NamePattern = Field(description="The stage.")
    integration_timeout_ms: int = Field(
        29_000, ge=50, le=300_000, description="When the API gives the worker up and answers 504."
    )


class HttpApi(Api):
    """An API Gateway HTTP API."""

    type: Literal["http-api"] = Field(description="The kind of trigger.")
    stage: NamePattern = Field("$default", description="The stage.")
    integration_timeout_ms: int = Field(
        30_000, ge=50, le=30_000, description="When the API gives the worker up and answers 503."
    )


class Schedule(Part):
    """A schedule of EventBridge Scheduler."""

    type: Literal["schedule"] = Field(description="The kind of trigger.")
    schedule: NamePattern = Field(description="The schedule's name.")
    expression: Annotated[str, AfterValidator(_expression)] = Field(
        description="rate(...), cron(...) or at(...)."
    )
    timezone: str = Field("UTC", min_length=1, description="The time zone that the expression is read in.")


Trigger = Annotated[
    Kinesis | DynamoDBStream | Sqs | RestApi | HttpApi | Schedule, Field(discriminator="type")
]
TRIGGERS: tuple[type[Part], ...] = (Kinesis, DynamoDBStream, Sqs, RestApi, HttpApi, Schedule)


class Escalation(Part):
    """Who is asked next, by role; never a person's name or number."""

    L1: str = Field(min_length=1, description="Initial response; follows the runbooks.")
    L2: str = Field(min_length=1, description="Complex issues, infrastructure changes.")
    L3: str = Field(min_length=1, description="Customer communication, resources, policy.")


class Dependency(Part):
    """Something the worker calls or writes to."""

    type: Literal["table", "queue", "stream", "topic", "worker", "service"] = Field(description="What it is.")
    name: NamePattern = Field(description="Its name; a worker's short name.")
    actions: tuple[Annotated[str, AfterValidator(_action)], ...] | None = Field(
        None,
        description="The actions that its role may do there, such as GetItem; unset is what the type is for.",
    )


class Override(Part):
    """A worker's own limit; what is left out stays as in the table."""

    warn: float | None = Field(None, ge=0, description="Warn above this; null switches the level off.")
    crit: float | None = Field(None, ge=0, description="Critical above this; null switches the level off.")
    severity: Literal["low", "medium", "high", "critical"] | None = Field(
        None, description="How bad the critical level is."
    )


class Manifest(Part):
    """One worker in one environment."""

    name: str = Field(pattern=_NAME, description="The worker's short name, as in `--fn`.")
    stack: str = Field(min_length=1, description="The stack that deploys it.")
    description: str = Field("", description="What it does, in a sentence.")
    owner: str = Field(min_length=1, description="The role that owns it.")
    escalation: Escalation = Field(description="Who is asked next.")
    trigger: Trigger = Field(description="What invokes it; the settings depend on `type`.")
    alias: str | None = Field(
        None, pattern=_ALIAS, description="The alias that is invoked; unset is the function itself."
    )
    dead_letter_queue: NamePattern | None = Field(
        None, description="Where messages end that cannot be processed."
    )
    tables: tuple[NamePattern, ...] = Field((), description="The DynamoDB tables it reads or writes.")
    table_keys: dict[NamePattern, str] = Field(
        default_factory=dict,
        description="The partition key of each of these tables, a text; unset is `id`. "
        "`opskit invoke` makes them so.",
    )
    downstream: tuple[Dependency, ...] = Field((), description="What it calls or writes to.")
    timeout_s: int = Field(ge=1, le=5400, description="The function's timeout.")
    memory_mb: int = Field(128, ge=128, le=10_240, description="The function's memory.")
    reserved_concurrency: int | None = Field(
        None, ge=0, description="Reserved concurrency; unset shares the account's pool, 0 switches off."
    )
    log_group: Annotated[str, AfterValidator(_log_group)] = Field(
        "/aws/lambda/{function}",
        min_length=1,
        description="The log group; `{function}` is the full name.",
    )
    log_format: Literal["Text", "JSON"] = Field("Text", description="The function's log format.")
    log_retention_days: Annotated[int, AfterValidator(_retention)] | None = Field(
        None, description="How long the log group keeps events (1, 7, 14, 30, ...); unset is not compared."
    )
    tags: dict[str, str | None] = Field(
        default_factory=dict,
        description="Tags that the function must have, beside `stack`; null is not compared.",
    )
    idempotent: bool = Field(default=False, description="The same event may be processed twice without harm.")
    regions: tuple[Annotated[str, Field(pattern=_REGION)], ...] = Field(
        ("us-east-1",), min_length=1, description="Where it is deployed."
    )
    failover: str | None = Field(
        None, pattern=_REGION, description="The region that takes over when the first fails."
    )
    thresholds: dict[str, Override] = Field(
        default_factory=dict, description="Limits that differ from opskit/thresholds.yaml, by indicator."
    )
    environments: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="What differs per environment, merged over it: not `name`, `stack`, `trigger.type`.",
    )
