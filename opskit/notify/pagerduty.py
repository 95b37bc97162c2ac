"""PagerDuty: an Events API v2 trigger.

Source: the Events API v2 reference, "Send an Alert Event": summary of at most 1,024 characters, severity
critical, error, warning or info, 202 with the deduplication key.
"""

import hashlib
import json
import logging
import warnings
from collections.abc import Sequence
from typing import Any

from opskit.errors import ChannelError
from opskit.mask import HIDDEN, mask
from opskit.model import Finding, Report, Severity, Verdict
from opskit.render import words
from opskit.render.canvas import Canvas
from opskit.render.figures import amount, iso
from opskit.render.links import links
from opskit.render.safe import clean

URL = "https://events.pagerduty.com"
SUMMARY_MAX = 1024
LINE_MAX = 2000
EVIDENCE_MAX = 20
TIMEOUT_S = 10
RETRIES = {429: 3, 500: 2, 502: 2, 503: 2, 504: 2}
"""Retries by status, 1.5 s x 2^n apart by the client."""
NETWORK_RETRIES = 1
SEVERITIES = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
}
_UTC = Canvas()


def payload(report: Report) -> dict[str, Any]:
    """Return the trigger event for `report`, masked, without the routing key."""
    pages = [{"href": url, "text": name} for name, url in links(report).items()]
    return {
        "event_action": "trigger",
        "dedup_key": dedup_key(report),
        "payload": {
            "summary": _line(f"{words.headline(report)}: {_summary(report)}")[:SUMMARY_MAX],
            "source": report.target.function or report.target.worker,
            "severity": _severity(report),
            "timestamp": iso(report.window.end),
            "component": report.target.source or report.target.worker,
            "group": f"{report.target.env} {report.target.region}",
            "class": report.runbook,
            "custom_details": _details(report),
        },
        **({"links": pages} if pages else {}),
    }


def dedup_key(report: Report) -> str:
    """Return the key under which pages about one symptom of one target are one incident.

    The cause is no part of it: it changes as one learns.
    """
    target = report.target
    identity = (target.account, target.region, target.env, target.function, target.source_arn, report.runbook)
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _severity(report: Report) -> str:
    if report.severity is None:
        return "info" if report.verdict is Verdict.OK else "warning"
    return SEVERITIES[report.severity]


def _summary(report: Report) -> str:
    return words.chains(report)[0][0].summary if report.findings else words.timing(report, _UTC)


def _details(report: Report) -> dict[str, Any]:
    primaries = [chain[0] for chain in words.chains(report)]
    details: dict[str, str | Sequence[str]] = {
        "when": words.timing(report, _UTC),
        "where": words.place(report),
        "causes": [f"{f.cause} ({f.severity}): {f.summary}" for f in primaries],
        "evidence": [line for finding in primaries for line in _evidence(finding)][:EVIDENCE_MAX],
        "fix": [line for finding in primaries for line in finding.fix],
        "harmful": [line for finding in primaries for line in finding.avoid],
        "facts": [words.with_clock(fact, report, _UTC) for fact in report.facts],
        "could not look at": [words.gap_line(gap) for gap in words.merged(report.gaps)],
        "next": list(report.next_commands),
        "run": report.run,
    }
    return {
        name: _line(value) if isinstance(value, str) else [_line(item) for item in value]
        for name, value in details.items()
        if value
    }


def _evidence(finding: Finding) -> list[str]:
    lines = []
    for item in finding.evidence:
        value, limit = amount(item.value, item.unit), amount(item.limit, item.unit)
        beside = f" (limit {limit})" if limit else ""
        lines.append(f"{item.text}: {value}{beside}" if value else item.text)
    return lines


def _line(text: str) -> str:
    return mask(clean(text))[:LINE_MAX]


def send(event: dict[str, Any], key: str, url: str = URL, pause_s: float = 1.5) -> str:
    """Send a trigger and return its deduplication key; ChannelError if PagerDuty did not take it.

    429 and 5xx are retried, the first time after 2 x `pause_s` seconds; a call waits 10 s at most.
    """
    with warnings.catch_warnings():
        # pdpyras announces its successor at import; that is no news for who is on call.
        warnings.simplefilter("ignore", UserWarning)
        import pdpyras  # noqa: PLC0415 - loaded when there is a page to send
    import requests  # noqa: PLC0415 - comes with pdpyras

    session = _session(pdpyras.EventsAPISession(key), url, pause_s)
    try:
        rest = {key: value for key, value in event.items() if key != "event_action"}
        taken: str = session.send_event(event["event_action"], **rest)
    except pdpyras.PDClientError as error:
        raise ChannelError(_why(error, key)) from None  # the cause's text holds a part of the key
    except (requests.RequestException, pdpyras.URLError, ValueError) as error:
        raise ChannelError(f"{type(error).__name__} at {url}") from None
    finally:
        session.close()
    return taken


def _session(session: Any, url: str, pause_s: float) -> Any:
    log = logging.getLogger(__name__)
    log.addHandler(logging.NullHandler())
    session.log = log
    session.url = url.rstrip("/")
    session.retry.update(RETRIES)
    session.max_network_attempts = NETWORK_RETRIES
    session.max_redirects = 0
    session.timeout = TIMEOUT_S
    session.sleep_timer = pause_s
    return session


def _why(error: Any, key: str) -> str:
    if error.response is None:
        cause = type(error.__cause__).__name__ if error.__cause__ else "no answer"
        return f"PagerDuty could not be reached ({cause})"
    status, answer = error.response.status_code, clean(error.response.text.replace(key, HIDDEN))[:200]
    if status in {400, 401, 403}:
        return f"PagerDuty refused the event or its routing key (HTTP {status}: {mask(answer)})"
    return f"PagerDuty answered HTTP {status}"
