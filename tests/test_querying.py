"""Queries of the library at AWS: parts, estimates, what cannot be read, and what answers otherwise."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.stub import Stubber
from insights_rows import REQUEST
from logs_plane import GROUP, NOW_MS, NOW_S, Plane, plane
from scripted import StubbedAws, unconnected

from opskit.errors import UsageError
from opskit.insights.answer import Asked
from opskit.insights.fields import discovered
from opskit.insights.library import load as load_query
from opskit.insights.library import names
from opskit.model import Window
from opskit.querying import Client

WINDOW = Window(NOW_S - 3600, NOW_S)
LINES = "fields @message | sort @timestamp asc"


def asked(
    *groups: str, text: str = LINES, columns: tuple[str, ...] = ("@message",), limit: int = 100
) -> Asked:
    return Asked("lines", text, columns, groups or (GROUP,), WINDOW, limit)


@pytest.fixture
def aws() -> Iterator[Plane]:
    with plane() as served:
        yield served


def client(served: Plane) -> Client:
    return Client(StubbedAws(logs=served.client), 20)  # type: ignore[arg-type]


def load(served: Plane, group: str, *messages: str, log_class: str = "STANDARD") -> None:
    if group != GROUP:
        served.logs.create_group(group, log_class=log_class)
    served.logs.load(group, "s", [(NOW_MS - 1000 + n, message) for n, message in enumerate(messages)])


def test_rows_come_with_statistics_and_cost(aws: Plane) -> None:
    load(aws, GROUP, "one", "two")
    looked = client(aws)
    answer = looked.run(asked())
    assert [row["@message"] for row in answer.rows] == ["one", "two"]
    assert (answer.gaps, answer.limited, answer.parts, answer.read) == ((), False, 1, True)
    assert (answer.statistics["recordsScanned"], answer.statistics["bytesScanned"]) == (2, 6)
    assert (looked.meter.cost.api_calls, looked.meter.cost.bytes_scanned) == (1, 6)


def test_rows_beyond_the_limit_are_cut_and_said_to_be(aws: Plane) -> None:
    load(aws, GROUP, "one", "two", "three")
    assert client(aws).run(asked(limit=3)).limited is False
    answer = client(aws).run(asked(limit=2))
    assert ([row["@message"] for row in answer.rows], answer.limited) == (["one", "two"], True)


def test_secrets_are_masked(aws: Plane) -> None:
    load(aws, GROUP, "user ada@example.com has password=hunter2")
    (row,) = client(aws).run(asked()).rows
    assert row["@message"] == "user *** has password=***"


def test_more_than_fifty_groups_are_asked_in_parts(aws: Plane) -> None:
    names = [f"/g/{n}" for n in range(51)]
    for name in names:
        load(aws, name, name)
    answer = client(aws).run(asked(*names))
    assert (len(answer.rows), answer.parts, answer.gaps) == (51, 2, ())  # their order is no column
    assert answer.statistics["recordsScanned"] == 51
    estimate = client(aws).estimate(asked(*names))
    assert estimate.size == sum(map(len, names))


def test_rows_of_parts_are_merged_where_they_add_up(aws: Plane) -> None:
    names = [f"/g/{n}" for n in range(60)]
    for n, name in enumerate(names):
        aws.logs.create_group(name)
        aws.logs.load(name, "s", [(NOW_MS - 60_000 * (n % 7) - n, f"ms: {n * 7 % 60}")])
    text = 'parse @message "ms: *" as ms | sort ms desc, @timestamp asc | display ms, @timestamp'
    answer = client(aws).run(asked(*names, text=text, columns=("ms", "@timestamp"), limit=5))
    assert [row["ms"] for row in answer.rows] == ["59", "58", "57", "56", "55"]
    assert (answer.parts, answer.limited) == (1, True)
    by_group = "stats count(*) as n by @log | sort n desc, @log asc"
    answer = client(aws).run(asked(*names, text=by_group, columns=("n", "@log")))
    assert [row["@log"] for row in answer.rows] == sorted(f"123456789012:{name}" for name in names)
    assert (answer.parts, answer.limited) == (1, False)
    torn = client(aws).run(asked(*names, text="stats count(*) as n | sort n desc", columns=("n",)))
    assert ([row["n"] for row in torn.rows], torn.parts) == (["50", "10"], 2)


def test_a_group_that_cannot_be_asked_does_not_keep_the_others_from_it(aws: Plane) -> None:
    load(aws, GROUP, "one")
    load(aws, "/rare", "two", log_class="INFREQUENT_ACCESS")
    load(aws, "/delivered", "three", log_class="DELIVERY")
    groups = (GROUP, "/rare", "/delivered", "/nosuch")
    answer = client(aws).run(asked(*groups))
    assert sorted(row["@message"] for row in answer.rows) == ["one", "two"]
    assert sorted(answer.gaps) == [
        "log group /delivered: its class is DELIVERY, which Logs Insights cannot query",
        "log group /nosuch: there is no such log group",
    ]
    assert answer.parts == 2
    estimate = client(aws).estimate(asked(*groups))
    assert (estimate.size, estimate.bound, len(estimate.gaps)) == (6, False, 2)


def test_a_class_without_discovered_fields_is_a_gap_of_a_query_for_them(aws: Plane) -> None:
    load(aws, "/rare", '{"level": "ERROR"}', log_class="INFREQUENT_ACCESS")
    text = 'filter @type = "REPORT" and level = "ERROR" | stats count(*) as n by @log'
    for text_of, gaps in ((text, 1), (text.replace("and", "or"), 1), (LINES, 0)):
        answer = client(aws).run(asked("/rare", text=text_of, columns=("n", "@log", "@message")))
        said = "log group /rare: its class INFREQUENT_ACCESS has no field @type and 1 more: Logs Insights "
        assert answer.gaps == (f"{said}discovers none in it, so rows may be missing",) * gaps
        assert (answer.rows, answer.read, answer.failed) == (
            () if gaps else ({"@message": '{"level": "ERROR"}'},),
            True,
            bool(gaps),
        )
    load(aws, GROUP, "one")
    assert client(aws).run(asked(text=text, columns=("n", "@log"))).gaps == ()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("fields @timestamp, @message | filter @logStream = 'a' and @log = @log", ()),
        ("filter level = 'x' or not level in ['y', z] | sort @ingestionTime", ("level", "z")),
        ("parse @message /(?<a>x)(?<b>y)/ | parse c '*' as d | stats max(a + b) as n by d | sort n", ("c",)),
        ("fields coalesce(a, b.c) as a | display a, d | dedup a", ("a", "b.c", "d")),
        ("fields jsonParse(@message) as m, a as n | filter m.a.b = 1 and n.a = 1", ("a", "n.a")),
    ],
)  # fmt: skip
def test_the_fields_that_a_query_needs_discovered(text: str, wanted: tuple[str, ...]) -> None:
    assert discovered(text) == wanted


def test_the_queries_that_need_nothing_discovered_are_few() -> None:
    given = {"request": {"request": REQUEST}, "stream": {"stream": "s"}}
    texts = {name: load_query(name).render(**given.get(name, {})) for name in names()}
    assert [name for name, text in texts.items() if not discovered(text)] == [
        "request",
        "stream",
        "stream-errors",  # which a diagnosis asks of log groups of any class
        "throttling",
    ]
    # A query's own limit would win over the call's, and cut rows without a word.
    assert [name for name, text in texts.items() if "| limit" in text] == []


def test_nothing_read_is_a_gap_and_no_match_is_none(aws: Plane) -> None:
    nothing = client(aws).run(asked())
    assert nothing.gaps == (f"log group {GROUP}: nothing was read: wrong group, window or retention",)
    assert nothing.read is False
    load(aws, GROUP, "one")
    none = client(aws).run(asked(text="filter @message like /nothing/ | fields @message"))
    assert (none.rows, none.gaps, none.read) == ((), (), True)


def test_a_malformed_query_is_a_usage_error(aws: Plane) -> None:
    with pytest.raises(UsageError, match=r"query lines: AWS refused the request \(MalformedQueryException"):
        client(aws).run(asked(text="fields @message | nosuch"))


@contextmanager
def answering(*answers: Any) -> Iterator[Client]:
    """A client of an endpoint that gives these answers: (method, answer) or (method, an error's code)."""
    stubbed = unconnected("logs")
    with Stubber(stubbed) as stubber:
        for method, answer in answers:
            if isinstance(answer, str):
                stubber.add_client_error(method, answer, "no")
            else:
                stubber.add_response(method, answer)
        yield Client(StubbedAws(logs=stubbed), 5)  # type: ignore[arg-type]
        stubber.assert_no_pending_responses()


STARTED = ("start_query", {"queryId": "q"})
STATISTICS = {"recordsScanned": 5.0, "recordsMatched": 1.0, "bytesScanned": 0.0}


def complete(*rows: dict[str, str]) -> tuple[str, dict[str, Any]]:
    results = [[{"field": name, "value": value} for name, value in row.items()] for row in rows]
    return ("get_query_results", {"status": "Complete", "results": results, "statistics": STATISTICS})


STORED = (
    "describe_log_groups",
    {"logGroups": [{"logGroupName": GROUP, "storedBytes": 2_000_000_000}, {"logGroupName": f"{GROUP}2"}]},
)


def test_an_estimate_is_the_one_number_whatever_its_field_is_called() -> None:
    with answering(STARTED, complete({"bytes": "1500000000"})) as looked:
        estimate = looked.estimate(asked())
    assert (estimate.size, estimate.bound) == (1_500_000_000, False)
    assert estimate.usd == pytest.approx(0.0075)


@pytest.mark.parametrize(
    "answers",
    [
        [("start_query", "MalformedQueryException")],
        [STARTED, complete()],
        [STARTED, complete({"@timestamp": "2026-01-01 00:00:00.000", "@message": "12"})],
    ],
)
def test_without_an_estimate_what_is_stored_is_the_upper_bound(answers: list[Any]) -> None:
    with answering(*answers, STORED) as looked:
        estimate = looked.estimate(asked())
    assert (estimate.size, estimate.bound, estimate.gaps) == (2_000_000_000, True, ())


def test_with_neither_nothing_is_said_of_the_cost() -> None:
    denied = ("describe_log_groups", "AccessDeniedException")
    with answering(("start_query", "MalformedQueryException"), denied) as looked:
        estimate = looked.estimate(asked())
    assert (estimate.size, estimate.gaps) == (None, ("no estimate: denied: needs logs:DescribeLogGroups",))
    with answering(("start_query", "AccessDeniedException")) as looked:
        estimate = looked.estimate(asked())
    assert (estimate.size, estimate.gaps) == (None, (f"log group {GROUP}: denied: needs logs:StartQuery",))


def test_rows_that_are_not_the_querys_are_a_gap() -> None:
    with answering(STARTED, complete({"@timestamp": "x", "@message": "y"})) as looked:
        answer = looked.run(asked(columns=("n",)))
    assert answer.rows == ()
    assert answer.gaps == (
        f"log group {GROUP}: the rows are not this query's: they have @message, @timestamp",
    )


def test_a_query_that_does_not_end_in_time_is_stopped() -> None:
    running = ("get_query_results", {"status": "Running", "results": []})
    with answering(STARTED, running, ("stop_query", {"success": True})) as looked:
        looked._patience.seconds = 0.1
        answer = looked.run(asked())
    assert answer.gaps == (
        f"log group {GROUP}: no result within 0.1 s (state Running); the query was stopped",
    )


class Endless:
    """A logs client whose queries never end."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.stopped: list[str] = []

    def start_query(self, **params: Any) -> dict[str, str]:
        self.started.append(f"q{len(self.started)}")
        return {"queryId": self.started[-1]}

    def get_query_results(self, **params: Any) -> dict[str, Any]:
        return {"status": "Running", "results": []}

    def stop_query(self, queryId: str) -> None:  # noqa: N803 - AWS's name
        self.stopped.append(queryId)


def test_ctrl_c_stops_every_query_at_aws() -> None:
    endless = Endless()
    looked = Client(StubbedAws(logs=endless), 600)  # type: ignore[arg-type]
    timer = threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            looked.run(asked(*(f"/g/{n}" for n in range(600))))
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert len(endless.started) == 8  # of twelve: the others were not begun any more
    assert sorted(endless.stopped) == sorted(endless.started)
