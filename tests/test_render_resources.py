"""The manifests' resources in every output form, exactly; names are never cut."""

from pathlib import Path

import pytest
from drift_live import Live, fleet, function

from opskit.drift.report import Inventoried
from opskit.render.canvas import Canvas, Output
from opskit.render.resources import render, summary


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Inventoried:
    """One missing, one that differs twice, one that cannot be looked at."""
    live = Live()
    del live.answers["GetQueueUrl", "updates-dlq"]
    live.answers["GetFunction", function("queues")] |= {"timeout_s": 60, "tags": {"stack": "\x1b[31mx"}}
    live.denied.add(("DescribeTable", "fans"))
    return live.report(fleet(tmp_path_factory.mktemp("fleet"), names=["queues"]))


TABLE_60 = """\
worker  kind      name         state    what differs
queues  function  queues       differs  timeout, tag stack
queues  queue     updates-dlq  missing
queues  table     fans         unknown  denied: needs
                                        DescribeTable

4 found, 1 differs, 1 missing, 1 could not be looked at
account 123456789012, us-east-1, prod

high     queue updates-dlq: does not exist; queues needs it
         look: aws sqs get-queue-url --queue-name updates-dlq --region us-east-1
medium   function queues: 2 settings differ
         timeout: 60 s live, 30 s in the manifest
         tag stack: \\x1b[31mx live, fans in the manifest
         look: aws lambda get-function --function-name prd2011-prod-us-east-1-queues --region us-east-1 \
--query '[Configuration.[Timeout,MemorySize,LoggingConfig,State,LastUpdateStatus],Concurrency,Tags]'
low      queue updates: the visibility timeout of 180 s is
         below 6 x the timeout of 60 s + the window of 0 s =
         360 s: messages may come back while they are
         handled
         look: aws sqs get-queue-attributes --queue-url https://queues/updates --attribute-names All \
--region us-east-1

could not look at table fans: denied: needs DescribeTable

cost 10 calls, 0 metrics, 0 B scanned, $0"""


def test_a_table_is_readable_at_60_columns(found: Inventoried) -> None:
    shown = render(found, Output.TABLE, Canvas(width=60), only_drift=True)
    assert shown == TABLE_60


def test_below_80_columns_the_names_of_a_whole_fleet_get_the_room(found: Inventoried) -> None:
    narrow = render(found, Output.TABLE, Canvas(width=60))
    assert narrow.splitlines()[0].split() == ["worker", "kind", "name", "state"]
    assert "timeout: 60 s live, 30 s in the manifest" in narrow
    assert "denied: needs DescribeTable" in narrow
    assert "what differs" in render(found, Output.TABLE, Canvas(width=80))


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_name_is_cut_at_any_width(width: int, tmp_path: Path) -> None:
    live = Live()
    live.answers.clear()
    live.answers["GetCallerIdentity", ""] = {"account": "123456789012"}
    workers = fleet(tmp_path, names=["queues", "nightly"])
    for name in ("queues", "nightly"):
        live.answers["DescribeLogGroups", f"/aws/lambda/{function(name)}"] = []
    report = live.report(workers)
    table = render(report, Output.TABLE, Canvas(width=width)).partition("\n\n")[0]
    lines = table.splitlines()
    assert max(map(len, lines)) <= width
    column = lines[0].index("name"), lines[0].index("state")
    names = "".join(line[column[0] : column[1]].strip() for line in lines[1:])
    for resource in report.resources:
        assert resource.name.replace("prd2011-prod-us-east-1-", "") in names


def test_plain_text_has_a_line_for_each_resource_whatever_the_width(found: Inventoried) -> None:
    lines = render(found, Output.PLAIN, Canvas(width=20)).splitlines()
    assert len(lines[: lines.index("")]) == len(found.resources) + 1
    assert any(line.split()[:4] == ["queues", "table", "fans", "unknown"] for line in lines)


def test_markdown_escapes_what_aws_said(found: Inventoried) -> None:
    shown = render(found, Output.MARKDOWN, Canvas(), only_drift=True)
    assert shown.startswith("# 4 found, 1 differs, 1 missing, 1 could not be looked at\n")
    assert r"tag stack: \\x1b\[31mx live" in shown
    assert "`aws sqs get-queue-url --queue-name updates-dlq --region us-east-1`" in shown


def test_only_drift_of_a_fleet_that_matches_is_its_summary(tmp_path: Path) -> None:
    report = Live().report(fleet(tmp_path, names=["queues"]))
    shown = render(report, Output.TABLE, Canvas(width=80), only_drift=True)
    assert shown.startswith("7 found\naccount 123456789012, us-east-1, prod\n\ncost ")
    assert summary(report) == "7 found"


def test_a_thing_that_several_workers_share_names_them_all(tmp_path: Path) -> None:
    report = Live().report(fleet(tmp_path))
    line = next(line for line in render(report, Output.PLAIN, Canvas()).splitlines() if " table " in line)
    assert line.startswith("queues, tables")
