"""What find-resources asks is what AWS understands: calls, members of their answers, suggested commands."""

import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awscli
import botocore.session
import pytest
from awscli.clidriver import create_clidriver
from botocore.validate import ParamValidator
from drift_live import Live, fleet

from opskit.aws import describe
from opskit.aws.faults import iam_action
from opskit.drift import asks
from opskit.drift.command import command
from opskit.drift.fleet import expected
from opskit.inventory import Worker
from opskit.model import Describe
from opskit.settings import Settings

SESSION = botocore.session.Session()
EXAMPLE = Describe("lambda", "GetFunctionConfiguration", (("FunctionName", "f"), ("Qualifier", "live")))


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Worker, ...]:
    return fleet(tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def asked(workers: tuple[Worker, ...]) -> list[Describe]:
    live = Live()
    live.look(expected(workers, Settings()))
    return live.asked


def operation(signal: Describe) -> Any:
    return SESSION.get_service_model(signal.service).operation_model(signal.operation)


def members(shape: Any, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """The names of all members of an answer, however deep."""
    if shape.name in seen:
        return
    for name, inner in getattr(shape, "members", {}).items():
        yield name
        yield from members(inner, (*seen, shape.name))
    for inner in (getattr(shape, "member", None), getattr(shape, "value", None)):
        if inner is not None:
            yield from members(inner, (*seen, shape.name))


ENTRIES = {"RedrivePolicy", "RedriveAllowPolicy", "VisibilityTimeout", "MessageRetentionPeriod", "FifoQueue"}
"""Keys of a map: SQS's model has them as an enum of its own."""
BY_DOCUMENTATION = {"TopicArn"}
"""A key of a map that the model speaks of in its documentation alone."""


def test_every_call_is_one_that_its_services_model_has(asked: list[Describe]) -> None:
    for signal in asked:
        describe.check(signal)
        params = {name: describe._sent(value) for name, value in signal.params}
        report = ParamValidator().validate(params, operation(signal).input_shape)
        assert not report.has_errors(), (signal, report.generate_report())


def test_every_member_that_is_selected_is_one_of_the_answers(asked: list[Describe]) -> None:
    names = SESSION.get_service_model("sqs").shape_for("QueueAttributeName").enum
    assert set(names) >= ENTRIES
    for signal in asked:
        known = {*members(operation(signal).output_shape), *ENTRIES, *BY_DOCUMENTATION}
        # "name: Member.Inner" selects Member and Inner; what stands in quotes is a value.
        bare = re.sub(r"'[^']*'|`[^`]*`", "", signal.select)
        selected = re.findall(r"(?<![\w:])(?:[\w]+)(?!\s*:|\w|\()", bare)
        assert set(selected) <= known, (signal.operation, set(selected) - known)


def test_the_calls_that_a_policy_is_made_for_are_those_that_are_made(asked: list[Describe]) -> None:
    assert {iam_action(one.service, one.operation) for one in asks.every()} == {
        iam_action(one.service, one.operation) for one in asked
    }


def test_no_environment_and_no_code_location_is_selected(asked: list[Describe]) -> None:
    assert not [s for s in asked if "Environment" in s.select or "Location" in s.select or s.select == "@"]


def test_a_call_is_written_as_the_aws_cli_takes_it() -> None:
    query = "--query '[Timeout,MemorySize,LoggingConfig,State,LastUpdateStatus]'"
    assert command(EXAMPLE, "us-east-1") == (
        f"aws lambda get-function-configuration --function-name f --qualifier live --region us-east-1 {query}"
    )


@pytest.mark.usefixtures("nobody_listens")
def test_every_command_that_is_suggested_is_accepted_as_it_stands(
    workers: tuple[Worker, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    resources = Live().look(expected(workers, Settings()))
    commands = sorted({one.look for one in resources if one.look.startswith("aws ")})
    assert len({tuple(line.split()[1:3]) for line in commands}) >= 15, commands
    driver = create_clidriver()
    for line in commands:
        driver.main(shlex.split(line)[1:])
        assert "Could not connect to the endpoint" in capsys.readouterr().err, line


@pytest.fixture
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CLI get as far as the network: it has then checked every option and every value."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).with_name("data")))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
