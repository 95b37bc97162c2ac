"""Who is deployed: each worker as it is, and copies of it with a fault each and resources of their own.

A copy has the code of its original. Its manifest says what ministack does: a failed batch of a stream is
sent again whole, without end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from opskit import inventory
from opskit.inventory.worker import Worker
from opskit.settings import Settings

ENV, REGION = "qa", "us-east-1"
SETTINGS = Settings(env=ENV, region=REGION)
_NAMES = "prd2011-{env}-{region}"
_MENDED = {
    "batch_size": 5,
    "batch_window_s": 0,
    "parallelization": 1,
    "max_retries": -1,
    "max_record_age_s": -1,
    "bisect": False,
    "report_batch_item_failures": False,
}


@dataclass(frozen=True)
class Member:
    """One deployed worker; `fault` is "" for one that is well."""

    name: str
    original: str
    fault: str
    worker: Worker

    @property
    def source(self) -> str:
        """The stream, queue, table or API that invokes it."""
        return self.worker.sources[0].name

    @property
    def table(self) -> str:
        """The first table that it writes or watches; "" if none."""
        return self.worker.tables[0] if self.worker.tables else ""


ORIGINALS = ("validateToken", "handleEvent", "scoreUsers", "publishScores")
FAULTS = {
    "poison record": ("scorePoison", "scoreUsers"),
    "missing table": ("scoreHomeless", "scoreUsers"),
    "throttled table": ("scoreThrottled", "scoreUsers"),
    "mapping disabled": ("scoreIdle", "scoreUsers"),
    "bad deploy": ("scoreBroken", "scoreUsers"),
    "revoked right": ("publishDenied", "publishScores"),
    "slow external API": ("handleSlow", "handleEvent"),
    "memory too small": ("scoreSmall", "scoreUsers"),
}
"""Each fault's worker, and whose copy it is."""


def write(folder: Path) -> tuple[Member, ...]:
    """Write everybody's manifest into `folder` and return the fleet as opskit reads it."""
    yaml = YAML()
    texts = {path.parent.name: yaml.load(path) for path in _manifests()}
    of = {manifest["name"]: (place, manifest) for place, manifest in texts.items()}
    for name in ORIGINALS:
        place, manifest = of[name]
        _save(yaml, folder / place, manifest)
    for name, original in FAULTS.values():
        place, manifest = of[original]
        _save(yaml, folder / f"{place}_{name}", _copy(name, manifest))
    workers = {one.name: one for one in inventory.load(replace(SETTINGS, workers_dir=folder)).workers}
    members = [Member(name, name, "", workers[name]) for name in ORIGINALS]
    members += [Member(name, original, fault, workers[name]) for fault, (name, original) in FAULTS.items()]
    return tuple(members)


def _manifests() -> list[Path]:
    found = sorted((Path(__file__).resolve().parents[2] / "workers").glob("*/worker.yaml"))
    assert found
    return found


def _save(yaml: YAML, folder: Path, manifest: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True)
    yaml.dump(manifest, folder / "worker.yaml")


def _copy(name: str, original: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a copy: its own names, small batches, a short timeout."""
    left_out = ("environments", "failover", "reserved_concurrency", "description")
    copy = {key: value for key, value in original.items() if key not in left_out}
    own = _KINDS[original["trigger"]["type"]](name, dict(original["trigger"]))
    keys = [original.get("table_keys", {}).get(table) for table in original["tables"]]
    named = {table: key for table, key in zip(own["tables"], keys, strict=True) if key}
    return copy | {"name": name, "table_keys": named} | own


def _kinesis(name: str, trigger: dict[str, Any]) -> dict[str, Any]:
    table = f"{_NAMES}-scores-{name}"
    shards = 2 if name == "scorePoison" else 1
    trigger = (
        trigger | _MENDED | {"stream": f"{_NAMES}-events-{name}", "shards": shards, "event_counts": False}
    )
    trigger.pop("on_failure")
    memory = {"memory_mb": 128} if name == "scoreSmall" else {}
    downstream = [{"type": "table", "name": table}]
    return {"trigger": trigger, "timeout_s": 20, "tables": [table], "downstream": downstream, **memory}


def _table_stream(name: str, trigger: dict[str, Any]) -> dict[str, Any]:
    table = f"{_NAMES}-scores-{name}"
    trigger = trigger | _MENDED | {"table": table}
    trigger.pop("on_failure")
    topic = {"type": "topic", "name": f"{_NAMES}-changes-{name}"}
    return {"trigger": trigger, "timeout_s": 20, "tables": [table], "downstream": [topic]}


def _queue(name: str, trigger: dict[str, Any]) -> dict[str, Any]:
    queue = f"{_NAMES}-updates-{name}"
    tables = [f"{_NAMES}-profiles-{name}", f"{_NAMES}-handled-{name}"]
    return {
        "trigger": trigger | {"queue": queue, "visibility_timeout_s": 20, "max_receive_count": 3},
        "timeout_s": 12,
        "dead_letter_queue": f"{queue}-dlq",
        "tables": tables,
        "downstream": [{"type": "table", "name": table} for table in tables],
    }


_KINDS = {"kinesis": _kinesis, "dynamodb-stream": _table_stream, "sqs": _queue}
