"""The simulated fleet: workers by their manifests, and what fleet.toml says of their load."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from opskit.inventory.worker import Worker, expand
from opskit.sandbox import workload
from opskit.sandbox.workload import parts
from opskit.sandbox.workload.parts import SHARED_BY_ALL, Account, Part, Table

STREAM_TRIGGERS = ("kinesis", "dynamodb-stream")
API_TRIGGERS = ("rest-api", "http-api")
_KINDS: Mapping[str, type[parts.Worker]] = {
    "kinesis": parts.StreamWorker,
    "dynamodb-stream": parts.StreamWorker,
    "sqs": parts.QueueWorker,
    "rest-api": parts.ApiWorker,
    "http-api": parts.ApiWorker,
}
_RENAMED = {"visibility_timeout_s": "visibility_s"}
"""What the manifest calls differently."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Workers and tables by the names that an incident uses, and each one's parameters at the start."""

    workers: Mapping[str, Worker]
    tables: Mapping[str, str]
    """A table's name in AWS by its name in the fleet."""
    parts: Mapping[str, Part]


def load(workers: Sequence[Worker], changed: Mapping[str, Mapping[str, Any]] | None = None) -> Fleet:
    """Return the fleet of these workers, some parameters `changed` from the start on, by part.

    ValueError for a part or a parameter that there is not.
    """
    data = tomllib.loads(resources.files(workload).joinpath("fleet.toml").read_text("utf-8"))
    return build(workers, data, changed or {})


def build(
    workers: Sequence[Worker], data: Mapping[str, Any], changed: Mapping[str, Mapping[str, Any]]
) -> Fleet:
    """Return the fleet of these workers under the load that `data` says (fleet.toml's form)."""
    tables = {name: dict(said) for name, said in data.get("table", {}).items()}
    simulated = {worker.name: worker for worker in workers if worker.trigger in _KINDS}
    made: dict[str, Part] = {SHARED_BY_ALL: Account(**data.get("account", {}))}
    names = {"env": workers[0].env, "region": workers[0].region} if workers else {}
    real = {name: str(expand(said.pop("name", name), names)) for name, said in tables.items()}
    made |= {name: Table(**said) for name, said in tables.items()}
    for name, worker in simulated.items():
        made[name] = _part(worker, data.get("worker", {}).get(name, {}))
    return Fleet(simulated, real, {name: _changed(name, made, changed) for name in _known(made, changed)})


def _known(made: Mapping[str, Part], changed: Mapping[str, Any]) -> Mapping[str, Part]:
    unknown = sorted(set(changed) - set(made))
    if unknown:
        raise ValueError(f"the fleet has no {', '.join(unknown)}; it has {', '.join(sorted(made))}")
    return made


def _changed(name: str, made: Mapping[str, Part], changed: Mapping[str, Mapping[str, Any]]) -> Part:
    return replace(made[name], **parts.checked(name, made[name], dict(changed.get(name, {}))))


def _part(worker: Worker, said: Mapping[str, Any]) -> Part:
    kind = _KINDS[worker.trigger]
    known = parts.settings_of(kind)
    expected = {_RENAMED.get(key, key): value for key, value in worker.expected.items() if value is not None}
    values = {key: value for key, value in expected.items() if key in known}
    values |= _derived(worker, expected)
    return kind(**{**values, **said})


def _derived(worker: Worker, expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest says in other words."""
    if worker.trigger in STREAM_TRIGGERS:
        hours = expected.get("retention_h", 24)
        return {"retention_s": hours * 3600, "on_failure": bool(expected.get("on_failure"))}
    if worker.trigger == "sqs":
        return {"fifo": worker.sources[0].name.endswith(".fifo")}
    return {"kind": worker.trigger.removesuffix("-api")}
