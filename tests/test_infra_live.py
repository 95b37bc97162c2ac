"""What was built is what runs: a green apply is no proof of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from opskit.errors import UsageError
from workers.infra import live

BUILT, OLD = "bnV3", "b2xk"
SCORER, *_ = (
    worker for worker in live.stack_workers("scoring", "prod", "us-east-1") if worker.name == "scoreUsers"
)
ALIASED = replace(SCORER, alias="live")
UPDATED = {"Configuration": {"LastUpdateStatus": "Successful"}}


@pytest.fixture
def stub() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client(
        "lambda", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def _served(stubber: Stubber, qualifier: dict[str, str], **more: str) -> None:
    answer = {"CodeSha256": BUILT, "Version": "7", "State": "Active", **more}
    stubber.add_response("get_function_configuration", answer, {"FunctionName": SCORER.function, **qualifier})


def _alias(stubber: Stubber, weights: dict[str, float]) -> None:
    answer = {"RoutingConfig": {"AdditionalVersionWeights": weights}} if weights else {}
    stubber.add_response("get_alias", answer, {"FunctionName": SCORER.function, "Name": "live"})


def test_what_was_built_runs_behind_the_alias(stub: tuple[Any, Stubber]) -> None:
    client, stubber = stub
    stubber.add_response("get_function", UPDATED, {"FunctionName": SCORER.function})
    _served(stubber, {"Qualifier": "live"})
    _alias(stubber, {})
    assert not list(live.problems(ALIASED, BUILT, client))


def test_without_an_alias_the_function_itself_is_looked_at(stub: tuple[Any, Stubber]) -> None:
    client, stubber = stub
    stubber.add_response("get_function", UPDATED)
    _served(stubber, {})
    assert not list(live.problems(replace(SCORER, alias=""), BUILT, client))


def test_an_alias_that_stayed_behind_is_told(stub: tuple[Any, Stubber]) -> None:
    client, stubber = stub
    stubber.add_response("get_function", UPDATED)
    _served(stubber, {"Qualifier": "live"}, CodeSha256=OLD)
    _alias(stubber, {})
    (told,) = live.problems(ALIASED, BUILT, client)
    assert told == f"{SCORER.function}: version 7 runs with CodeSha256 {OLD}, not {BUILT}"


def test_an_alias_that_still_shares_its_traffic_is_told(stub: tuple[Any, Stubber]) -> None:
    client, stubber = stub
    stubber.add_response("get_function", UPDATED)
    _served(stubber, {"Qualifier": "live"})
    _alias(stubber, {"6": 0.1})
    assert list(live.problems(ALIASED, BUILT, client)) == [
        f"{SCORER.function}: live still shares its traffic with 6"
    ]


def test_an_update_that_failed_after_the_apply_is_told_with_its_reason(stub: tuple[Any, Stubber]) -> None:
    client, stubber = stub
    stubber.add_response("get_function", {"Configuration": {"LastUpdateStatus": "Failed"}})
    _served(stubber, {}, LastUpdateStatus="Failed", LastUpdateStatusReason="the subnet has no free address")
    (told,) = live.problems(ALIASED, BUILT, client)
    assert "its last update is Failed: the subnet has no free address; the old code still serves" in told


def test_a_function_that_cannot_run_is_told(stub: tuple[Any, Stubber]) -> None:
    client, stubber = stub
    stubber.add_response("get_function", UPDATED)
    _served(stubber, {}, State="Failed", StateReason="the image is gone")
    assert list(live.problems(replace(SCORER, alias=""), BUILT, client)) == [
        f"{SCORER.function}: it is Failed: the image is gone"
    ]


def test_a_worker_without_a_package_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="no package of scoreUsers is listed"):
        live.check([SCORER], {}, None)


def test_a_stack_stands_where_its_manifests_deploy_it() -> None:
    names = [worker.name for worker in live.stack_workers("scoring", "prod", "us-west-2")]
    assert names == ["publishScores", "scoreUsers"]
    with pytest.raises(UsageError, match="no worker of the stack event-handling is deployed in us-west-2"):
        live.stack_workers("event-handling", "prod", "us-west-2")


def test_what_could_not_be_looked_at_is_not_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    packages = tmp_path / "packages.tfvars.json"
    names = ("scoreUsers", "publishScores")
    packages.write_text(json.dumps({"packages": {name: {"key": "k", "sha256": BUILT} for name in names}}))
    place = ["--stack", "scoring", "--env", "prod", "--region", "us-east-1"]
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    assert live.main(["--packages", str(packages), *place]) == 3
    error = capsys.readouterr().err
    assert error.startswith("live: could not look: ")
    assert error.count("\n") == 1
    assert live.main(["--packages", str(tmp_path / "none"), *place]) == 3


@pytest.mark.parametrize("written", [None, "{", "[]", "{}", '{"packages": 1}', "\xff"])
def test_a_list_of_packages_that_is_none_is_one_line_with_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: str | None
) -> None:
    packages = tmp_path / "packages.tfvars.json"
    if written is not None:
        packages.write_text(written, "latin-1")
    place = ["--stack", "scoring", "--env", "prod", "--region", "us-east-1"]
    assert live.main(["--packages", str(packages), *place]) == 3
    said = "No such file or directory" if written is None else 'expected {"packages": ...}'
    assert capsys.readouterr().err == f"live: {packages}: {said}\n"
