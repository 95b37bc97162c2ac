"""Slack: one Block Kit message.

Source: the Block Kit reference: at most 50 blocks, 150 characters in a header, 3,000 in a text; `&`, `<`
and `>` are escaped in mrkdwn ("Escaping text").
"""

import logging
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from opskit.errors import ChannelError
from opskit.mask import mask
from opskit.model import Evidence, Finding, Report, Severity, Verdict
from opskit.render import words
from opskit.render.canvas import Canvas
from opskit.render.figures import amount, sparkline
from opskit.render.links import links
from opskit.render.safe import clean

if TYPE_CHECKING:
    from slack_sdk.http_retry import RetryHandler

URL = "https://slack.com/api/"
BLOCKS_MAX = 50
HEADER_MAX = 150
TEXT_MAX = 3000
STEP_MAX = 1000
CHAINS_MAX = 8
"""At most five blocks each: with the head and the tail a message stays under 50 blocks."""
TREND_WIDTH = 16
TIMEOUT_S = 10
RETRIES = 2
WAIT_MAX_S = 30
"""A longer Retry-After than this is not waited for."""
EMOJI = {
    Severity.CRITICAL: ":red_circle:",
    Severity.HIGH: ":large_orange_circle:",
    Severity.MEDIUM: ":large_yellow_circle:",
    Severity.LOW: ":large_blue_circle:",
}
_UTC = Canvas()


def payload(report: Report) -> dict[str, Any]:
    """Return the message for `report`, masked and escaped: fallback `text` and `blocks`."""
    chains = words.chains(report)
    span = (report.window.start, report.window.end)
    left_out = len(chains) - CHAINS_MAX
    more = [f"{left_out} more causes: run the command below"] if left_out > 0 else []
    blocks = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _cut(_plain(words.headline(report)), HEADER_MAX)},
        },
        _section(_said(words.timing(report, _UTC))),
        _context([words.place(report)]),
        *(block for chain in chains[:CHAINS_MAX] for block in _chain(chain, span)),
        *_listed("Also measured", [*(words.with_clock(f, report, _UTC) for f in report.facts), *more]),
        *_listed("Could not look at", [words.gap_line(gap) for gap in words.merged(report.gaps)]),
        *_look(report),
        *_commands("Next", report.next_commands),
        _context([f"cost {words.spent(report.cost)}", *([f"run {report.run}"] if report.run else [])]),
    ]
    return {
        "text": _cut(f"{_emoji(report)} {_said(words.headline(report))}", TEXT_MAX),
        "blocks": blocks[:BLOCKS_MAX],
    }


def _emoji(report: Report) -> str:
    if report.severity is None:
        return ":large_green_circle:" if report.verdict is Verdict.OK else ":white_circle:"
    return EMOJI[report.severity]


def _chain(chain: Sequence[Finding], span: tuple[int, int]) -> list[dict[str, Any]]:
    primary, *others = chain
    named = [f"{f.cause} ({f.severity}): {f.summary}" for f in others]
    return [
        _section(f"{EMOJI[primary.severity]} *{_said(primary.cause)}*: {_said(primary.summary)}"),
        *_listed("", [_evidence(evidence, span) for evidence in primary.evidence]),
        *_commands("Do", primary.fix),
        *_listed("Harmful", primary.avoid),
        *_listed("Follows from it", named),
    ]


def _evidence(evidence: Evidence, span: tuple[int, int]) -> str:
    value, limit = amount(evidence.value, evidence.unit), amount(evidence.limit, evidence.unit)
    beside = f" (limit {limit})" if limit else ""
    trend = sparkline(evidence.series, TREND_WIDTH, span=span)
    return f"{evidence.text}{f': {value}' if value else ''}{beside} {trend}".rstrip()


def _look(report: Report) -> list[dict[str, Any]]:
    """Return links, not buttons: Slack tells an app of a pressed button, and complains if nobody answers."""
    named = [f"<{_escaped(url)}|{name}>" for name, url in links(report).items()]
    return [_context_of(kept)] if (kept := [link for link in named if len(link) <= TEXT_MAX]) else []


def _listed(title: str, lines: Iterable[str]) -> list[dict[str, Any]]:
    items = [f"• {_said(line)}" for line in lines]
    return [_section("\n".join([f"*{title}*", *items] if title else items))] if items else []


def _commands(title: str, lines: Iterable[str]) -> list[dict[str, Any]]:
    """Return steps as bullets, each command in a code block of its own, as many as one section holds."""
    said = f"*{title}*"
    for what, command in map(words.step, lines):
        bullet = f"\n• {_cut(_said(what), STEP_MAX)}" if what else ""
        fenced = f"\n```{_cut(_said(command), STEP_MAX)}```" if command else ""
        if len(said) + len(bullet) + len(fenced) > TEXT_MAX:
            break
        said += bullet + fenced
    return [_section(said)] if said != f"*{title}*" else []


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _cut(text, TEXT_MAX), "verbatim": True}}


def _context(lines: Iterable[str]) -> dict[str, Any]:
    return _context_of(_cut(_said(line), TEXT_MAX) for line in lines)


def _context_of(texts: Iterable[str]) -> dict[str, Any]:
    elements = [{"type": "mrkdwn", "text": text, "verbatim": True} for text in texts]
    return {"type": "context", "elements": elements}


def _plain(text: str) -> str:
    return mask(clean(text))


def _said(text: str) -> str:
    """Return untrusted text as mrkdwn that says it: masked, escaped, and unable to open a code block."""
    return _escaped(_plain(text).replace("```", "'''"))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    kept = text[: most - 1]
    entity = kept.rfind("&", most - 6)
    return f"{kept[:entity] if entity >= 0 and ';' not in kept[entity:] else kept}…"


def send(message: dict[str, Any], token: str, channel: str, url: str = URL) -> None:
    """Post a message with a bot's token; ChannelError if Slack did not take it."""
    from slack_sdk import WebClient  # noqa: PLC0415 - loaded when there is something to post
    from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415

    client = WebClient(
        token=token, base_url=url, timeout=TIMEOUT_S, retry_handlers=_retries(), logger=_quiet_log()
    )
    try:
        client.chat_postMessage(channel=channel, unfurl_links=False, unfurl_media=False, **message)
    except SlackApiError as error:
        raise ChannelError(_refusal(error.response)) from None  # its text repeats the whole answer
    except (SlackClientError, HTTPException, OSError, ValueError) as error:
        raise ChannelError(_unreachable(error)) from None


def send_webhook(message: dict[str, Any], url: str) -> None:
    """Post a message to an incoming webhook, whose address is a secret; ChannelError if Slack refused it."""
    from slack_sdk.errors import SlackClientError  # noqa: PLC0415 - as above
    from slack_sdk.webhook import WebhookClient  # noqa: PLC0415

    client = WebhookClient(url, timeout=TIMEOUT_S, retry_handlers=_retries(), logger=_quiet_log())
    try:
        answer = client.send(**message)
    except (SlackClientError, HTTPException, OSError, ValueError) as error:
        raise ChannelError(_unreachable(error)) from None
    if answer.status_code != HTTPStatus.OK:
        raise ChannelError(f"Slack answered HTTP {answer.status_code} {_plain(answer.body)[:100]}".rstrip())


def _refusal(response: Any) -> str:
    if response.status_code != HTTPStatus.OK:
        return f"Slack answered HTTP {response.status_code}"
    return f"Slack refused the message: {_plain(str(response.get('error')))}"


def _unreachable(error: Exception) -> str:
    """Name the fault without its text, which may hold the webhook's address."""
    reason = getattr(error, "reason", None)
    return f"Slack could not be reached ({type(reason if isinstance(reason, Exception) else error).__name__})"


def _quiet_log() -> logging.Logger:
    """Return a logger without output of its own: a failing channel is one line, written by the caller."""
    log = logging.getLogger(__name__)
    log.addHandler(logging.NullHandler())
    return log


def _retries() -> "list[RetryHandler]":
    from slack_sdk.http_retry import (  # noqa: PLC0415 - as above
        HttpRequest,
        HttpResponse,
        RateLimitErrorRetryHandler,
        RetryState,
    )
    from slack_sdk.http_retry.builtin_handlers import ServerErrorRetryHandler  # noqa: PLC0415

    class Patient(RateLimitErrorRetryHandler):
        """Waits as long as Slack asks, within reason."""

        def _can_retry(
            self,
            *,
            state: RetryState,
            request: HttpRequest,
            response: HttpResponse | None = None,
            error: Exception | None = None,
        ) -> bool:
            limited = super()._can_retry(state=state, request=request, response=response, error=error)
            return limited and _asked_wait_s(response) <= WAIT_MAX_S

    return [Patient(max_retry_count=RETRIES), ServerErrorRetryHandler(max_retry_count=RETRIES)]


def _asked_wait_s(response: Any) -> float:
    values = next((v for k, v in response.headers.items() if k.lower() == "retry-after"), ["1"])
    return float(values[0]) if str(values[0]).isdigit() else WAIT_MAX_S + 1
