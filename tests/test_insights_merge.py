"""Rows of a query over several parts, in the order that one query over all gives them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from opskit.insights import local
from opskit.insights.exports import Event
from opskit.insights.merge import merged

TEXT = """
parse @message "v=*;" as v | parse @message "w=*;" as w
| sort v {}, w {}, @timestamp asc | display v, w, @timestamp
"""
VALUES = st.sampled_from(["", "1", "2", "10", "-3", "1.5", "x", "y", "ab"])
EVENTS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12)
WAY = st.sampled_from(["asc", "desc"])


@settings(deadline=None, max_examples=40)
@given(EVENTS, EVENTS, WAY, WAY)
def test_merged_rows_are_those_of_one_query_over_all(
    first: list[tuple[str, str]], second: list[tuple[str, str]], way: str, other: str
) -> None:
    events = [Event(n, f"v={v}; w={w};", "s", "g") for n, (v, w) in enumerate([*first, *second])]
    text = TEXT.format(way, other)
    parts = [
        list(local.run(text, part, 0, 100).rows) for part in (events[: len(first)], events[len(first) :])
    ]
    rows = merged(text, parts)
    whole = list(local.run(text, events, 0, 100).rows)
    lacking = {"v", "w"} - set().union(*whole)
    assert rows == (None if lacking else whole)


def test_sums_over_several_parts_are_no_one_answer() -> None:
    rows = [[{"n": "1"}], [{"n": "2"}]]
    assert merged("stats count(*) as n | sort n desc", rows) is None
    assert merged("stats count(*) as n by @log | sort n desc", rows) == [{"n": "2"}, {"n": "1"}]
    assert merged("fields @message | limit 1", rows) is None
    assert merged("fields n | sort n asc | limit 1", rows) is None  # each part has its own first row
    assert merged("stats count(*) as n", rows[:1]) == rows[0]
