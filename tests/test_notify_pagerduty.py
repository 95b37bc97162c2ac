"""The PagerDuty event, and the real client against a server that answers as PagerDuty may."""

import json
import threading
import time
import warnings
from dataclasses import replace

import pytest
from pytest_httpserver import HTTPServer
from render_reports import BREACH, HEALTHY, LOSS, POISON, THROTTLE, UNKNOWN
from werkzeug import Response

from opskit.errors import ChannelError
from opskit.model import Report, Severity
from opskit.notify import pagerduty
from opskit.notify.pagerduty import dedup_key, payload

KEY = "R0UT1NGKEY0123456789abcdefabcdef"
TAKEN = {"status": "success", "message": "Event processed", "dedup_key": "the-key"}


def test_payload() -> None:
    event = payload(BREACH)
    assert event["event_action"] == "trigger"
    assert event["dedup_key"] == dedup_key(BREACH)
    details = event["payload"].pop("custom_details")
    assert event["payload"] == {
        "summary": "BREACH critical: poison-record-shard on scoreUsers, stream scores, and 1 more fault: "
        "one record fails again and again and blocks its shard",
        "source": "prd2011-prod-us-east-1-scoreUsers",
        "severity": "critical",
        "timestamp": "2026-11-24T03:10:00Z",
        "component": "scores",
        "group": "prod us-east-1",
        "class": "stream-lag",
    }
    assert details["when"] == "since 02:23 UTC, for 47 min; records start to expire at 04:10 UTC"
    assert details["evidence"][0] == "IteratorAge, the oldest shard: 1 h 29 min (limit 2 min)"
    assert "\x1b" not in json.dumps(details)
    assert details["fix"][0] == POISON.fix[0]


@pytest.mark.parametrize(
    ("report", "severity"),
    [
        (BREACH, "critical"),
        (replace(BREACH, severity=Severity.HIGH), "error"),
        (replace(BREACH, severity=Severity.MEDIUM), "warning"),
        (replace(BREACH, severity=Severity.LOW), "info"),
        (UNKNOWN, "warning"),
        (HEALTHY, "info"),
    ],
)
def test_severity(report: Report, severity: str) -> None:
    assert payload(report)["payload"]["severity"] == severity


def test_the_key_is_the_symptom_of_a_target_never_its_cause() -> None:
    key = dedup_key(BREACH)
    assert len(key) == 64
    assert dedup_key(replace(BREACH, findings=(THROTTLE,), run="other", facts=())) == key
    others = [
        replace(BREACH, runbook="queue-depth"),
        *(
            replace(BREACH, target=replace(BREACH.target, **{field: "x"}))
            for field in ("account", "region", "env", "function", "source_arn")
        ),
    ]
    assert len({key, *map(dedup_key, others)}) == 7


def test_private_data_is_masked_and_the_summary_is_cut() -> None:
    long = replace(POISON, summary="userId=user-456 mail a@b.example " + "x" * 2000)
    event = payload(replace(BREACH, findings=(long,)))
    assert len(event["payload"]["summary"]) == 1024
    assert "user-456" not in json.dumps(event)
    assert "a@b.example" not in json.dumps(event)


def test_links_are_the_consoles_pages() -> None:
    assert payload(LOSS)["links"][2] == {
        "href": "https://us-east-1.console.aws.amazon.com/lambda/home?region=us-east-1"
        "#/functions/prd2011-prod-us-east-1-scoreUsers?tab=monitoring",
        "text": "function",
    }
    assert "links" not in payload(BREACH)


@pytest.mark.parametrize("report", [BREACH, LOSS], ids=["without-links", "with-links"])
def test_send_triggers(httpserver: HTTPServer, report: Report) -> None:
    event = payload(report)
    httpserver.expect_ordered_request(
        "/v2/enqueue", method="POST", json={**event, "routing_key": KEY}
    ).respond_with_json(TAKEN, status=202)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pagerduty.send(event, KEY, httpserver.url_for("")) == "the-key"
    httpserver.check()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_send_tries_again(httpserver: HTTPServer, status: int, capfd: pytest.CaptureFixture[str]) -> None:
    httpserver.expect_ordered_request("/v2/enqueue").respond_with_data("", status=status)
    httpserver.expect_ordered_request("/v2/enqueue").respond_with_json(TAKEN, status=202)
    assert pagerduty.send(payload(BREACH), KEY, httpserver.url_for("/"), pause_s=0.01) == "the-key"
    assert len(httpserver.log) == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("status", "calls"), [(429, 4), (500, 3)])
def test_send_gives_up(
    httpserver: HTTPServer, status: int, calls: int, capfd: pytest.CaptureFixture[str]
) -> None:
    httpserver.expect_request("/v2/enqueue").respond_with_data("", status=status)
    with pytest.raises(ChannelError, match=f"PagerDuty answered HTTP {status}"):
        pagerduty.send(payload(BREACH), KEY, httpserver.url_for("/"), pause_s=0.001)
    assert len(httpserver.log) == calls
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_key_is_said_and_not_shown(httpserver: HTTPServer, status: int) -> None:
    answer = {"status": "invalid event", "message": "Event object is invalid", "errors": [f"key {KEY}"]}
    httpserver.expect_request("/v2/enqueue").respond_with_json(answer, status=status)
    with pytest.raises(ChannelError, match=f"HTTP {status}") as refused:
        pagerduty.send(payload(BREACH), KEY, httpserver.url_for("/"))
    assert KEY[-4:] not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_nobody_there_is_one_line() -> None:
    with pytest.raises(ChannelError, match="could not be reached"):
        pagerduty.send(payload(BREACH), KEY, "http://127.0.0.1:9", pause_s=0.01)


def test_a_silent_server_is_not_waited_for_longer_than_the_timeout(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pagerduty, "TIMEOUT_S", 0.2)
    go = threading.Event()
    silent = httpserver.expect_request("/v2/enqueue")
    silent.respond_with_handler(lambda _: Response("late" if go.wait(100) else ""))
    began = time.monotonic()
    with pytest.raises(ChannelError, match="could not be reached"):
        pagerduty.send(payload(BREACH), KEY, httpserver.url_for("/"), pause_s=0.01)
    took_s = time.monotonic() - began
    go.set()
    assert took_s < 50


def test_a_redirect_is_not_followed(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v2/enqueue").respond_with_data(
        "", 307, {"Location": httpserver.url_for("/away")}
    )
    with pytest.raises(ChannelError):
        pagerduty.send(payload(BREACH), KEY, httpserver.url_for("/"), pause_s=0.001)
    assert {request.path for request, _ in httpserver.log} == {"/v2/enqueue"}


def test_a_page_that_is_not_pagerduty_is_one_line(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v2/enqueue").respond_with_data("<html>hello</html>", status=200)
    with pytest.raises(ChannelError):
        pagerduty.send(payload(BREACH), KEY, httpserver.url_for("/"))
