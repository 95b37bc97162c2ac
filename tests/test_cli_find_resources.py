"""`opskit find-resources` against the embedded AWS: exact output, exit codes, drift made by hand."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import EmbeddedAws
from faults import FaultProxy, denied, throttled
from referencing import Registry, Resource

from opskit.cli import main
from opskit.journal import Journal
from opskit.sandbox import stage
from opskit.sandbox.incidents import find

DOCS = Path(__file__).parents[1] / "docs"
PREFIX = "prd2011-prod-us-east-1-"


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)

    def amiss(self) -> dict[tuple[str, str], str]:
        """Kind and name of what was not simply found, and its state."""
        return {
            (one["kind"], one["name"].replace(PREFIX, "")): one["state"]
            for one in self.document["resources"]
            if one["state"] != "found"
        }


Ask = Callable[..., Outcome]


@pytest.fixture(scope="module")
def played(shared_aws: EmbeddedAws) -> EmbeddedAws:
    """A sandbox in which all is as the manifests say."""
    stage.play(shared_aws.planes, find("healthy"), seed=7, span_s=600)
    return shared_aws


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    monkeypatch.chdir(tmp_path)

    def run(*words: str, endpoint: str = "") -> Outcome:
        if endpoint:
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        capfd.readouterr()
        code = main(["find-resources", *words])
        return Outcome(code, *capfd.readouterr())

    return run


def json_of(ask: Ask, *words: str, endpoint: str = "") -> Outcome:
    outcome = ask("--output", "json", *words, endpoint=endpoint)
    report, own = (json.loads((DOCS / f"{name}.schema.json").read_text("utf-8")) for name in NAMES)
    registry = Registry().with_resource("report.schema.json", Resource.from_contents(report))
    jsonschema.Draft202012Validator(own, registry=registry).validate(outcome.document)
    return outcome


NAMES = ("report", "resources")


def test_a_healthy_fleet_is_found_wholly_and_exits_0(played: EmbeddedAws, ask: Ask) -> None:
    outcome = json_of(ask)
    assert (outcome.code, outcome.err, outcome.amiss()) == (0, "", {})
    document = outcome.document
    assert (document["verdict"], document["severity"], document["gaps"]) == ("ok", None, [])
    assert (document["account"], document["endpoint"]) == ("123456789012", played.endpoint)
    kinds = {one["kind"] for one in document["resources"]}
    assert {"function", "mapping", "stream", "queue", "table", "api", "stage", "route"} <= kinds
    assert {"permission", "topic", "log group", "role"} <= kinds
    assert document["counts"]["found"] == len(document["resources"]) == 30


def test_a_run_is_in_the_journal(
    played: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    document = json_of(ask, "--fn", "handleEvent", "--only-drift").document
    (entry,) = Journal(tmp_path / "state").recent(2)
    assert entry.run == document["run"]
    assert (entry.report["command"], entry.report["counts"]) == ("find-resources", document["counts"])
    assert len(entry.report["resources"]) == document["counts"]["found"] > 0
    (tmp_path / "full").touch()
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "full"))
    unwritten = json_of(ask, "--fn", "handleEvent")
    assert (unwritten.code, unwritten.document["run"]) == (0, None)
    assert unwritten.err.startswith("opskit: this run is not in the journal: ")


@pytest.fixture
def longer(played: EmbeddedAws) -> Iterator[None]:
    """A timeout raised by hand, for the time of a test."""
    functions, name = played.client("lambda"), f"{PREFIX}handleEvent"
    functions.update_function_configuration(FunctionName=name, Timeout=60)
    yield
    functions.update_function_configuration(FunctionName=name, Timeout=30)


@pytest.mark.usefixtures("longer")
def test_one_drift_is_told_in_full(played: EmbeddedAws, ask: Ask) -> None:
    outcome = ask("--only-drift")
    expected = f"""\
worker       kind      name         state    what differs
handleEvent  function  handleEvent  differs  timeout: 60 s live, 30 s in the manifest

29 found, 1 differs
account 123456789012, us-east-1, prod, endpoint {played.endpoint}

medium   function handleEvent: timeout: 60 s live, 30 s in the manifest
         look: aws lambda get-function --function-name {PREFIX}handleEvent --region us-east-1 --query \
'[Configuration.[Timeout,MemorySize,LoggingConfig,State,LastUpdateStatus],Concurrency,Tags]'
low      queue fan-updates: the visibility timeout of 180 s is below 6 x the timeout of 60 s + the window of \
0 s = 360 s: messages may come back while they are handled
         look: aws sqs get-queue-attributes --queue-url {played.endpoint}/123456789012/{PREFIX}fan-updates \
--attribute-names All --region us-east-1

cost 36 calls, 0 metrics, 0 B scanned, $0.0001
"""
    assert (outcome.code, outcome.out, outcome.err) == (1, expected, "")


@pytest.mark.usefixtures("longer", "played")
@pytest.mark.parametrize(("fail_on", "code"), [("low", 1), ("medium", 1), ("high", 0)])
def test_fail_on_decides_from_which_severity_on_it_exits_1(fail_on: str, code: int, ask: Ask) -> None:
    assert ask("--fail-on", fail_on).code == code


@pytest.mark.usefixtures("played")
def test_names_and_stacks_choose_the_workers(ask: Ask) -> None:
    assert {worker for one in json_of(ask, "--fn", "validatetoken").document["resources"]
            for worker in one["workers"]} == {"validateToken"}  # fmt: skip
    both = ask("--fn", "scoreUsers", "--fn", f"{PREFIX}publishScores", "--output", "json").out
    assert ask("--stack", "scoring", "--output", "json").document["counts"] == json.loads(both)["counts"]


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--fn", "scoreUser"], '--fn: no manifest is of "scoreUser"; did you mean scoreUsers?'),
        (["--stack", "scorin"], '--stack: no worker is of stack "scorin", did you mean scoring?'),
        (
            ["--region", "eu-west-1"],
            "none of 4 workers is deployed in eu-west-1; the manifests say us-east-1, us-west-2",
        ),
        (
            ["--fn", "handleEvent", "--region", "us-west-2"],
            "handleEvent is not deployed in us-west-2; the manifests say us-east-1",
        ),
        (
            ["--fn", "prd2011-qa-us-east-1-scoreUsers", "--fn", "handleEvent"],
            (
                "--fn: the names are of prod in us-east-1 and qa in us-east-1; "
                "ask for one environment and region at a time"
            ),
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_2(words: list[str], line: str, ask: Ask) -> None:
    outcome = ask(*words)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"opskit: {line}\n")


def test_a_fleet_of_none_is_one_line(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path))
    outcome = ask()
    line = f"opskit: {tmp_path}: no worker has a manifest; set workers_dir to the folder of your own\n"
    assert (outcome.code, outcome.err) == (2, line)
    assert ask("--stack", "scoring").err == line


@pytest.mark.usefixtures("played")
def test_what_is_not_deployed_here_is_said_beside_what_is(ask: Ask) -> None:
    west = json_of(ask, "--region", "us-west-2")
    elsewhere = [one for one in west.document["resources"] if one["state"] == "not-deployed-here"]
    assert [(one["workers"], one["reason"]) for one in elsewhere] == [
        (["handleEvent"], "its manifest says us-east-1"),
        (["validateToken"], "its manifest says us-east-1"),
    ]
    assert west.code == 1  # the scoring stack's failover region is empty
    assert west.document["counts"]["missing"] > 10


def test_denied_calls_are_unknown_and_exit_3(played: EmbeddedAws, ask: Ask) -> None:
    rules = [denied("sqs", "GetQueueUrl"), denied("iam", "ListRolePolicies")]
    with FaultProxy(played.endpoint, rules) as proxy:
        outcome = json_of(ask, endpoint=proxy.endpoint)
        plain = ask("--only-drift", "--output", "table", endpoint=proxy.endpoint)
    assert (outcome.code, outcome.document["verdict"]) == (3, "unknown")
    assert outcome.amiss() == {
        **{("role", f"{name}-role"): "unknown" for name in ("handleEvent", "publishScores", "scoreUsers")},
        ("role", "validateToken-role"): "unknown",
        **{("queue", name): "unknown" for name in ("fan-updates", "fan-updates-dlq", "fan-events-failed")},
        ("queue", "fan-scores-failed"): "unknown",
    }
    assert "22 found, 8 could not be looked at" in plain.out
    assert "denied: needs iam:ListRolePolicies" in " ".join(plain.out.split())


@pytest.mark.usefixtures("played")
def test_the_policy_names_what_is_asked_about(ask: Ask, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["iam-policy", "find-resources"]) == 0
    document = json.loads(capfd.readouterr()[0])
    rights = {action: one["Resource"] for one in document["Statement"] for action in one["Action"]}
    place = f"us-east-1:*:{PREFIX}"
    assert rights["sqs:GetQueueUrl"] == [
        f"arn:aws:sqs:{place}{name}"
        for name in ("fan-events-failed", "fan-scores-failed", "fan-updates", "fan-updates-dlq")
    ]
    assert rights["sns:GetTopicAttributes"] == [f"arn:aws:sns:{place}score-changes"]
    assert {"apigateway:GET", "iam:ListRolePolicies", "logs:DescribeLogGroups", "lambda:ListTags"} <= set(
        rights
    )
    assert "cloudwatch:GetMetricData" not in rights


def test_throttling_is_retried_and_without_end_unknown(played: EmbeddedAws, ask: Ask) -> None:
    with FaultProxy(played.endpoint, [throttled("lambda", every=4)]) as proxy:
        assert ask(endpoint=proxy.endpoint).code == 0
        assert proxy.fired
    with FaultProxy(played.endpoint, [throttled("dynamodb", "DescribeTable", every=1)]) as proxy:
        outcome = json_of(ask, "--fn", "handleEvent", endpoint=proxy.endpoint)
    tables = ("fan-profiles", "handled-events")
    assert (outcome.code, outcome.amiss()) == (3, {("table", name): "unknown" for name in tables})


def test_nothing_to_ask_is_one_line_and_exit_3(ask: Ask) -> None:
    outcome = ask(endpoint="http://127.0.0.1:1")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == "opskit: cannot reach http://127.0.0.1:1: connection refused\n"
    assert json_of(ask).document["verdict"] == "unknown"


@pytest.mark.usefixtures("played")
def test_an_arn_of_another_account_is_refused(ask: Ask) -> None:
    outcome = ask("--fn", f"arn:aws:lambda:us-east-1:999999999999:function:{PREFIX}scoreUsers")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--fn: the name is of account 999999999999, but" in outcome.err


@pytest.mark.usefixtures("played")
def test_credentials_of_another_account_are_refused(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text('[accounts]\nprod = "999999999999"\n')
    outcome = ask()
    assert (outcome.code, outcome.out) == (2, "")
    assert "binds prod to account 999999999999" in outcome.err


def test_what_is_changed_by_hand_is_seen(played: EmbeddedAws, ask: Ask) -> None:
    """Last in this file: it leaves a sandbox in which much is wrong."""
    functions, sqs = played.client("lambda"), played.client("sqs")
    mappings = functions.list_event_source_mappings()["EventSourceMappings"]
    uuids = {one["FunctionArn"].rpartition("-")[2]: one["UUID"] for one in mappings}
    functions.update_event_source_mapping(UUID=uuids["scoreUsers"], Enabled=False)
    functions.delete_event_source_mapping(UUID=uuids["handleEvent"])
    functions.put_function_concurrency(FunctionName=f"{PREFIX}scoreUsers", ReservedConcurrentExecutions=0)
    functions.untag_resource(
        Resource=f"arn:aws:lambda:us-east-1:123456789012:function:{PREFIX}scoreUsers", TagKeys=["stack"]
    )
    url = sqs.get_queue_url(QueueName=f"{PREFIX}fan-updates")["QueueUrl"]
    played.clock.advance(120)  # a mapping is being deleted for a while
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    sqs.delete_queue(QueueUrl=url.replace("fan-updates", "fan-events-failed"))
    played.client("kinesis").increase_stream_retention_period(
        StreamName=f"{PREFIX}fan-events", RetentionPeriodHours=48
    )
    played.client("dynamodb").delete_table(TableName=f"{PREFIX}identity-tokens")
    apis = played.client("apigateway")
    apis.delete_stage(restApiId=apis.get_rest_apis()["items"][0]["id"], stageName="prod")
    played.client("logs").delete_retention_policy(logGroupName=f"/aws/lambda/{PREFIX}handleEvent")
    topic = f"arn:aws:sns:us-east-1:123456789012:{PREFIX}score-changes"
    played.client("sns").delete_topic(TopicArn=topic)
    outcome = json_of(ask)
    assert outcome.code == 1
    assert outcome.amiss() == {
        ("mapping", "fan-updates"): "missing",
        ("queue", "fan-updates"): "differs",
        ("log group", "/aws/lambda/handleEvent"): "differs",
        ("topic", "score-changes"): "missing",
        ("function", "scoreUsers"): "differs",
        ("mapping", "fan-events"): "differs",
        ("stream", "fan-events"): "differs",
        ("queue", "fan-events-failed"): "missing",
        ("stage", "identity-verification/prod"): "missing",
        ("table", "identity-tokens"): "missing",
    }
    severities = [one["severity"] for one in outcome.document["findings"]]
    assert severities == ["high"] * 8 + ["medium", "low"]
    said = {one["text"] for resource in outcome.document["resources"] for one in resource["differences"]}
    assert {
        "reserved concurrency: 0 live, 16 in the manifest",
        "retention: 48 h live, 24 h in the manifest",
        "log retention: for ever live, 30 days in the manifest",
        "tag stack: none live, scoring in the manifest",
    } <= said
