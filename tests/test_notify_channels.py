"""What goes to which channel, and that a drill reaches nobody."""

from dataclasses import replace

import pytest
from render_reports import BREACH, HEALTHY, UNKNOWN

from opskit.errors import ChannelError
from opskit.loopback import is_loopback
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
        channels.refuse_drill(("http://127.0.0.1:1",), "http://127.0.0.1:2")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    channels.refuse_drill(("http://127.0.0.1:1",), "http://127.0.0.1:2")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://0.0.0.0:4566",
        "http://127.1:4566",
        "http://[::]:4566",
        "http://localhost.localstack.cloud:4566",
    ],
)
def test_every_way_to_write_this_machine_is_a_drill(said: list[str], endpoint: str) -> None:
    keys = {"OPSKIT_PAGERDUTY_ROUTING_KEY": "k", "OPSKIT_PAGERDUTY_URL": "https://pager.invalid"}
    assert not channels.page(replace(BREACH, endpoint=endpoint), SETTINGS, keys, said.append)
    drill = f"this is a drill, AWS is on loopback ({endpoint})"
    assert said == [f"could not page: {drill}, and pager.invalid is not"]


def test_one_services_endpoint_on_loopback_makes_it_a_drill(said: list[str]) -> None:
    some = Settings(endpoint_urls=("https://vpce.example", "http://127.0.0.1:9"))
    keys = {
        "OPSKIT_SLACK_TOKEN": "t",
        "OPSKIT_SLACK_CHANNEL": "#c",
        "OPSKIT_SLACK_URL": "https://chat.invalid",
    }
    assert not channels.post(replace(BREACH, endpoint="https://vpce.example"), some, keys, said.append)
    drill = "this is a drill, AWS is on loopback (http://127.0.0.1:9)"
    assert said == [f"could not post to Slack: {drill}, and chat.invalid is not"]


def test_a_missing_key_is_said_before_the_drill(said: list[str]) -> None:
    assert not channels.post(BREACH, SETTINGS, {}, said.append)
    assert not channels.post(BREACH, SETTINGS, {"OPSKIT_SLACK_TOKEN": "t"}, said.append)
    wanted = "OPSKIT_SLACK_TOKEN and OPSKIT_SLACK_CHANNEL, or OPSKIT_SLACK_WEBHOOK_URL"
    assert said == [
        f"could not post to Slack: set {wanted}",
        "could not post to Slack: OPSKIT_SLACK_CHANNEL is not set",
    ]


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:1"])
@pytest.mark.parametrize("url", ["http://[::1", "http://h:99999/secret", "hooks.slack.com/secret"])
def test_a_channels_address_that_is_none_is_one_line_and_not_repeated(
    said: list[str], url: str, endpoint: str
) -> None:
    report = replace(BREACH, endpoint=endpoint)
    assert not channels.post(report, SETTINGS, {"OPSKIT_SLACK_WEBHOOK_URL": url}, said.append)
    keys = {"OPSKIT_PAGERDUTY_ROUTING_KEY": "k", "OPSKIT_PAGERDUTY_URL": url}
    assert not channels.page(report, SETTINGS, keys, said.append)
    assert said == [
        "could not post to Slack: OPSKIT_SLACK_WEBHOOK_URL is not an address such as https://host/path",
        "could not page: OPSKIT_PAGERDUTY_URL is not an address such as https://host/path",
    ]


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:4566", True), ("http://127.8.9.1", True), ("http://localhost:1", True),
        ("http://[::1]:1", True), ("http://aws.localhost", True), ("https://events.pagerduty.com", False),
        ("http://127.0.0.1.evil.example", False), ("http://localhost.example", False), ("", False),
        ("http://0.0.0.0:1", True), ("http://[::]:1", True), ("http://127.1", True),
        ("http://localhost.", True),
        ("http://0x7f.1", True), ("http://2130706433", True), ("http://[::ffff:127.0.0.1]", True),
        ("http://127.0.0.1 .evil.example", False), ("http://[::ffff:10.0.0.1]", False),
        ("http://[::1", False), ("http://user@127.0.0.1@evil.example", False), ("http://10.0.0.1", False),
    ],
)  # fmt: skip
def test_loopback_is_what_is_written_as_such(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback
