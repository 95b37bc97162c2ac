import threading
from pathlib import Path

import pytest
from botocore import exceptions as boto

from opskit.aws.session import TRIES, Aws


def test_client_is_made_once_also_by_many_threads() -> None:
    aws = Aws("us-east-1", endpoint_url="http://127.0.0.1:1")
    got = []
    threads = [threading.Thread(target=lambda: got.append(aws.client("sts"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


def test_client_has_bounded_retries_timeouts_and_says_who_it_is() -> None:
    config = Aws("eu-west-1").client("sts").meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": TRIES}
    assert config.connect_timeout < config.read_timeout <= 15
    assert "opskit/" in config.user_agent


def test_endpoint_is_named_only_if_it_is_not_aws_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Aws("us-east-1").endpoint() == ""
    assert Aws("us-east-1", endpoint_url="http://127.0.0.1:4600").endpoint() == "http://127.0.0.1:4600"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4601")
    assert Aws("us-east-1").endpoint() == "http://127.0.0.1:4601"


def test_no_credentials_are_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    aws = Aws("us-east-1")
    with pytest.raises(boto.NoCredentialsError) as first:
        aws.client("sts")
    with pytest.raises(boto.NoCredentialsError) as second:
        aws.client("logs")
    assert first.value is second.value


def test_half_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(boto.PartialCredentialsError):
        Aws("us-east-1").client("sts")


def test_unknown_profile() -> None:
    with pytest.raises(boto.ProfileNotFound):
        Aws("us-east-1", profile="nobody").client("sts")


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(boto.NoRegionError):
        Aws("").client("lambda")


@pytest.mark.parametrize("url", ["nonsense", "127.0.0.1:4600"])
def test_endpoint_that_is_no_url(url: str) -> None:
    with pytest.raises(boto.InvalidEndpointConfigurationError):
        Aws("us-east-1", endpoint_url=url).client("sts")


def test_empty_endpoint_is_none() -> None:
    assert Aws("us-east-1", endpoint_url="").endpoint() == ""


def test_credential_process_that_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("[profile broken]\ncredential_process = /nonexistent/helper\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(boto.CredentialRetrievalError):
        Aws("us-east-1", profile="broken").client("sts")


def test_close_may_be_repeated_and_clients_come_back() -> None:
    aws = Aws("us-east-1")
    before = aws.client("sts")
    aws.close()
    aws.close()
    assert aws.client("sts") is not before
