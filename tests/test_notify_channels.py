"""What goes to which channel, and that a drill reaches nobody."""

from dataclasses import replace

import pytest
from render_reports import BREACH, HEALTHY, UNKNOWN

from opskit.errors import ChannelError
from opskit.model import Report, Severity
from opskit.notify import channels
from opskit.settings import Settings

SETTINGS = Settings()
HIGH = replace(BREACH, severity=Severity.HIGH)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (HIGH, "not paged: only critical findings page, the worst finding is high"),
        (HEALTHY, "not paged: only critical findings page, the verdict is ok"),
        (UNKNOWN, "not paged: only critical findings page, the verdict is unknown"),
    ],
)
def test_only_critical_pages(said: list[str], report: Report, line: str) -> None:
    assert channels.page(report, SETTINGS, {}, said.append)
    assert said == [line]


@pytest.mark.parametrize("report", [HEALTHY, replace(BREACH, severity=Severity.LOW)])
def test_nothing_of_medium_is_not_posted(said: list[str], report: Report) -> None:
    assert channels.post(report, SETTINGS, {}, said.append)
    assert said == ["not posted: nothing of medium severity or above was found"]


def test_a_missing_key_is_one_line_and_names_the_variable(said: list[str]) -> None:
    assert not channels.page(replace(BREACH, endpoint=""), SETTINGS, {}, said.append)
    assert said == ["could not page: OPSKIT_PAGERDUTY_ROUTING_KEY is not set"]


def test_missing_slack_settings_are_one_line(said: list[str]) -> None:
    assert not channels.post(UNKNOWN, SETTINGS, {}, said.append)
    wanted = "OPSKIT_SLACK_TOKEN and OPSKIT_SLACK_CHANNEL, or OPSKIT_SLACK_WEBHOOK_URL"
    assert said == [f"could not post to Slack: set {wanted}"]


def test_a_drill_never_leaves_the_machine(said: list[str]) -> None:
    keys = {"OPSKIT_PAGERDUTY_ROUTING_KEY": "k", "OPSKIT_SLACK_TOKEN": "t", "OPSKIT_SLACK_CHANNEL": "#c"}
    assert not channels.page(BREACH, SETTINGS, keys, said.append)
    assert not channels.post(BREACH, SETTINGS, keys, said.append)
    webhook = {"OPSKIT_SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/secret"}
    assert not channels.post(BREACH, SETTINGS, webhook, said.append)
    drill = "this is a drill, AWS is on loopback (http://127.0.0.1:4566), and"
    assert said == [
        f"could not page: {drill} events.pagerduty.com is not",
        f"could not post to Slack: {drill} slack.com is not",
        f"could not post to Slack: {drill} hooks.slack.com is not",
    ]


def test_a_proxy_before_loopback_is_refused_in_a_drill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(ChannelError, match="NO_PROXY"):
        channels.refuse_drill("http://127.0.0.1:1", "http://127.0.0.1:2")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    channels.refuse_drill("http://127.0.0.1:1", "http://127.0.0.1:2")


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:4566", True), ("http://127.8.9.1", True), ("http://localhost:1", True),
        ("http://[::1]:1", True), ("http://aws.localhost", True), ("https://events.pagerduty.com", False),
        ("http://127.0.0.1.evil.example", False), ("http://localhost.example", False), ("", False),
        ("http://[::1", False), ("http://user@127.0.0.1@evil.example", False), ("http://10.0.0.1", False),
    ],
)  # fmt: skip
def test_loopback_is_what_is_written_as_such(url: str, loopback: bool) -> None:
    assert channels.is_loopback(url) is loopback
