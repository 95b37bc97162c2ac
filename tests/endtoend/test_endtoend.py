"""The workers as packages on ministack, eight faults at once, and what opskit says of them; see `scenario`.

One run of some four minutes, in which little happens each second; then every test asks opskit about it.
"""

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from conftest import EmbeddedAws

from endtoend import deploy, scenario
from endtoend.asking import Said, ask, point_to
from endtoend.fleet import FAULTS, ORIGINALS
from endtoend.ministack import PYTHON
from endtoend.scenario import FOLLOWED, Played

pytestmark = pytest.mark.timeout(900)

LATE = {"errors", "iterator-age"}
CELLS = {
    "poison record": LATE,
    "missing table": {"exists", *LATE},
    "throttled table": {"table-throttles", *LATE},
    "mapping disabled": {"mapping"},
    "bad deploy": LATE,
    "revoked right": LATE,
    "memory too small": LATE,
    "slow external API": {"errors", "dead-letters"},
}
"""The cells that each fault makes critical: these, and no other."""
LOADED = {"duration"}
"""What depends on how much else this machine has to do."""
CAUSES = {
    "poison record": "poison-record-shard",
    "missing table": "function-errors-all-shards",
    "throttled table": "downstream-throttled",
    "mapping disabled": "esm-disabled",
    "bad deploy": "function-errors-all-shards",
    "revoked right": "function-errors-all-shards",
    "memory too small": "function-errors-all-shards",
}
"""What stream-lag names where the fault lets a stream wait."""
SAID = {
    "missing table": "ResourceNotFoundException",
    "bad deploy": "Runtime.ImportModuleError",
    "revoked right": "(AuthorizationError) when calling the PublishBatch operation",
    "memory too small": "Runtime.ExitError",
}
"""What tells causes of one name apart: the error text in the diagnosis."""


@pytest.fixture(scope="module")
def played(shared_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The run; opskit asks ministack, and `shared_aws` for metrics and logs."""
    if not PYTHON.exists():
        pytest.skip(f"{PYTHON} does not exist: `make test` makes it")
    folder = tmp_path_factory.mktemp("endtoend")
    packages = folder / "packages"
    plane = (shared_aws.client("logs"), shared_aws.client("cloudwatch"))
    with (
        scenario.played(folder, deploy.built(packages), *plane) as run,
        pytest.MonkeyPatch.context() as patch,
    ):
        point_to(run, shared_aws.endpoint, patch)
        yield run
    deploy.clean(packages)


@pytest.fixture(scope="module")
def health(played: Played) -> Said:
    """The look at the whole fleet."""
    return ask("health")


def cells(health: Said, worker: str, *states: str) -> set[str]:
    """Return a worker's indicators that are in one of these states."""
    (row,) = (row for row in health.document["workers"] if row["worker"] == worker)
    return {cell["indicator"] for cell in row["indicators"] if cell["state"] in states}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_turns_its_own_cells_of_its_own_worker(fault: str, health: Said) -> None:
    worker, _ = FAULTS[fault]
    assert cells(health, worker, "CRIT") - LOADED == CELLS[fault]
    assert not cells(health, worker, "WARN") - LOADED - LATE


def test_no_worker_with_a_fault_is_reported_healthy(health: Said) -> None:
    states = {row["worker"]: row["state"] for row in health.document["workers"]}
    assert {worker: states[worker] for worker, _ in FAULTS.values()} == {
        worker: "CRIT" for worker, _ in FAULTS.values()
    }
    assert health.code == 1


def test_workers_without_a_fault_are_not_accused(health: Said) -> None:
    assert {name: cells(health, name, "WARN", "CRIT") for name in ORIGINALS} == {
        name: set() for name in ORIGINALS
    }


def test_what_ministack_does_not_measure_is_named_as_a_gap(played: Played, health: Said) -> None:
    """It has no ConcurrentExecutions, and no age of the oldest message: unknown, never well."""
    assert {name: "concurrency" in cells(health, name, "UNKNOWN") for name in ORIGINALS} == dict.fromkeys(
        ORIGINALS, True
    )
    slow = played.of("slow external API").name
    assert "queue-age" in cells(health, slow, "UNKNOWN")
    assert {"concurrency", "queue-age"} <= {gap["signal"] for gap in health.document["gaps"]}


def test_a_worker_in_good_health_is_told_with_what_could_not_be_looked_at(played: Played) -> None:
    said = ask("diagnose", "stream-lag", "--fn", "scoreUsers")
    assert (said.code, said.document["verdict"], said.document["findings"]) == (3, "unknown", [])


@pytest.mark.parametrize("fault", CAUSES)
def test_a_fault_that_lets_a_stream_wait_is_named(fault: str, played: Played) -> None:
    said = ask("diagnose", "stream-lag", "--fn", played.of(fault).name)
    first, *others = said.document["findings"]
    assert (said.code, first["cause"], first["role"]) == (1, CAUSES[fault], "primary")
    assert "primary" not in [finding["role"] for finding in others]
    assert SAID.get(fault, "") in json.dumps(first["evidence"])


def test_what_health_says_to_type_next_names_the_slow_api(played: Played, health: Said) -> None:
    name = played.of("slow external API").name
    (command,) = (one for one in health.document["next"] if f"query stream-errors --fn {name} " in one)
    assert "GatewayError: the notification gateway: no answer in time" in ask(*command.split()[1:]).stdout


def test_one_request_is_followed_through_all_deployed_workers(played: Played) -> None:
    said = ask("logs", "--request-id", FOLLOWED)
    assert said.code == 0
    assert {line["worker"] for line in said.lines} == set(ORIGINALS)


def test_the_forwarded_errors_are_those_that_ministack_tells_of(played: Played) -> None:
    """Both are of the run; one that ended with it may be on either side."""
    told = Counter(
        function
        for at_s, function in played.aws.failures()
        if played.clock.begins <= at_s < played.clock.ends
    )
    assert set(told) == {played.of(fault).worker.function for fault in FAULTS if "errors" in CELLS[fault]}
    for member in played.members.values():
        ends = [one.began_s + one.duration_ms / 1000 for one in played.invocations[member.name] if one.failed]
        counted = sum(map(played.clock.has, ends))
        assert abs(counted - told[member.worker.function]) <= 1
