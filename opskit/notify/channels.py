"""Which report goes to which channel, and that a drill reaches nobody.

| severity | channel |
| --- | --- |
| critical | PagerDuty |
| high, medium, and a look that could not tell | Slack |
| low | neither |
"""

import urllib.request
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from opskit.errors import ChannelError
from opskit.loopback import is_drill, is_loopback
from opskit.model import Report, Severity, Verdict
from opskit.settings import Settings, is_address

PAGERDUTY_URL_ENV = "OPSKIT_PAGERDUTY_URL"
SLACK_URL_ENV = "OPSKIT_SLACK_URL"
SLACK_TOKEN_ENV = "OPSKIT_SLACK_TOKEN"  # noqa: S105 - the variable's name
SLACK_CHANNEL_ENV = "OPSKIT_SLACK_CHANNEL"
Say = Callable[[str], None]


def page(report: Report, settings: Settings, environ: Mapping[str, str], say: Say) -> bool:
    """Page if the report is critical; say what was done, or why not. False only if a page failed."""
    if report.severity is not Severity.CRITICAL:
        found = (
            f"the worst finding is {report.severity}"
            if report.severity
            else f"the verdict is {report.verdict}"
        )
        say(f"not paged: only critical findings page, {found}")
        return True
    return _attempt(
        lambda: f"paged: PagerDuty took it as {_page(report, settings, environ)[:12]}", "page", say
    )


def post(report: Report, settings: Settings, environ: Mapping[str, str], say: Say) -> bool:
    """Post to Slack from medium on and on "unknown"; say so, or why not. False only if a post failed."""
    worth = report.severity is not None and report.severity.rank >= Severity.MEDIUM.rank
    if not worth and report.verdict is not Verdict.UNKNOWN:
        say("not posted: nothing of medium severity or above was found")
        return True
    return _attempt(lambda: f"posted to Slack{_post(report, settings, environ)}", "post to Slack", say)


def _attempt(deliver: Callable[[], str], verb: str, say: Say) -> bool:
    try:
        say(deliver())
    except ChannelError as error:
        say(f"could not {verb}: {error}")
        return False
    return True


def _page(report: Report, settings: Settings, environ: Mapping[str, str]) -> str:
    from opskit.notify import pagerduty  # noqa: PLC0415 - the client is loaded when there is a page to send

    key = _secret(environ, settings.pagerduty_key_env)
    url = _address(environ, PAGERDUTY_URL_ENV) or pagerduty.URL
    refuse_drill((report.endpoint, *settings.endpoint_urls), url)
    return pagerduty.send(pagerduty.payload(report), key, url)


def _post(report: Report, settings: Settings, environ: Mapping[str, str]) -> str:
    from opskit.notify import slack  # noqa: PLC0415 - as above

    webhook = _address(environ, settings.slack_webhook_env)
    if not (webhook or environ.get(SLACK_TOKEN_ENV)):
        raise ChannelError(f"set {SLACK_TOKEN_ENV} and {SLACK_CHANNEL_ENV}, or {settings.slack_webhook_env}")
    channel = "" if webhook else _secret(environ, SLACK_CHANNEL_ENV)
    url = webhook or _address(environ, SLACK_URL_ENV) or slack.URL
    refuse_drill((report.endpoint, *settings.endpoint_urls), url)
    if webhook:
        slack.send_webhook(slack.payload(report), webhook)
        return ""
    slack.send(slack.payload(report), environ[SLACK_TOKEN_ENV], channel, url)
    return f" in {channel}"


def _secret(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise ChannelError(f"{name} is not set")
    return environ[name]


def _address(environ: Mapping[str, str], name: str) -> str:
    """Return the address in a variable, "" if not set; ChannelError, without the secret that it may be."""
    url = environ.get(name, "")
    if url and not is_address(url):
        raise ChannelError(f"{name} is not an address such as https://host/path")
    return url


def refuse_drill(endpoints: tuple[str, ...], url: str) -> None:
    """Raise ChannelError if an AWS endpoint is on loopback and a message to `url` would leave it."""
    endpoint = next(filter(is_drill, endpoints), None)
    if endpoint is None:
        return
    parts = urlsplit(url)
    if not is_loopback(url):
        raise ChannelError(
            f"this is a drill, AWS is on loopback ({endpoint}), and {parts.hostname or 'the channel'} is not"
        )
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname or ""):
        raise ChannelError("this is a drill, and a proxy stands before loopback", "add 127.0.0.1 to NO_PROXY")
