"""The Slack message, and the real clients against a server that answers as Slack may."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from render_reports import BREACH, HEALTHY, LOSS, POISON, UNKNOWN
from werkzeug import Response

from opskit.errors import ChannelError
from opskit.model import Evidence, Gap, Report
from opskit.notify import slack
from opskit.notify.slack import payload

TOKEN = "xoxb-000000000000-secret"


def texts(message: dict[str, Any]) -> Iterator[str]:
    for block in message["blocks"]:
        for element in block.get("elements", [block.get("text")]):
            yield element["text"]


def test_payload_begins_with_what_is_wrong_and_ends_with_the_cost() -> None:
    message = payload(BREACH)
    said = list(texts(message))
    assert (
        message["text"]
        == ":red_circle: BREACH critical: poison-record-shard on scoreUsers, stream scores, and 1 more fault"
    )
    assert said[:3] == [
        "BREACH critical: poison-record-shard on scoreUsers, stream scores, and 1 more fault",
        "since 02:23 UTC, for 47 min; records start to expire at 04:10 UTC",
        "account 123456789012, us-east-1, prod, endpoint http://127.0.0.1:4566",
    ]
    assert said[-2:] == ["cost 11 calls, 23 metrics, 1.2 MB scanned, $0.0003", "run 01jd9x8k2a"]
    assert f"*Do*\n```{POISON.fix[0]}```\n• find who deployed it:\n```aws cloudtrail" in "".join(said)


def test_the_console_is_one_click_away() -> None:
    elements = next(b["elements"] for b in payload(LOSS)["blocks"] if "|metrics>" in json.dumps(b))
    shown = [element["text"] for element in elements]
    assert [text.rpartition("|")[2] for text in shown] == [
        "metrics>", "logs>", "function>", "triggers>", "stream>", "changes>",
    ]  # fmt: skip
    assert all(text.startswith("<https://us-east-1.console.aws.amazon.com/") for text in shown)
    assert shown[3].endswith("?subtab=triggers&amp;tab=configure|triggers>")
    assert "console.aws" not in json.dumps(payload(BREACH))


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (HEALTHY, ":large_green_circle: OK healthy: stream-lag finds nothing wrong with scoreUsers (scores)"),
        (UNKNOWN, ":white_circle: UNKNOWN could not tell: stream-lag on scoreUsers (scores)"),
    ],
)
def test_other_verdicts(report: Report, text: str) -> None:
    assert payload(report)["text"] == text


def test_what_the_logs_said_is_escaped_and_masked() -> None:
    evil = "<!channel> & <https://evil.example|click> userId=user-456 ```code"
    finding = replace(POISON, summary=evil, evidence=(Evidence("log", evil),), fix=(evil,))
    said = json.dumps(payload(replace(BREACH, findings=(finding,))), ensure_ascii=False)
    assert "<!channel>" not in said
    assert "<https" not in said
    assert "user-456" not in said
    assert "&lt;!channel&gt; &amp; " in said
    assert said.count("```") == 2  # one code block: the next command


def test_the_limits_of_block_kit_hold() -> None:
    long = replace(
        POISON,
        cause="c" * 300,
        summary="&" * 5000,
        fix=("<" * 4000,),
        avoid=("x" * 4000,),
        evidence=tuple(Evidence("s", "e" * 500) for _ in range(50)),
    )
    findings = tuple(replace(long, chain=chain) for chain in range(1, 30))
    gaps = tuple(Gap("s", f"reason {number} " + "&" * 200) for number in range(200))
    message = payload(replace(BREACH, findings=findings, gaps=gaps))
    assert len(message["blocks"]) <= 50
    assert len(message["blocks"][0]["text"]["text"]) <= 150
    for text in texts(message):
        assert len(text) <= 3000
        assert not text.rstrip("…`").endswith(("&am", "&a", "&l"))
    assert message["blocks"][-1]["elements"][0]["text"].startswith("cost")


def test_send_posts_with_the_token(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/api/chat.postMessage", method="POST").respond_with_json({"ok": True})
    slack.send(payload(BREACH), TOKEN, "#on-call", httpserver.url_for("/api/"))
    request, _ = httpserver.log[0]
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    body = request.get_json()
    assert body["channel"] == "#on-call"
    assert body["blocks"] == payload(BREACH)["blocks"]


@pytest.mark.parametrize("status", [429, 500])
def test_send_tries_again(httpserver: HTTPServer, status: int, capfd: pytest.CaptureFixture[str]) -> None:
    path = "/api/chat.postMessage"
    httpserver.expect_ordered_request(path).respond_with_data("", status, {"Retry-After": "0"})
    httpserver.expect_ordered_request(path).respond_with_json({"ok": True})
    slack.send(payload(BREACH), TOKEN, "#on-call", httpserver.url_for("/api/"))
    assert len(httpserver.log) == 2
    assert capfd.readouterr() == ("", "")


def test_a_long_retry_after_is_not_waited_for(httpserver: HTTPServer) -> None:
    path = "/api/chat.postMessage"
    httpserver.expect_request(path).respond_with_data("", 429, {"Retry-After": "3600"})
    with pytest.raises(ChannelError, match="HTTP 429"):
        slack.send(payload(BREACH), TOKEN, "#on-call", httpserver.url_for("/api/"))
    assert len(httpserver.log) == 1


def test_a_refusal_names_slacks_error(httpserver: HTTPServer, capfd: pytest.CaptureFixture[str]) -> None:
    answer = {"ok": False, "error": "channel_not_found"}
    httpserver.expect_request("/api/chat.postMessage").respond_with_json(answer)
    with pytest.raises(ChannelError, match=r"^Slack refused the message: channel_not_found$"):
        slack.send(payload(BREACH), TOKEN, "#on-call", httpserver.url_for("/api/"))
    assert capfd.readouterr() == ("", "")


def test_nobody_there_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ChannelError, match="could not be reached") as refused:
        slack.send(payload(BREACH), TOKEN, "#on-call", "http://127.0.0.1:9/")
    assert TOKEN not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_a_silent_server_is_not_waited_for_longer_than_the_timeout(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack, "TIMEOUT_S", 0.2)
    go = threading.Event()
    silent = httpserver.expect_request("/api/chat.postMessage")
    silent.respond_with_handler(lambda _: Response("late" if go.wait(100) else ""))
    began = time.monotonic()
    with pytest.raises(ChannelError, match="could not be reached"):
        slack.send(payload(BREACH), TOKEN, "#on-call", httpserver.url_for("/api/"))
    took_s = time.monotonic() - began
    go.set()
    assert took_s < 50


def test_a_webhook_takes_the_same_message(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/services/T/B/secret", json=payload(BREACH)).respond_with_data("ok")
    slack.send_webhook(payload(BREACH), httpserver.url_for("/services/T/B/secret"))
    httpserver.check()


def test_a_refused_webhook_does_not_show_its_address(
    httpserver: HTTPServer, capfd: pytest.CaptureFixture[str]
) -> None:
    httpserver.expect_request("/services/T/B/secret").respond_with_data("invalid_blocks", 400)
    with pytest.raises(ChannelError, match=r"^Slack answered HTTP 400 invalid_blocks$"):
        slack.send_webhook(payload(BREACH), httpserver.url_for("/services/T/B/secret"))
    with pytest.raises(ChannelError) as unreachable:
        slack.send_webhook(payload(BREACH), "http://127.0.0.1:9/services/T/B/secret")
    assert "secret" not in str(unreachable.value)
    assert capfd.readouterr() == ("", "")
