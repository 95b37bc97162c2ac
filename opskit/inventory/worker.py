"""A worker as it should be in one environment and region, and the function names that belong to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opskit import thresholds
from opskit.model import Json
from opskit.settings import PLACEHOLDER, Settings
from opskit.thresholds import Threshold

if TYPE_CHECKING:
    from opskit.inventory.manifest import Manifest
    from opskit.inventory.reader import WorkerFile

_SOURCE_FIELDS = {
    "kinesis": "stream",
    "dynamodb-stream": "table",
    "sqs": "queue",
    "rest-api": "api",
    "http-api": "api",
    "schedule": "schedule",
}
_FUNCTION_FIELDS = ("timeout_s", "memory_mb", "reserved_concurrency", "log_format")


@dataclass(frozen=True, slots=True)
class Source:
    """What triggers a worker: a stream, queue, API or schedule, by name, and its ARN and mapping if known."""

    trigger: str
    name: str = ""
    arn: str = ""
    mapping_uuid: str = ""


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker: by its manifest, or as discovered in AWS (then `file` is "" and `expected` is empty)."""

    name: str
    function: str
    env: str
    region: str
    sources: tuple[Source, ...] = ()
    alias: str = ""
    """The alias that its event source invokes; "" is the function itself."""
    stack: str = ""
    owner: str = ""
    escalation: Mapping[str, str] = field(default_factory=dict, hash=False)
    log_group: str = ""
    dead_letter_queue: str = ""
    """The name of the queue that gets what cannot be processed: messages, or notices of batches given up."""
    tables: tuple[str, ...] = ()
    table_keys: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The partition keys of tables, by their names."""
    downstream: tuple[tuple[str, str], ...] = ()
    """Type and name of what the worker calls or writes to."""
    idempotent: bool = False
    regions: tuple[str, ...] = ()
    """Where it is deployed, the failover region last; empty when unknown."""
    limits: Mapping[str, Threshold] = field(default_factory=dict, hash=False)
    expected: Mapping[str, Json] = field(default_factory=dict, hash=False)
    """The trigger's settings by the manifest's names, and the function's timeout, memory and concurrency."""
    file: str = ""
    log_retention_days: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The tags that its function must have, its stack's among them; others are nobody's matter."""

    @property
    def trigger(self) -> str:
        """The type of the first source; "" when none is known."""
        return self.sources[0].trigger if self.sources else ""

    @property
    def deployed_here(self) -> bool:
        """Whether the manifest deploys it in this region; a discovered worker is where it was found."""
        return not self.regions or self.region in self.regions


def expand(value: Any, names: Mapping[str, str]) -> Any:
    """Fill the placeholders of every text in a value; braces that stand for something else stay."""
    if isinstance(value, str):
        return PLACEHOLDER.sub(lambda found: names.get(found[1], found[0]), value)
    if isinstance(value, (list, tuple)):
        return tuple(expand(item, names) for item in value)
    if isinstance(value, Mapping):
        return {key: expand(item, names) for key, item in value.items()}
    return value


def function_name(settings: Settings, name: str) -> str:
    """Return a worker's full function name in the settings' environment and region."""
    return str(
        expand(settings.function_pattern, {"env": settings.env, "region": settings.region, "name": name})
    )


def match_function(settings: Settings, function: str) -> dict[str, str] | None:
    """Return the `env`, `region` and `name` in a full function name that fits the pattern, else None."""
    forms = {"env": "|".join(map(re.escape, settings.environments)), "region": r"[a-z]{2,4}(?:-[a-z]+)+-\d"}
    parts = re.split(r"(\{[^{}]*\})", settings.function_pattern)
    seen: set[str] = set()
    pattern = ""
    for part in parts:
        key = part[1:-1]
        if not part.startswith("{"):
            pattern += re.escape(part)
        elif key in seen:
            pattern += f"(?P={key})"
        else:
            seen.add(key)
            pattern += f"(?P<{key}>{forms.get(key, '.+')})"
    found = re.fullmatch(pattern, function)
    return found.groupdict() if found else None


def from_manifest(file: "WorkerFile", settings: Settings, function: str = "") -> Worker:
    """Return a manifest's worker in the settings' environment and region, as `function` if that is given."""
    manifest = file.by_env[settings.env]
    function = function or function_name(settings, manifest.name)
    names = {"env": settings.env, "region": settings.region, "function": function}
    trigger: dict[str, Any] = expand(manifest.trigger.model_dump(), names)
    source = Source(manifest.trigger.type, trigger[_SOURCE_FIELDS[manifest.trigger.type]])
    return Worker(
        name=manifest.name,
        function=function,
        env=settings.env,
        region=settings.region,
        sources=(source,),
        alias=manifest.alias or "",
        stack=manifest.stack,
        owner=manifest.owner,
        escalation=manifest.escalation.model_dump(),
        log_group=expand(manifest.log_group, names),
        dead_letter_queue=expand(manifest.dead_letter_queue or trigger.get("on_failure") or "", names),
        tables=expand(manifest.tables, names),
        table_keys={str(expand(name, names)): key for name, key in manifest.table_keys.items()},
        downstream=tuple((one.type, expand(one.name, names)) for one in manifest.downstream),
        idempotent=manifest.idempotent,
        regions=(*manifest.regions, *((manifest.failover,) if manifest.failover else ())),
        limits=thresholds.merge(thresholds.load(), _changes(manifest)),
        expected={**trigger, **{key: getattr(manifest, key) for key in _FUNCTION_FIELDS}},
        file=file.file,
        log_retention_days=manifest.log_retention_days,
        tags=_tags(manifest),
    )


def _tags(manifest: "Manifest") -> dict[str, str]:
    wanted = {"stack": manifest.stack, **manifest.tags}
    return {key: value for key, value in wanted.items() if value is not None}


def _changes(manifest: "Manifest") -> dict[str, dict[str, Any]]:
    from opskit.inventory.reader import changes  # noqa: PLC0415 - imports pydantic, which a manifest already did

    return changes(manifest)
