"""Answers in JSON, read as botocore reads them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.parsers import ResponseParserFactory
from botocore.session import Session

from opskit.aws.parsing import QuickParsers

SHAPE = Session().get_service_model("cloudwatch").operation_model("GetMetricData").output_shape
SERIES = {
    "Id": "m0",
    "Label": "Errors",
    "Timestamps": [1795703520, 1795703580.5, "2026-11-26T09:14:00Z"],
    "Values": [1.0, 0, 2.5e-3],
    "StatusCode": "Complete",
    "Messages": [{"Code": "a", "Value": "b"}, None],
}


def parsed(factory: Any, body: Any, protocol: str = "json") -> Any:
    response = {"headers": {}, "status_code": 200, "body": json.dumps(body).encode(), "context": {}}
    return factory.create_parser(protocol).parse(response, SHAPE)


@pytest.mark.parametrize(
    "body",
    [
        {"MetricDataResults": [SERIES, SERIES], "Messages": []},
        {"MetricDataResults": [{**SERIES, "Timestamps": [], "Values": []}], "NextToken": "more"},
        {"MetricDataResults": [{**SERIES, "Timestamps": [None, 1795703520], "Values": [None, 1]}]},
        {"MetricDataResults": [{"Id": "m1", "Timestamps": None, "Values": None}, None]},
        {},
    ],
)
def test_an_answer_is_read_as_botocore_reads_it(body: Any) -> None:
    assert parsed(QuickParsers(), body) == parsed(ResponseParserFactory(), body)


def test_times_are_in_utc_whatever_this_machines_zone() -> None:
    times = parsed(QuickParsers(), {"MetricDataResults": [SERIES]})["MetricDataResults"][0]["Timestamps"]
    assert times[0] == datetime(2026, 11, 26, 14, 32, tzinfo=UTC)
    assert times[0].tzinfo is UTC


@pytest.mark.parametrize("protocol", ["query", "rest-json", "smithy-rpc-v2-cbor"])
def test_other_protocols_have_botocores_own_parsers(protocol: str) -> None:
    theirs = ResponseParserFactory().create_parser(protocol)
    assert type(QuickParsers().create_parser(protocol)) is type(theirs)
