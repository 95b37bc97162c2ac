"""The pages of the AWS console that show more of what a report is about; pure.

AWS documents none of these addresses. They follow links that the console itself makes, as people keep them
in runbooks and tests; `jsurl` is how CloudWatch writes a page's state behind the `#`, the format of the
JavaScript library of that name. Grafana's CloudWatch data source links to Logs Insights with like members.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from opskit.model import Json, LogQuery, Metric, Report, Target, Verdict
from opskit.render.figures import DAY_S, iso
from opskit.render.words import chains

LONGEST = 2083
"""Terminals of the VTE family drop a hyperlink that is longer, Slack one of 3,000 characters."""

SHORT = 200
"""What is still bearable as plain text."""

ADDRESSES_MAX = 3

METRICS_MAX = 10
"""More lines than this in one graph tell nothing apart."""

CONSOLES = {"cn": "console.amazonaws.cn", "us-gov": "console.amazonaws-us-gov.com"}
"""The console's domain by the region's prefix, where it is not the one of the `aws` partition."""

NO_CONSOLE = re.compile(r"(\w+-iso\w*|eusc)-")
"""Regions of the isolated partitions, and of the European sovereign one, whose addresses nobody shows."""

ARN_COLONS = 5
_STATE = re.compile(r"[^A-Za-z0-9_.-]")


def links(report: Report) -> dict[str, str]:
    """Return the console's pages by name, most telling first; none where AWS is not AWS's own endpoint.

    Names: metrics, logs, function, triggers, stream or table or queue, changes. A page that would need what
    is not known is left out. The console shows the account that the browser is signed in to.
    """
    region = report.target.region
    console = _console(region)
    if report.endpoint or not console:
        return {}
    pages = {
        "metrics": _metrics(report),
        "logs": _logs(report),
        **_function(report.target),
        **_source(report.target),
        "changes": _changes(report),
    }
    return {
        name: f"https://{region}.{console}/{service}/home?region={region}#{state}"
        for name, (service, state) in pages.items()
        if state
    }


def addresses(report: Report) -> dict[str, str]:
    """Return the links that can stand as they are in a pipe or on a plain terminal; none if all is well."""
    if report.verdict is Verdict.OK:
        return {}
    bearable = [(name, url) for name, url in links(report).items() if len(url) <= SHORT]
    return dict(bearable[:ADDRESSES_MAX])


def jsurl(value: Json) -> str:
    """Return a JSON value as CloudWatch's console writes it: {"a": ["b/c", 1]} is ~(a~(~'b*2fc~1))."""
    return f"~{_encoded(value)}"


def _encoded(value: Json) -> str:
    if isinstance(value, Mapping):
        return f"({'~'.join(f'{_escaped(key)}~{_encoded(item)}' for key, item in value.items())})"
    if isinstance(value, str):
        return f"'{_escaped(value)}"
    if isinstance(value, Sequence):
        return f"({''.join(f'~{_encoded(item)}' for item in value)})"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _escaped(text: str) -> str:
    """Escape all but letters, digits and _.- in UTF-16 units, as JavaScript does: / is *2f, 日 is **65e5."""
    return _STATE.sub(lambda match: _units(match[0].encode("utf-16-be", "surrogatepass").hex()), text)


def _units(digits: str) -> str:
    units = [digits[at : at + 4] for at in range(0, len(digits), 4)]
    return "".join(f"*{unit[2:]}" if unit.startswith("00") else f"**{unit}" for unit in units)


def _console(region: str) -> str:
    if not region or NO_CONSOLE.match(region):
        return ""
    named = (domain for prefix, domain in CONSOLES.items() if region.startswith(f"{prefix}-"))
    return next(named, "console.aws.amazon.com")


def _moment(at: int) -> str:
    return iso(at).replace("Z", ".000Z")


def _metrics(report: Report) -> tuple[str, str]:
    """Return the graph of the metrics that the findings are told by, else of all, in the judged window."""
    asked = {key: signal for key, signal in report.asked.items() if isinstance(signal, Metric)}
    told = [e.signal for chain in chains(report) for finding in chain for e in finding.evidence]
    shown = list(dict.fromkeys(asked[key] for key in told if key in asked)) or list(asked.values())
    if not shown:
        return "cloudwatch", ""
    lines = [_graphed(metric, two_axes=len({_in_ms(m) for m in shown}) > 1) for metric in shown[:METRICS_MAX]]
    graph = {
        "metrics": lines,
        "view": "timeSeries",
        "stacked": False,
        "region": report.target.region,
        "start": _moment(report.window.start),
        "end": _moment(report.window.end),
        "period": shown[0].period_s,
    }
    return "cloudwatch", f"metricsV2:graph={jsurl(graph)}"


def _graphed(metric: Metric, *, two_axes: bool) -> list[Json]:
    axis = {"yAxis": "right"} if two_axes and not _in_ms(metric) else {}
    dimensions = [part for dimension in metric.dimensions for part in dimension]
    return [metric.namespace, metric.name, *dimensions, {"stat": metric.stat, **axis}]


def _in_ms(metric: Metric) -> bool:
    """Whether it is an age or a duration: beside millions of milliseconds a count is a flat line."""
    return "Age" in metric.name or metric.name.endswith("Duration")


def _logs(report: Report) -> tuple[str, str]:
    """Return Logs Insights with the query, if one was asked; the page runs it only when told to."""
    asked = next((signal for signal in report.asked.values() if isinstance(signal, LogQuery)), None)
    groups = asked.groups if asked else tuple(filter(None, (report.target.log_group,)))
    if not groups:
        return "cloudwatch", ""
    query = asked.query if asked else ""
    # In an address a space is three characters, and those behind a pipe tell nothing.
    fitting = (_insights(report, text, groups) for text in (query, query.replace("\n| ", "\n|"), ""))
    return "cloudwatch", next((url for url in fitting if len(url) <= LONGEST - SHORT), "")


def _insights(report: Report, query: str, groups: Sequence[str]) -> str:
    detail = {
        "end": _moment(report.window.end),
        "start": _moment(report.window.start),
        "timeType": "ABSOLUTE",
        "tz": "UTC",
        "editorString": query,
        "isLiveTail": False,
        "source": groups,
    }
    return f"logsV2:logs-insights$3FqueryDetail$3D{jsurl(detail)}"


def _function(target: Target) -> dict[str, tuple[str, str]]:
    if not target.function:
        return {}
    page = f"/functions/{quote(target.function, safe='')}"
    return {
        "function": ("lambda", f"{page}?tab=monitoring"),
        "triggers": ("lambda", f"{page}?subtab=triggers&tab=configure"),
    }


def _source(target: Target) -> dict[str, tuple[str, str]]:
    """Return the stream's, table's or queue's page, unless another account owns it."""
    if target.source_arn.count(":") < ARN_COLONS:
        return {}
    _, _, service, _, owner, _ = target.source_arn.split(":", ARN_COLONS)
    if target.account and owner != target.account:
        return {}
    name = quote(target.source, safe="")
    if service == "sqs":
        suffix = ".cn" if target.region.startswith("cn-") else ""
        url = f"https://sqs.{target.region}.amazonaws.com{suffix}/{owner}/{target.source}"
        return {"queue": ("sqs/v3", f"/queues/{quote(url, safe='')}")}
    pages = {
        "kinesis": {"stream": ("kinesis", f"/streams/details/{name}/monitoring")},
        "dynamodb": {"table": ("dynamodbv2", f"table?name={name}&tab=monitoring")},
    }
    return pages.get(service, {})


def _changes(report: Report) -> tuple[str, str]:
    """Return CloudTrail's history of the function, from a day before it began: causes come first."""
    if not report.target.function:
        return "cloudtrailv2", ""
    found = chains(report)
    began = min(report.window.start, (found[0][0].since if found else None) or report.window.start)
    times = f"StartTime={_moment(began - DAY_S)}&EndTime={_moment(report.window.end)}"
    name = quote(report.target.function, safe="")
    return "cloudtrailv2", f"/events?ResourceName={name}&{times}"
