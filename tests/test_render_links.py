"""Links into the AWS console, letter by letter: nobody documents them, so nothing may drift."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render_reports import ASKED, BREACH, FUNCTION, HEALTHY, LOSS, TARGET, UNKNOWN

from opskit.model import Describe, LogQuery, Metric, Report
from opskit.render.links import LONGEST, METRICS_MAX, addresses, jsurl, links

AT = "https://us-east-1.console.aws.amazon.com"
QUEUE = "https%3A%2F%2Fsqs.us-east-1.amazonaws.com%2F123456789012%2Fjobs.fifo"
WINDOW = "2026-11-24T00*3a10*3a00.000Z", "2026-11-24T03*3a10*3a00.000Z"


def test_every_page_of_a_report() -> None:
    assert links(LOSS) == {
        "metrics": f"{AT}/cloudwatch/home?region=us-east-1#metricsV2:graph=~(metrics~("
        f"~(~'AWS*2fLambda~'IteratorAge~'FunctionName~'{FUNCTION}~(stat~'Maximum))"
        f"~(~'AWS*2fLambda~'Errors~'FunctionName~'{FUNCTION}~(stat~'Sum~yAxis~'right)))"
        "~view~'timeSeries~stacked~false~region~'us-east-1"
        f"~start~'{WINDOW[0]}~end~'{WINDOW[1]}~period~60)",
        "logs": f"{AT}/cloudwatch/home?region=us-east-1#logsV2:logs-insights$3FqueryDetail$3D"
        f"~(end~'{WINDOW[1]}~start~'{WINDOW[0]}~timeType~'ABSOLUTE~tz~'UTC"
        f"~editorString~'fields*20*40message*0a*7c*20limit*205~isLiveTail~false"
        f"~source~(~'*2faws*2flambda*2f{FUNCTION}))",
        "function": f"{AT}/lambda/home?region=us-east-1#/functions/{FUNCTION}?tab=monitoring",
        "triggers": f"{AT}/lambda/home?region=us-east-1#/functions/{FUNCTION}?subtab=triggers&tab=configure",
        "stream": f"{AT}/kinesis/home?region=us-east-1#/streams/details/scores/monitoring",
        "changes": f"{AT}/cloudtrailv2/home?region=us-east-1#/events?ResourceName={FUNCTION}"
        "&StartTime=2026-11-23T00:10:00.000Z&EndTime=2026-11-24T03:10:00.000Z",
    }


def test_the_encoding_is_the_consoles_own() -> None:
    # A query's link as the console itself made it, taken from a public runbook, names replaced.
    detail = {
        "end": 0,
        "start": -3600,
        "timeType": "RELATIVE",
        "tz": "UTC",
        "unit": "seconds",
        "editorString": "fields @timestamp, @message\n| sort @timestamp desc\n"
        "| filter app = 'my-service'\n| limit 200",
        "queryId": "dae7095d-9b56",
        "source": ["arn:aws:logs:eu-north-1:123456789012:log-group:/my/service/logs"],
        "lang": "CWLI",
    }
    assert jsurl(detail) == (
        "~(end~0~start~-3600~timeType~'RELATIVE~tz~'UTC~unit~'seconds~editorString~'"
        "fields*20*40timestamp*2c*20*40message*0a*7c*20sort*20*40timestamp*20desc*0a*7c*20"
        "filter*20app*20*3d*20*27my-service*27*0a*7c*20limit*20200~queryId~'dae7095d-9b56"
        "~source~(~'arn*3aaws*3alogs*3aeu-north-1*3a123456789012*3alog-group*3a*2fmy*2fservice*2flogs)"
        "~lang~'CWLI)"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "~true"), (0.5, "~0.5"), ([], "~()"), ({}, "~()"), ("a_b.c-d", "~'a_b.c-d"),
        ("~(*)'$!%", "~'*7e*28*2a*29*27*24*21*25"),
        ("é日😀", "~'*e9**65e5**d83d**de00"), ({"a b": "x"}, "~(a*20b~'x)"),
    ],
)  # fmt: skip
def test_jsurl(value: Any, said: str) -> None:
    assert jsurl(value) == said


@given(st.text())
def test_no_text_leaves_its_place_in_a_link(text: str) -> None:
    assert set(jsurl(text).removeprefix("~'")) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-*"
    )


@pytest.mark.parametrize(
    ("region", "start"),
    [
        ("eu-central-1", "https://eu-central-1.console.aws.amazon.com/lambda/home?region=eu-central-1#"),
        ("us-gov-west-1", "https://us-gov-west-1.console.amazonaws-us-gov.com/lambda/home?region=us-gov-west-1#"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/lambda/home?region=cn-north-1#"),
    ],
)  # fmt: skip
def test_the_region_stands_in_the_host_and_in_the_query(region: str, start: str) -> None:
    report = replace(LOSS, target=replace(TARGET, region=region))
    assert links(report)["function"].startswith(start)


@pytest.mark.parametrize(
    "region", ["us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1", ""]
)
def test_a_region_without_a_known_console_has_no_links(region: str) -> None:
    assert links(replace(LOSS, target=replace(TARGET, region=region))) == {}


def test_an_endpoint_that_is_not_awss_own_has_no_links() -> None:
    assert links(replace(LOSS, endpoint="http://127.0.0.1:4566")) == {}


@pytest.mark.parametrize(
    ("arn", "name", "url"),
    [
        (
            "arn:aws:dynamodb:us-east-1:123456789012:table/scores/stream/2026-01-01T00:00:00.000",
            "table",
            f"{AT}/dynamodbv2/home?region=us-east-1#table?name=scores&tab=monitoring",
        ),
        (
            "arn:aws:sqs:us-east-1:123456789012:jobs.fifo",
            "queue",
            f"{AT}/sqs/v3/home?region=us-east-1#/queues/{QUEUE}",
        ),
    ],
)
def test_the_source_of_each_kind(arn: str, name: str, url: str) -> None:
    assert links(replace(LOSS, target=replace(TARGET, source_arn=arn)))[name] == url


@pytest.mark.parametrize(
    "arn",
    ["", "scores", "arn:aws:kinesis:us-east-1:210987654321:stream/scores", "arn:aws:kafka:r:123456789012:c"],
)  # fmt: skip
def test_a_source_that_is_unknown_or_anothers_has_no_page(arn: str) -> None:
    assert not {"stream", "table", "queue"} & set(
        links(replace(LOSS, target=replace(TARGET, source_arn=arn)))
    )


def test_nothing_known_is_nothing_linked() -> None:
    bare = replace(TARGET, function="", source_arn="", log_group="")
    assert links(replace(LOSS, target=bare, asked={})) == {}


def test_without_findings_every_asked_metric_is_in_the_graph_up_to_a_limit() -> None:
    url = links(replace(HEALTHY, asked=ASKED))["metrics"]
    assert url.count("FunctionName") == 3
    many = {str(n): Metric("AWS/Kinesis", f"m{n}", (), "Sum") for n in range(50)}
    crowded = links(replace(HEALTHY, asked={**many, "d": Describe("lambda", "GetFunction")}))["metrics"]
    assert crowded.count("AWS*2fKinesis") == METRICS_MAX
    assert "yAxis" not in crowded


def test_without_a_query_logs_insights_opens_with_the_group_alone() -> None:
    assert (
        f"~editorString~'~isLiveTail~false~source~(~'*2faws*2flambda*2f{FUNCTION})" in links(HEALTHY)["logs"]
    )


def test_a_query_too_long_for_a_link_is_left_out() -> None:
    long = LogQuery(("/g",), "filter " + "|" * 1000, ())
    url = links(replace(HEALTHY, asked={"q": long}))["logs"]
    assert "~editorString~'~isLiveTail~false~source~(~'*2fg)" in url


def test_the_query_that_is_run_for_errors_fits_a_link() -> None:
    from opskit.insights import library  # noqa: PLC0415

    query = library.load("stream-errors")
    asked = {"q": LogQuery((f"/aws/lambda/{FUNCTION}",), query.render(), query.columns)}
    url = links(replace(HEALTHY, asked=asked))["logs"]
    assert "jsonParse" in url
    assert len(url) <= LONGEST
    other = LogQuery((f"/aws/lambda/{FUNCTION}-{'x' * 20}",), query.render(), query.columns)
    assert "jsonParse" in links(replace(HEALTHY, asked={"q": other}))["logs"]


def test_addresses_are_few_and_bearable_and_none_if_all_is_well() -> None:
    assert list(addresses(LOSS)) == list(addresses(UNKNOWN)) == ["function", "triggers", "stream"]
    assert addresses(BREACH) == addresses(HEALTHY) == {}


@pytest.mark.parametrize("report", [LOSS, replace(HEALTHY, asked=ASKED)])
def test_a_link_is_ascii_and_holds_nothing_that_ends_one(report: Report) -> None:
    for url in links(report).values():
        assert url.isascii()
        assert not set(url) & set(' "<>\\^`{|}\n\x1b')
