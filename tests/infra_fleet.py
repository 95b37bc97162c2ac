"""What Terraform makes of workers, and what opskit reads of the same: the repository's and made-up ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from terraforming import evaluate

from opskit import inventory
from opskit.inventory import Worker
from opskit.settings import Settings

ENVIRONMENTS = ("qa", "prod")
REGIONS = ("us-east-1", "us-west-2")
KINDS = ("kinesis", "dynamodb-stream", "sqs", "rest-api", "http-api", "schedule")
ESCALATION = {"L1": "one", "L2": "two", "L3": "three"}
LEAST = {
    "kinesis": {"stream": "s"},
    "dynamodb-stream": {"table": "t"},
    "sqs": {"queue": "q"},
    "rest-api": {"api": "a", "path": "/x", "method": "POST", "stage": "{env}"},
    "http-api": {"api": "a", "path": "/x", "method": "ANY"},
    "schedule": {"schedule": "s", "expression": "rate(1 hour)"},
}
"""What a trigger cannot do without, by its kind."""
OWN = {
    "name": "ownLimits",
    "trigger": {"type": "sqs", "queue": "{env}-{region}-q", "batch_size": 7, "max_concurrency": 4},
    "timeout_s": 26,
    "reserved_concurrency": 10,
    "log_group": "/own/{function}",
    "tags": {"team": "x", "cost": "y"},
    "tables": ["{env}-t", "{env}-{region}-u"],
    "table_keys": {"{env}-t": "userId"},
    "downstream": [{"type": "table", "name": "{env}-t"}, {"type": "service", "name": "other"}],
    "thresholds": {"queue_depth": {"warn": 5, "severity": "high"}, "duration_p95": {"warn": 60, "crit": 70}},
    "environments": {
        "qa": {
            "reserved_concurrency": None,
            "tags": {"cost": None},
            "table_keys": {"{env}-{region}-u": "jti"},
            "trigger": {"max_concurrency": None, "batch_size": 3},
            "thresholds": {"queue_depth": {"crit": 9}, "lambda_errors": {"crit": None}},
        }
    },
}
"""A worker that changes whatever can be changed."""

WRONG = {
    "tightQueue": {
        "trigger": {
            "type": "sqs",
            "queue": "q",
            "visibility_timeout_s": 149,
            "max_receive_count": 4,
            "max_concurrency": 9,
        },
        "reserved_concurrency": 8,
        "dead_letter_queue": "d",
    },
    "tightStream": {
        "trigger": {"type": "kinesis", "stream": "s", "shards": 4, "parallelization": 2, "on_failure": "d"},
        "reserved_concurrency": 7,
    },
    "slowApi": {"trigger": {"type": "rest-api", **LEAST["rest-api"], "integration_timeout_ms": 25000}},
}
"""Workers whose settings AWS takes; each breaks the rules of its kind."""


def _manifests(folder: Path) -> None:
    """Write workers that leave out all they can, one that changes what it can, and those that are wrong."""
    least = [
        {"name": f"least{index}", "trigger": {"type": kind, **LEAST[kind]}, "timeout_s": 25}
        for index, kind in enumerate(KINDS)
    ]
    wrong = [{"name": name, "timeout_s": 25, "log_retention_days": 7, **one} for name, one in WRONG.items()]
    for manifest in (*least, OWN, *wrong):
        place = folder / str(manifest["name"])
        place.mkdir()
        common = {"stack": "other", "owner": "a team", "escalation": ESCALATION}
        (place / "worker.yaml").write_text(json.dumps({**common, **manifest}))


@dataclass(frozen=True)
class Fleet:
    """Both readings, by `<place>/<worker>`; made-up workers are in the places `other qa` and `other prod`."""

    workers: Mapping[str, Any]
    problems: Mapping[str, list[str]]
    alarms: Mapping[str, Mapping[str, Any]]
    expected: Mapping[str, Worker]

    def each_alarm(self) -> list[tuple[str, Worker, Mapping[str, Any]]]:
        """Return (alarm's name, worker, alarm)."""
        return [
            (alarm, self.expected[name], value)
            for name, alarms in self.alarms.items()
            for alarm, value in alarms.items()
        ]


@cache
def fleet() -> Fleet:
    """Return the fleet, evaluated once."""
    with TemporaryDirectory() as folder:
        others, data = Path(folder) / "workers", Path(folder) / "terraform"
        for made in (others, data):
            made.mkdir()
        _manifests(others)
        places = {
            f"{env} {region}": {"env": env, "region": region} for env in ENVIRONMENTS for region in REGIONS
        }
        for env in ENVIRONMENTS:
            places[f"other {env}"] = {"env": env, "region": "us-east-1", "workers_dir": str(others)}
        return Fleet(expected=_expected(others), **evaluate(places, data))


def _expected(others: Path) -> dict[str, Worker]:
    found = {}
    for env in ENVIRONMENTS:
        for region in REGIONS:
            for worker in inventory.load(Settings(env=env, region=region)).workers:
                if worker.deployed_here:
                    found[f"{env} {region}/{worker.name}"] = worker
        for worker in inventory.load(Settings(env=env, workers_dir=others)).workers:
            found[f"other {env}/{worker.name}"] = worker
    return found
