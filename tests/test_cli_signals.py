"""`opskit signals`: what a run would ask, and what it then does ask."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import EmbeddedAws
from stream_cases import cases

from opskit import inventory
from opskit.aws.shapes import emptiest
from opskit.cli import look, main
from opskit.foresight import anyone, foresee
from opskit.model import Describe, Readings, Signal, Window
from opskit.sandbox import stage
from opskit.sandbox.incidents import find as incident
from opskit.settings import Settings
from runbooks import ALL

WINDOW = Window(0, 10_800)


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials, no AWS, no configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["signals", "stream-lag", *arguments, "-o", "json"]) == 0
    return json.loads(capsys.readouterr()[0])


def test_json_has_each_signal_with_what_it_asks_what_silence_means_and_its_price(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (target,) = told(capsys, "--fn", "scoreUsers")["targets"]
    by_name = {record["signal"]: record for record in target["signals"]}
    function = "FunctionName=prd2011-prod-us-east-1-scoreUsers"
    assert by_name["errors"] == {
        "round": "1",
        "signal": "errors",
        "kind": "metric",
        "asks": f"AWS/Lambda Errors Sum 60 s {function}",
        "silence": "0 beside Invocations",
        "calls": None,
        "metrics": 1,
        "usd": 0.00001,
    }
    assert by_name["iterator-age"]["silence"] == "unknown"
    assert by_name["function"]["asks"] == f"lambda GetFunction {function}"
    assert (by_name["function"]["round"], by_name["function"]["calls"]) == ("0", 1)
    assert by_name["error-texts"] == {
        "round": "2",
        "signal": "error-texts",
        "kind": "log query",
        "asks": "stream-errors in /aws/lambda/prd2011-prod-us-east-1-scoreUsers",
        "silence": "no match",
        "calls": 1,
        "metrics": 0,
        "usd": 0.0,
        "usd_per_gb": 0.005,
    }
    assert target["round2_when"]


def test_without_a_name_it_is_any_function_with_each_trigger(capsys: pytest.CaptureFixture[str]) -> None:
    targets = told(capsys)["targets"]
    assert [(one["function"], one["trigger"]) for one in targets] == [
        ("<function>", "kinesis"),
        ("<function>", "dynamodb-stream"),
    ]
    asks = [record["asks"] for one in targets for record in one["signals"]]
    assert "AWS/Lambda PolledEventCount Sum 60 s EventSourceMappingUUID=<UUID>" in asks
    assert "dynamodb DescribeTable TableName=<table>" in asks
    assert "dynamodb DescribeTable TableName=<written table>" in asks
    assert "kinesis ListStreamConsumers StreamARN=arn:aws:kinesis:us-east-1:<account>:stream/<stream>" in asks
    assert (
        "dynamodbstreams DescribeStream "
        "StreamArn=arn:aws:dynamodb:us-east-1:<account>:table/<table>/stream/<label>"
    ) in asks
    assert not [text for text in asks if "None" in text]


@pytest.mark.parametrize("form", ["plain", "table", "markdown"])
def test_people_get_a_line_a_signal_and_the_sums(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["signals", "stream-lag", "--fn", "scoreUsers", "-o", form]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert "0.005/GB" in out
    totals = [line.replace("|", " ").split() for line in out.splitlines() if " total " in line]
    assert [line[:3] for line in totals] == [["kinesis", "0-1", "total"], ["kinesis", "0-2", "total"]]


def test_a_longer_window_may_need_more_calls(capsys: pytest.CaptureFixture[str]) -> None:
    short, long = (told(capsys, "--since", since)["targets"][0]["totals"][0] for since in ("3h", "15d"))
    assert long["calls"] >= short["calls"]
    assert long["metrics"] == short["metrics"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["streem-lag"], 'no runbook "streem-lag"; did you mean stream-lag?'),
        (["stream-lag", "--since", "10 march"], "--since: expected a duration such as 90m, 3h"),
        (["stream-lag", "--fn", "a b"], "--fn: expected a worker's name, a function's name or its ARN"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused(arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["signals", *arguments]) == 2
    assert capfd.readouterr()[1].startswith(f"opskit: {line}")


def test_a_runbook_that_is_not_for_the_worker_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    others = [w for w in inventory.load(Settings()).workers if w.trigger not in ALL["stream-lag"].TRIGGERS]
    assert others
    assert main(["signals", "stream-lag", "--fn", others[0].name]) == 2
    assert "stream-lag is for kinesis and dynamodb-stream" in capfd.readouterr()[1]


def test_what_a_run_asks_is_what_was_foretold_and_costs_what_was_foretold(
    embedded_aws: EmbeddedAws, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", embedded_aws.endpoint)
    stage.play(embedded_aws.planes, incident("healthy"), seed=7)
    report = look.look(Settings(), look.Asked("stream-lag", "scoreUsers", 10_800, 60))
    (target,) = told(capsys, "--fn", "scoreUsers")["targets"]
    foretold = target["totals"][0]
    assert (report.cost.api_calls, report.cost.metrics) == (foretold["calls"], foretold["metrics"])
    assert report.cost.usd == pytest.approx(foretold["usd"])


@pytest.mark.parametrize("name", ALL)
def test_every_runbook_can_be_foreseen(name: str) -> None:
    for one in foresee(ALL[name], anyone(Settings()), WINDOW):
        assert one.round1
        assert one.more
        assert all(one.signals)


def test_all_that_the_cases_ask_is_of_a_kind_that_was_foreseen() -> None:
    """Names in answers (shards, tables) make more signals; what is called for them is known before."""
    for case in cases():
        known = {call(s) for s in _foreseen(case.target.trigger)}
        book = ALL["stream-lag"]
        asked = {**book.signals(case.target), **book.more_signals(case.target, case.readings)}
        assert {call(signal) for signal in asked.values()} <= known, case.name


def call(signal: Signal) -> tuple[str, ...]:
    return (signal.service, signal.operation) if isinstance(signal, Describe) else (type(signal).__name__,)


def _foreseen(trigger: str) -> list[Signal]:
    every = foresee(ALL["stream-lag"], anyone(Settings()), WINDOW)
    return [signal for one in every if one.target.trigger == trigger for signal in one.signals]


def test_an_empty_answer_has_empty_lists_and_nothing_set() -> None:
    assert emptiest(Describe("lambda", "ListEventSourceMappings", (), "EventSourceMappings[].UUID")) == []
    assert emptiest(Describe("lambda", "GetFunction", (), "{name: Configuration.FunctionName}")) == {
        "name": None
    }
    assert emptiest(Describe("kinesis", "ListShards", (), "length(Shards)")) == 0
    assert emptiest(Describe("kinesis", "ListShards", (), "length(NextToken)")) is None


def test_a_reading_that_round_two_needs_and_does_not_have_is_no_fault() -> None:
    class Needy:
        """A runbook whose second round insists on a settings reading."""

        NAME, TITLE, TRIGGERS, RULES = "needy", "t", ("kinesis",), ()
        signals = staticmethod(ALL["stream-lag"].signals)

        @staticmethod
        def more_signals(_: object, readings: Readings) -> dict[str, Signal]:
            """Return round 2: what the mapping names."""
            return {"more": Describe("lambda", "GetAlias")} if readings.document("mappings") == [] else {}

    (one,) = foresee(Needy, anyone(Settings()), WINDOW)  # type: ignore[arg-type]
    assert (list(one.round2), one.more) == (["more"], "what the mapping names.")
