"""Every command that a case suggests is one the AWS CLI takes, with parameters that botocore accepts."""

import re
import shlex
import socket
from pathlib import Path

import awscli
import pytest
from awscli.clidriver import create_clidriver
from stream_cases import cases

COMMAND = re.compile(r"\baws [a-z-]+ [a-z-]+ --.*")
PLACEHOLDER = re.compile(r"<[^<>]+>")


def _suggested() -> list[str]:
    said = [text for case in cases() for finding in case.judged().findings for text in finding.fix]
    found = [match[0] for match in map(COMMAND.search, said) if match]
    return sorted({re.sub(r" \(first make room: .*\)$", "", command) for command in found})


@pytest.fixture
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CLI get as far as the network: it has then checked every option and every value."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).with_name("data")))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")


@pytest.mark.usefixtures("nobody_listens")
def test_every_suggested_command_is_accepted_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    commands = _suggested()
    assert len({tuple(command.split()[1:3]) for command in commands}) >= 7, commands
    driver = create_clidriver()
    for command in commands:
        # A placeholder is the reader's to fill in, and long enough to be seen; its place is checked.
        words = shlex.split(PLACEHOLDER.sub("arn:aws:sqs:us-east-1:123456789012:queue", command))
        driver.main(words[1:])
        assert "Could not connect to the endpoint" in capsys.readouterr().err, command
