"""`opskit health` as it is called: what stands in its way is one line, and the rest is looked at."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from conftest import EmbeddedAws
from faults import FaultProxy, denied
from test_probe import tls_server

from opskit.cli import main
from opskit.sandbox import stage
from opskit.sandbox.incidents import find

CA = trustme.CA()
PREFIX = "prd2011-prod-us-east-1-"
ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "workers" / "validate_token" / "worker.yaml"


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))

    def findings(self) -> dict[tuple[str, str], str]:
        return {(f["subject"], f["cause"]): f["summary"] for f in self.document["findings"]}


Ask = Callable[..., Outcome]


@pytest.fixture(scope="module")
def played(shared_aws: EmbeddedAws) -> EmbeddedAws:
    """A healthy world, an hour of which is played."""
    stage.play(shared_aws.planes, find("healthy"), seed=7, span_s=3900)
    return shared_aws


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))

    def run(*words: str, endpoint: str = "") -> Outcome:
        if endpoint:
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        capfd.readouterr()
        code = main(["health", *words])
        return Outcome(code, *capfd.readouterr())

    return run


@pytest.mark.usefixtures("played")
def test_a_healthy_fleet_is_ok_and_exits_0(ask: Ask) -> None:
    outcome = ask("--output", "json")
    assert (outcome.code, outcome.err, outcome.document["verdict"]) == (0, "", "ok")


# --- what is asked for --------------------------------------------------------------------------------


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(
    ("words", "err"),
    [
        (
            ["--fn", "scoreUser"],
            'opskit: --fn: no worker or function "scoreUser"; did you mean scoreUsers?\n',
        ),
        (
            ["--fn", "nope"],
            (
                'opskit: --fn: no worker or function "nope"; known: handleEvent, publishScores, scoreUsers, '
                "validateToken\n"
            ),
        ),
        (
            ["--stack", "scorin"],
            'opskit: --stack: no stack "scorin"; did you mean scoring?\n',
        ),
        (
            ["--prefix", "nothing-"],
            'opskit: no worker to look at; no function in us-east-1 fits --prefix "nothing-"\n',
        ),
        (
            ["--fn", f"arn:aws:lambda:us-east-1:210987654321:function:{PREFIX}scoreUsers"],
            (
                "opskit: --fn: the name is of account 210987654321, but the credentials are of account "
                "123456789012; choose others with --profile\n"
            ),
        ),
        (["--tag", "=x"], 'opskit: --tag: expected KEY or KEY=VALUE, such as "stack=scoring"\n'),
        (
            ["--role-arn", "oncall"],
            (
                "opskit: --role-arn: expected an IAM role's ARN such as "
                'arn:aws:iam::123456789012:role/oncall, got "oncall"\n'
            ),
        ),
    ],
)
def test_a_choice_that_fits_nothing_is_one_line(ask: Ask, words: list[str], err: str) -> None:
    assert ask(*words) == Outcome(2, "", err)


@pytest.mark.usefixtures("played")
def test_a_function_is_found_by_its_arn(ask: Ask) -> None:
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{PREFIX}scoreUsers"
    outcome = ask("--fn", arn, "--output", "json")
    assert [worker["worker"] for worker in outcome.document["workers"]] == ["scoreUsers"]
    assert (outcome.code, outcome.document["notes"]) == (0, [])


@pytest.mark.usefixtures("played")
def test_where_no_worker_is_deployed_is_said_with_where_they_are(ask: Ask) -> None:
    outcome = ask("--region", "eu-west-1")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "opskit: no worker to look at; not deployed in eu-west-1, but elsewhere: handleEvent (us-east-1), "
        "publishScores (us-east-1, us-west-2), scoreUsers (us-east-1, us-west-2), "
        "validateToken (us-east-1)\n"
    )


@pytest.mark.usefixtures("played")
def test_a_worker_that_is_not_deployed_here_is_said_to_be_elsewhere(ask: Ask) -> None:
    outcome = ask("--region", "us-west-2", "--output", "json")
    assert outcome.code == 1  # the failover region is empty
    assert {cause for _, cause in outcome.findings()} >= {"exists"}
    assert any("not deployed in us-west-2" in note for note in outcome.document["notes"])
    assert any("workers_dir in opskit.toml" in note for note in outcome.document["notes"])


@pytest.mark.usefixtures("played")
def test_an_environment_of_another_account_is_refused(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text('[accounts]\nprod = "210987654321"\n')
    outcome = ask()
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert (
        "binds prod to account 210987654321, but the credentials are of account 123456789012" in outcome.err
    )


@pytest.mark.usefixtures("played")
def test_a_fleet_of_none_is_no_healthy_fleet(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path / "none"))
    outcome = ask()
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith("opskit: no worker to look at; no worker has a manifest: set workers_dir")


# --- what AWS does not give ---------------------------------------------------------------------------


@pytest.mark.usefixtures("played")
def test_without_credentials_nothing_is_looked_at(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert ask() == Outcome(
        3,
        "",
        "opskit: no AWS credentials found: set AWS_PROFILE, run aws sso login or export AWS_ACCESS_KEY_ID\n",
    )


@pytest.mark.usefixtures("played")
def test_an_endpoint_that_is_down_is_named(ask: Ask) -> None:
    at = "http://127.0.0.1:1"
    assert ask(endpoint=at) == Outcome(3, "", f"opskit: cannot reach {at}: connection refused\n")


@pytest.mark.usefixtures("played")
def test_watching_an_endpoint_that_is_down_keeps_to_its_form(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("opskit.cli.out.reader_gone", lambda: True)
    outcome = ask("--watch", "10s", "--output", "json", endpoint="http://127.0.0.1:1")
    assert (outcome.code, outcome.document["verdict"]) == (3, "unknown")
    assert "connection refused" in outcome.document["gaps"][0]["reason"]


def test_of_two_places_one_of_which_is_denied_the_other_is_looked_at(
    played: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = "region = us-east-1\naws_access_key_id = test\naws_secret_access_key = test\nendpoint_url ="
    (tmp_path / "config").write_text(
        f"[profile good]\n{keys} {played.endpoint}\n[profile bad]\n{keys} http://127.0.0.1:1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    outcome = ask("--profile", "good,bad", "--output", "json")
    assert (outcome.code, outcome.document["verdict"]) == (3, "unknown")
    assert outcome.document["findings"] == []
    (gap,) = outcome.document["gaps"]
    assert "cannot reach http://127.0.0.1:1: connection refused" in gap["reason"]


def test_a_denied_call_is_named_in_the_table_of_60_columns(
    played: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with FaultProxy(played.endpoint, [denied("lambda", "GetFunction")]) as proxy:
        outcome = ask("--output", "table", endpoint=proxy.endpoint)
    assert outcome.code == 3
    assert "denied: needs lambda:GetFunction" in " ".join(outcome.out.split())
    assert max(map(len, outcome.out.splitlines())) <= 60


# --- what is gone -------------------------------------------------------------------------------------


def test_a_table_that_is_deleted_under_a_running_worker_is_said_to_be_missing(
    played: EmbeddedAws, ask: Ask
) -> None:
    name = f"{PREFIX}identity-tokens"
    dynamodb = played.client("dynamodb")
    made = dynamodb.describe_table(TableName=name)["Table"]
    dynamodb.delete_table(TableName=name)
    try:
        outcome = ask("--output", "json")
    finally:
        dynamodb.create_table(
            TableName=name,
            KeySchema=made["KeySchema"],
            AttributeDefinitions=made["AttributeDefinitions"],
            BillingMode="PAY_PER_REQUEST",
        )
    assert outcome.code == 1
    assert outcome.findings()["validateToken", "exists"] == f"table {name} does not exist"
    assert {subject for subject, _ in outcome.findings()} == {"validateToken"}


@pytest.fixture
def reached_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Let the API's manifest name another URL."""

    def rewrite(url: str) -> None:
        folder = tmp_path / "own" / "validate_token"
        folder.mkdir(parents=True)
        text = MANIFEST.read_text().replace(
            "  health_path: /v1/health", f"  url: {url}\n  health_path: /health"
        )
        (folder / "worker.yaml").write_text(text)
        monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path / "own"))

    return rewrite


def _endpoint(ask: Ask) -> tuple[int, str]:
    outcome = ask("--fn", "validateToken", "--output", "json")
    (summary,) = [said for (_, cause), said in outcome.findings().items() if cause == "endpoint"]
    return outcome.code, summary


@pytest.mark.usefixtures("played")
def test_an_api_whose_name_does_not_resolve_has_no_dns(
    ask: Ask, reached_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(host: str, *_: object, **__: object) -> Any:
        if host == "api.localhost":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *_, **__)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    reached_at("https://api.localhost:8443")
    code, summary = _endpoint(ask)
    assert code == 1
    assert summary.startswith("no DNS: ")


@pytest.mark.usefixtures("played")
def test_an_expired_certificate_is_dated(
    ask: Ask, reached_at: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    ended = datetime.now(UTC) - timedelta(days=3, hours=1)
    with tls_server("localhost", ca=CA, until=ended) as server:
        reached_at(f"https://localhost:{server.port}")
        code, summary = _endpoint(ask)
    assert code == 1
    assert "certificate has expired" in summary
    assert "the certificate ended 3 days ago" in summary


# --- as a process -------------------------------------------------------------------------------------


def process(played: EmbeddedAws, tmp_path: Path, *words: str, **how: Any) -> subprocess.Popen[str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("OPSKIT_", "COV"))}
    return subprocess.Popen(
        [sys.executable, "-m", "opskit", "health", *words],
        env={**keep, "PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": played.endpoint,
             "OPSKIT_STATE_DIR": str(tmp_path / "state")},
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how,
    )  # fmt: skip


def test_watching_ends_with_ctrl_c_between_looks_and_tears_nothing(
    played: EmbeddedAws, tmp_path: Path
) -> None:
    watching = process(played, tmp_path, "--watch", "10s", "--output", "json")
    assert watching.stdout
    first = ""
    decoder = json.JSONDecoder()
    while True:
        line = watching.stdout.readline()
        assert line, watching.communicate()
        first += line
        try:
            seen, _ = decoder.raw_decode(first)
            break
        except ValueError:
            continue
    assert seen["verdict"] == "ok"
    watching.send_signal(signal.SIGINT)
    rest, err = watching.communicate(timeout=100)
    assert (watching.returncode, rest.strip()) == (130, "")
    assert "Traceback" not in err


def test_watching_ends_when_nobody_reads_any_more(played: EmbeddedAws, tmp_path: Path) -> None:
    watching = process(played, tmp_path, "--watch", "10s", "--output", "plain")
    assert watching.stdout
    assert watching.stderr
    assert watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(100) == 0
    assert "Traceback" not in watching.stderr.read()
    watching.stderr.close()


def test_a_pipe_that_is_closed_early_changes_no_exit_code(played: EmbeddedAws, tmp_path: Path) -> None:
    looking = process(played, tmp_path, "--output", "plain")
    assert looking.stdout
    assert looking.stderr
    looking.stdout.close()
    assert looking.wait(100) == 0
    assert looking.stderr.read() == ""
    looking.stderr.close()
